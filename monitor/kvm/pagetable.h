/*
 * pagetable.h: the guest's page tables: identity, 4 KiB pages, ring 3 never writes and
 * executes the same page but of a function with MF_BOOT_JIT. They lie in memory of the processor (cpu.h) that is
 * mapped nowhere for the guest, and only its monitor edits them. A table page is
 * touched only when something is mapped in its 2 MiB. Pure: memory in, memory out.
 *
 * Whoever changes or takes away an entry that was present must see to it that the
 * processor forgets it (memory.h); one that was not present is never remembered
 * (Intel SDM 3, 4.10.2.3).
 */
#ifndef MF_MONITOR_KVM_PAGETABLE_H
#define MF_MONITOR_KVM_PAGETABLE_H

#include <stdbool.h>
#include <stdint.h>

enum page_access {
    PAGE_NONE,
    PAGE_READ,
    PAGE_READ_WRITE,
    PAGE_READ_EXECUTE,
    PAGE_READ_WRITE_EXECUTE, /* of a function with MF_BOOT_JIT only */
};

/* cpu: the processor's memory, zeros. Enters what every VM has: ring 0's, and for ring 3
 * the gate page and its data. */
void pagetable_init(uint8_t *cpu);

/* Pages [from, to) of the window become so. True: an entry that was present changed. */
bool pagetable_set(uint8_t *cpu, uint64_t from, uint64_t to, enum page_access access);

/* Likewise, one entry for each whole 2 MiB of which nothing was entered yet. Another access for a part
 * of them makes pages of it (docs/adr/0011: where that is not exact under a KVM that shadows). */
bool pagetable_set_large(uint8_t *cpu, uint64_t from, uint64_t to, enum page_access access);

/* Entries as the guest found them, of those 2 MiB of the window that were edited since. */
#define PAGETABLE_UNDO_WORDS 16u
struct pagetable_undo {
    uint8_t *kept; /* pagetable_undo_bytes() of zeros; takes memory where something is kept */
    uint64_t has[PAGETABLE_UNDO_WORDS];    /* a bit for each 2 MiB: kept[] has its entries */
    uint64_t edited[PAGETABLE_UNDO_WORDS]; /* ... they were edited since the last undo     */
};
uint64_t pagetable_undo_bytes(void);

/* Before an edit of pages [from, to). */
void pagetable_keep(uint8_t *cpu, struct pagetable_undo *undo, uint64_t from, uint64_t to);

/* Undo the edits of the next 2 MiB that have some. False: there are none left. All entries
 * that were present and are changed by this lie in [*from, *to), which may be empty. */
bool pagetable_undo_next(uint8_t *cpu, struct pagetable_undo *undo, uint64_t *from, uint64_t *to);

/* May ring 3 read (or also write) all of these bytes, and do they stand at their own
 * address in the window? Any address and size. */
bool pagetable_allows(const uint8_t *cpu, uint64_t address, uint64_t bytes, bool write);

/* Where they begin, guest-physical. */
uint64_t pagetable_root(void);

#endif
