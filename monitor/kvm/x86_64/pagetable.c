/* pagetable.c: Intel SDM 3, 4.5. Accessed and dirty are set from the start, so that the
 * processor has nothing to write. */
#include "monitor/kvm/pagetable.h"

#include <stddef.h>
#include <string.h>

#include "abi/layout.h"
#include "base/err.h"
#include "cpu_layout.h"

#define PRESENT  0x001ull
#define WRITABLE 0x002ull
#define USER     0x004ull
#define ACCESSED 0x020ull
#define DIRTY    0x040ull
#define LARGE    0x080ull /* a directory's entry that is no table: 2 MiB */
#define NO_EXECUTE (1ull << 63)
#define FRAME    0x000ffffffffff000ull

#define ENTRIES 512u
#define PAGE_SHIFT 12u
#define TABLE_SHIFT 21u
#define GIB_SHIFT 30u
#define TABLE (PRESENT | WRITABLE | USER | ACCESSED)

_Static_assert(MF_GATE_BASE == GATE_CODE && MF_GATE_DATA_BASE == GATE_DATA, "abi/layout.h");
_Static_assert(CPU_PT + (MF_WINDOW_MAX >> TABLE_SHIFT) * MF_PAGE_BYTES == CPU_BYTES,
               "a table page for each 2 MiB of the largest window");
_Static_assert(RING0_BASE % (1u << TABLE_SHIFT) == 0 &&
                   CPU_BASE + CPU_PAGE - RING0_BASE < (1u << TABLE_SHIFT),
               "one table page maps what ring 0 sees");

static uint64_t *table(uint8_t *cpu, uint64_t offset)
{
    return (uint64_t *)(void *)(cpu + offset);
}

static uint64_t window_table(uint64_t address)
{
    return CPU_PT + (address >> TABLE_SHIFT) * MF_PAGE_BYTES;
}

/* The directories of consecutive GiB are consecutive, so one index serves. */
static uint64_t *directory_entry(uint8_t *cpu, uint64_t address)
{
    return &table(cpu, CPU_PD)[address >> TABLE_SHIFT];
}

/* The entry of a window page, its table page hung into the directory; one that takes the place of a
 * large page has entries that say the same. */
static uint64_t *window_entry(uint8_t *cpu, uint64_t address)
{
    uint64_t *directory = directory_entry(cpu, address), *entries = table(cpu, window_table(address));
    if (*directory & LARGE)
        for (uint64_t i = 0; i < ENTRIES; i++)
            entries[i] = (*directory & ~LARGE) + (i << PAGE_SHIFT);
    else if (*directory == 0)
        entries[0] = 0; /* as it is: but written before it is read, it is one fault of ours, not two */
    *directory = (CPU_BASE + window_table(address)) | TABLE;
    return &entries[(address >> PAGE_SHIFT) % ENTRIES];
}

void pagetable_init(uint8_t *cpu)
{
    const uint64_t ring0 = PRESENT | ACCESSED | DIRTY;
    table(cpu, CPU_PML4)[0] = (CPU_BASE + CPU_PDPT) | TABLE;
    uint64_t *directories = table(cpu, CPU_PDPT);
    directories[0] = (CPU_BASE + CPU_PD) | TABLE;
    directories[1] = (CPU_BASE + CPU_PD + MF_PAGE_BYTES) | TABLE;
    directories[RING0_BASE >> GIB_SHIFT] = (CPU_BASE + CPU_PD + 2 * MF_PAGE_BYTES) | TABLE;

    uint64_t *high = table(cpu, CPU_PT0);
    table(cpu, CPU_PD + 2 * MF_PAGE_BYTES)[(RING0_BASE >> TABLE_SHIFT) % ENTRIES] =
        (CPU_BASE + CPU_PT0) | TABLE;
    for (uint64_t page = RING0_TSS; page < RING0_GATE; page += MF_PAGE_BYTES)
        high[page >> PAGE_SHIFT] =
            (RING0_BASE + page) | ring0 | (page == RING0_CODE ? 0 : NO_EXECUTE);
    high[(CPU_BASE + CPU_PAGE - RING0_BASE) >> PAGE_SHIFT] =
        (CPU_BASE + CPU_PAGE) | ring0 | WRITABLE | NO_EXECUTE;

    *window_entry(cpu, GATE_CODE) = (RING0_BASE + RING0_GATE) | ring0 | USER;
    *window_entry(cpu, GATE_DATA) = (CPU_BASE + CPU_PAGE) | ring0 | USER | NO_EXECUTE;
}

static uint64_t flags(enum page_access access)
{
    const uint64_t ring3 = PRESENT | USER | ACCESSED | DIRTY;
    switch (access) {
    case PAGE_READ:
        return ring3 | NO_EXECUTE;
    case PAGE_READ_WRITE:
        return ring3 | NO_EXECUTE | WRITABLE;
    case PAGE_READ_EXECUTE:
        return ring3;
    case PAGE_READ_WRITE_EXECUTE:
        return ring3 | WRITABLE;
    default:
        return 0;
    }
}

/* Of one 2 MiB. */
static bool set_pages(uint8_t *cpu, uint64_t from, uint64_t to, uint64_t bits)
{
    bool changed = false;
    uint64_t *entry = window_entry(cpu, from);
    for (uint64_t page = from; page < to; page += MF_PAGE_BYTES, entry++) {
        uint64_t wanted = bits ? page | bits : 0;
        changed = changed || (*entry & PRESENT && *entry != wanted);
        *entry = wanted;
    }
    return changed;
}

static bool set(uint8_t *cpu, uint64_t from, uint64_t to, enum page_access access, bool large)
{
    mf_assert(from % MF_PAGE_BYTES == 0 && to % MF_PAGE_BYTES == 0 && to <= MF_WINDOW_MAX);
    const uint64_t bits = flags(access);
    bool changed = false;
    for (uint64_t end; from < to; from = end) {
        uint64_t *directory = directory_entry(cpu, from);
        const uint64_t whole = (from & ~(uint64_t)(MF_LARGE_PAGE_BYTES - 1)) | bits | LARGE;
        end = (from | (MF_LARGE_PAGE_BYTES - 1)) + 1;
        end = end < to ? end : to;
        if (*directory == 0 && !bits)
            continue; /* no table for what is not there */
        if (*directory == 0 && large && end - from == MF_LARGE_PAGE_BYTES)
            *directory = whole;
        else if (*directory != whole)
            changed = set_pages(cpu, from, end, bits) || changed;
    }
    return changed;
}

bool pagetable_set(uint8_t *cpu, uint64_t from, uint64_t to, enum page_access access)
{
    return set(cpu, from, to, access, false);
}

bool pagetable_set_large(uint8_t *cpu, uint64_t from, uint64_t to, enum page_access access)
{
    return set(cpu, from, to, access, true);
}

_Static_assert((MF_WINDOW_MAX >> TABLE_SHIFT) == PAGETABLE_UNDO_WORDS * 64, "a bit a table");

uint64_t pagetable_undo_bytes(void)
{
    return CPU_BYTES;
}

void pagetable_keep(uint8_t *cpu, struct pagetable_undo *undo, uint64_t from, uint64_t to)
{
    for (uint64_t at = from >> TABLE_SHIFT; at << TABLE_SHIFT < to; at++) {
        const uint64_t bit = 1ull << at % 64, offset = window_table(at << TABLE_SHIFT);
        undo->edited[at / 64] |= bit;
        if (undo->has[at / 64] & bit)
            continue;
        undo->has[at / 64] |= bit;
        if (*directory_entry(cpu, at << TABLE_SHIFT) & LARGE)
            (void)window_entry(cpu, at << TABLE_SHIFT);
        memcpy(undo->kept + offset, cpu + offset, MF_PAGE_BYTES);
        *directory_entry(undo->kept, at << TABLE_SHIFT) = *directory_entry(cpu, at << TABLE_SHIFT);
    }
}

/* The number of the first bit, which is cleared; PAGETABLE_UNDO_WORDS * 64: there is none. */
static uint64_t take_bit(uint64_t words[PAGETABLE_UNDO_WORDS])
{
    uint32_t i = 0;
    while (i < PAGETABLE_UNDO_WORDS && words[i] == 0)
        i++;
    if (i == PAGETABLE_UNDO_WORDS)
        return i * 64;
    const uint64_t bit = (uint64_t)__builtin_ctzll(words[i]);
    words[i] &= words[i] - 1;
    return i * 64 + bit;
}

bool pagetable_undo_next(uint8_t *cpu, struct pagetable_undo *undo, uint64_t *from, uint64_t *to)
{
    const uint64_t base = take_bit(undo->edited) << TABLE_SHIFT;
    *from = *to = base;
    if (base == MF_WINDOW_MAX)
        return false;
    uint64_t *directory = directory_entry(cpu, base), *entries = table(cpu, window_table(base));
    const uint64_t *kept = table(undo->kept, window_table(base));
    if (*directory & LARGE) /* the event's: those that were there before are kept as tables */
        *to = base + MF_LARGE_PAGE_BYTES;
    *directory = *directory_entry(undo->kept, base);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        if (entries[i] == kept[i])
            continue;
        if (entries[i] & PRESENT) {
            const uint64_t page = base + (i << PAGE_SHIFT);
            *from = *from == *to ? page : *from;
            *to = page + MF_PAGE_BYTES;
        }
        entries[i] = kept[i];
    }
    return true;
}

static bool entry_allows(const uint8_t *cpu, uint64_t page, uint64_t needed)
{
    const uint64_t *directories = (const uint64_t *)(const void *)(cpu + CPU_PD);
    const uint64_t *entries = (const uint64_t *)(const void *)(cpu + window_table(page));
    uint64_t entry = directories[page >> TABLE_SHIFT];
    if (entry & LARGE) /* the identity */
        return (entry & needed) == needed;
    entry = entries[(page >> PAGE_SHIFT) % ENTRIES];
    return (entry & needed) == needed && (entry & FRAME) == page;
}

bool pagetable_allows(const uint8_t *cpu, uint64_t address, uint64_t bytes, bool write)
{
    const uint64_t needed = PRESENT | USER | (write ? WRITABLE : 0);
    if (address >= MF_WINDOW_MAX || bytes > MF_WINDOW_MAX - address)
        return false;
    uint64_t page = address & ~(uint64_t)(MF_PAGE_BYTES - 1);
    for (; page < address + bytes; page += MF_PAGE_BYTES) {
        if (!entry_allows(cpu, page, needed))
            return false;
    }
    return true;
}

uint64_t pagetable_root(void)
{
    return CPU_BASE + CPU_PML4;
}
