/* marks.c: see marks.h. General registers alone: the compiler must not use vectors here. */
#include "raw/marks.h"

#include <stddef.h>

#include "raw/raw.h"

/* XSAVE's state components but those that cannot hold any bytes (AMX's configuration) or
 * are gone from processors (MPX): x87, SSE, AVX, masks, both parts of AVX-512, PKRU. */
#define COMPONENTS 0x2e7ull
#define PKRU 9u
#define XSTATE_SSE 2ull
#define AREA_BYTES 4096u
#define LEGACY_BYTES 512u
#define HEADER_BYTES 64u
#define IDLE_BYTES 128u /* at the channel's end, where nothing is marked */

struct xsave_area { /* Intel SDM 1, 13.4 */
    uint16_t fcw, fsw, ftw, fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    uint64_t registers[60];
    uint64_t xstate_bv, xcomp_bv, reserved[6]; /* of ours: FNSTENV's, save_vectors() */
    uint64_t extended[(AREA_BYTES - LEGACY_BYTES - HEADER_BYTES) / 8];
};
_Static_assert(sizeof(struct xsave_area) == AREA_BYTES, "XSAVE");

struct idle {
    struct mf_hc_wait wait;
    uint32_t address[2];
};

extern struct {
    uint64_t registers[16], fs_base, gs_base, flags, selectors[6];
} raw_entered;
_Static_assert(offsetof(struct mf_boot, flags) == 116 && MF_BOOT_SEGMENTS == 8 &&
                   MF_HC_segment == 8 && sizeof(struct mf_hc_segment) == 16,
               "marks.S");
extern struct xsave_area raw_vectors, raw_vectors_marked;
extern uint8_t kernel_text_end[], kernel_data_start[], kernel_data_end[];

_Noreturn void raw_mark(uint64_t way, uint64_t components, void *from, void *to, void *idle);

static uint64_t digest_of(uint64_t digest, uint64_t word)
{
    return (digest ^ word) * 0x100000001b3ull;
}

/* Whatever CPUID says: some KVMs let ring 3 have more than they tell. 0: no XSAVE. */
static uint64_t components(void)
{
    static uint32_t low, high;
    low = high = 0;
    if (!raw_try())
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32 | low) & COMPONENTS;
}

/* Nothing has used them since the kernel's first instruction. Where the last x87 instruction
 * stood is told by FNSTENV, in use or not. Whether SSE is in use is not looked at: some
 * processors say so after a switch of tasks on the host, whatever was in it. */
static void save_vectors(void)
{
    static uint32_t environment[7];
    const uint64_t wanted = components();
    if (wanted)
        __asm__ volatile("xsave64 %0"
                         : "+m"(raw_vectors)
                         : "a"((uint32_t)wanted), "d"((uint32_t)(wanted >> 32)));
    else
        __asm__ volatile("fxsave64 %0" : "+m"(raw_vectors));
    raw_vectors.xstate_bv &= ~XSTATE_SSE;
    __asm__ volatile("fnstenv %0" : "=m"(environment));
    raw_bytes(raw_vectors.reserved, environment, sizeof environment);
}

static uint32_t pkru_offset(void)
{
    uint32_t a = 0xd, b, c = PKRU, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b;
}

static void prepare_vectors(uint64_t present)
{
    struct xsave_area *area = &raw_vectors_marked;
    for (uint32_t i = 0; i < 60; i++)
        area->registers[i] = mark_of(0x200 + i);
    for (uint32_t i = 0; i < sizeof area->extended / 8; i++)
        area->extended[i] = mark_of(0x300 + i);
    area->fcw = 0x0f40; /* round towards zero; an exception is pending, unmasked: the next */
    area->fsw = 0x003f; /* x87 instruction but a few takes it                              */
    area->ftw = 0xff;
    area->fip = mark_of(0x201);
    area->fdp = mark_of(0x202);
    area->mxcsr = 0x7fbf; /* the same, and all flags */
    area->xstate_bv = present;
    if (present >> PKRU & 1) /* key 0 stays open */
        *(uint64_t *)(void *)((uint8_t *)area + pkru_offset()) = 0x55555554;
}

static void page_call(uint32_t number, uint64_t from, uint64_t to)
{
    static union {
        struct mf_hc_protect protect;
        struct mf_hc_discard discard;
    } call __attribute__((aligned(8)));
    if (number == MF_HC_protect)
        call.protect = (struct mf_hc_protect){from, to - from, MF_PROT_READ | MF_PROT_WRITE, 0};
    else
        call.discard = (struct mf_hc_discard){from, to - from, 0, 0};
    raw_hypercall(number, (uint64_t)(uintptr_t)&call);
}

/* Of a page that is not our own data, which goes last. */
static void mark_page(uint64_t address)
{
    volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)address;
    for (uint32_t i = 0; i < MF_PAGE_BYTES / 8; i++)
        at[i] = mark_of((uint32_t)address + i * 8);
}

/* A page fault far away, for CR2 and the record of a trap; a single step and a breakpoint, for
 * DR6; a system call with our stack. */
static void leave_traps(void)
{
    if (!raw_try())
        __asm__ volatile("pushf\n\torl $0x100, (%%rsp)\n\tpopf\n\tnop" ::: "cc", "memory");
    if (!raw_try())
        __asm__ volatile("int3");
    if (!raw_try())
        *(volatile uint8_t *)0x6d61726b0000;
    static struct order none;
    (void)raw_syscall(&none, mark_of(0x400));
}

void raw_leave_marks(const struct order *order)
{
    static volatile uint64_t page, discard_from, discard_to;
    const uint64_t present = components(), way = order->number;
    const uint64_t own_from = (uint64_t)(uintptr_t)kernel_data_start,
                   own_to = (uint64_t)(uintptr_t)kernel_data_end,
                   text_to = (uint64_t)(uintptr_t)kernel_text_end,
                   writable_from = order->address > text_to ? order->address : text_to;
    struct idle *idle = (void *)(raw_ring.base + MF_CHANNEL_BYTES - IDLE_BYTES);
    discard_from = order->argument[0];
    discard_to = order->argument[1];
    prepare_vectors(present);
    if (writable_from < order->last)
        page_call(MF_HC_protect, writable_from, order->last);
    for (page = MF_KERNEL_BASE; page < raw_boot->channel_base; page += MF_PAGE_BYTES)
        if ((page < own_from || page >= own_to) && !raw_try())
            mark_page(page);
    if (discard_from < discard_to)
        page_call(MF_HC_discard, discard_from, discard_to);
    leave_traps();
    *idle = (struct idle){.wait.idle = 1};
    idle->address[0] = idle->address[1] = (uint32_t)(uintptr_t)idle;
    raw_mark(way, present, (void *)(uintptr_t)own_from, (void *)(uintptr_t)own_to, idle);
}

/* Reading it and writing the same again. */
static void look_at_page(uint64_t address, struct looked *looked)
{
    volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)address;
    looked->memory_digest = digest_of(looked->memory_digest, address);
    for (uint32_t i = 0; i < MF_PAGE_BYTES / 8; i++) {
        const uint64_t word = at[i];
        looked->memory_digest = digest_of(looked->memory_digest, word);
        if (!is_mark(word))
            continue;
        if (looked->marks_in_memory++ == 0)
            looked->first_mark = address + i * 8;
    }
    looked->readable++;
    at[0] = at[0];
    looked->memory_digest = digest_of(looked->memory_digest, 1);
    looked->writable++;
}

static void look_at_words(const void *from, uint32_t bytes, uint64_t *marks, uint64_t *digest)
{
    const volatile uint64_t *at = from;
    for (uint32_t i = 0; i < bytes / 8; i++) {
        *marks += is_mark(at[i]);
        *digest = digest_of(*digest, at[i]);
    }
}

#define DEBUG_REGISTERS(X) X(0, "0") X(1, "1") X(2, "2") X(3, "3") X(4, "6") X(5, "7")

static void look_at_debug_registers(uint64_t debug[6])
{
    for (int i = 0; i < 6; i++)
        debug[i] = ~0ull;
#define READ(i, number) \
    if (!raw_try())     \
        __asm__ volatile("mov %%dr" number ", %0" : "=r"(debug[i]));
    DEBUG_REGISTERS(READ)
#undef READ
}

void raw_look(uint64_t id)
{
    static struct looked looked;
    static volatile uint64_t page;
    uint64_t ignored = 0;
    looked = (struct looked){.flags_of_boot = raw_boot->flags};
    save_vectors();
    look_at_words((const void *)(uintptr_t)MF_GATE_DATA_BASE, MF_PAGE_BYTES,
                  &looked.marks_in_memory, &looked.gate_digest);
    look_at_words(&raw_entered, 18 * 8, &looked.marks_in_registers, &ignored);
    look_at_words(&raw_vectors, sizeof raw_vectors, &looked.marks_in_vectors,
                  &looked.vectors_digest);
    raw_bytes(looked.registers, &raw_entered, sizeof raw_entered);
    look_at_debug_registers(looked.debug);
    for (page = MF_KERNEL_BASE; page < raw_boot->channel_base; page += MF_PAGE_BYTES)
        if (!raw_try())
            look_at_page(page, &looked);
    const struct mf_desc reply = {.id = id,
                                  .type = MF_MSG_REPLY,
                                  .flags = MF_MSG_END,
                                  .data_bytes = sizeof looked,
                                  .arg = 200};
    while (!raw_put(&raw_ring, &reply, &looked))
        raw_ring_node();
    raw_ring_node();
}
