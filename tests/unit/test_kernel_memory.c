/*
 * test_kernel_memory.c: the kernel's memory on real pages: the window's part for the
 * program is mapped at its addresses, the hypercalls are mprotect and madvise.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "abi/image.h"
#include "kernel/core/assert.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/memory.h"
#include "kernel/core/limits.h"
#include "kernel/core/space.h"

#define WINDOW 0x4000000ull
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define PROGRAM_END 0x480000ull
#define PAGE ((uint64_t)MF_PAGE_BYTES)
#define RW (MF_PROT_READ | MF_PROT_WRITE)

static unsigned protects, discards;
static int refuse; /* what the next hypercall answers */
static uint64_t file_from, file_to; /* pages of a snapshot's file, which come back */

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

static void in_window(uint64_t address, uint64_t bytes)
{
    if (address % PAGE || bytes % PAGE || bytes == 0 || address < MF_PROGRAM_BASE ||
        address > CHANNEL || bytes > CHANNEL - address)
        abort(); /* in a child, too */
}

int hypercall_protect(uint64_t address, uint64_t bytes, uint32_t prot)
{
    protects++;
    in_window(address, bytes);
    if (refuse)
        return refuse;
    return mprotect((void *)address, bytes, (int)prot) ? -errno : 0;
}

int hypercall_discard(uint64_t address, uint64_t bytes)
{
    discards++;
    in_window(address, bytes);
    if (madvise((void *)address, bytes, MADV_DONTNEED) != 0)
        return -errno;
    if (address < PROGRAM_END) { /* the image's own pages come back */
        uint64_t end = address + bytes < PROGRAM_END ? address + bytes : PROGRAM_END;
        if (mprotect((void *)address, end - address, PROT_READ | PROT_WRITE) != 0)
            return -errno;
        memset((void *)address, 0xab, end - address);
    }
    for (uint64_t at = address; at < address + bytes; at += PAGE)
        if (at >= file_from && at < file_to) {
            if (mprotect((void *)at, PAGE, RW) != 0)
                return -errno;
            memset((void *)at, 0xcd, PAGE);
            if (mprotect((void *)at, PAGE, MF_PROT_NONE) != 0)
                return -errno;
        }
    return 0;
}

/* Every test in a process of its own: memory.c starts once. */
static bool jit; /* of the children to come */
static void child(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct mf_boot boot = {.window_bytes = WINDOW,
                                     .channel_base = CHANNEL,
                                     .program_end = PROGRAM_END,
                                     .flags = jit ? MF_BOOT_JIT : 0};
        void *base = (void *)(uintptr_t)MF_PROGRAM_BASE;
        if (mmap(base, CHANNEL - MF_PROGRAM_BASE, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != base)
            _exit(3);
        if (mprotect(base, PROGRAM_END - MF_PROGRAM_BASE, PROT_READ | PROT_WRITE) != 0)
            _exit(4);
        if (memory_start(&boot) != 0)
            _exit(5);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ended with status %#x", (unsigned)status);
}

/* cmocka's assertions do not end a child. */
#define CHECK(fact) ((fact) ? (void)0 : failed(#fact, __LINE__))
static _Noreturn void failed(const char *fact, int line)
{
    print_error("line %d: %s\n", line, fact);
    _exit(1);
}

static bool readable(uint64_t address)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        _exit(6);
    bool yes = write(pipes[1], (void *)address, 1) == 1;
    close(pipes[0]);
    close(pipes[1]);
    return yes;
}

static bool zero(uint64_t address, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (((const uint8_t *)address)[i])
            return false;
    return true;
}

static void start_body(void)
{
    uint64_t top = memory_stack_top();
    CHECK(protects == 1);
    CHECK(readable(top - 1) && readable(top - STACK_FIRST_BYTES));
    CHECK(!readable(top - STACK_FIRST_BYTES - 1));
    CHECK(memory_is_guard(top - memory_stack_bytes() - 1));
    CHECK(!memory_is_guard(top - memory_stack_bytes()));
    CHECK(memory_break(0) == top);
    CHECK(memory_break(top + 100) == top + 100);
    memset((void *)top, 1, 100);
    CHECK(memory_break(top + PAGE * 3) == top + PAGE * 3);
    CHECK(protects == 1); /* the first granule serves stack and heap */
    CHECK(!readable(CHANNEL - 1));
}

static void start_opens_stack_and_heap_with_one_call(void **state)
{
    (void)state;
    child(start_body);
}

static void grow_body(void)
{
    uint64_t top = memory_stack_top(), bottom = top - memory_stack_bytes();
    CHECK(!memory_grow_stack(top));
    CHECK(!memory_grow_stack(top - 1)); /* open already: not this fault's reason */
    CHECK(!memory_grow_stack(bottom - 1));
    CHECK(memory_grow_stack(top - STACK_FIRST_BYTES - 1));
    CHECK(readable(top - STACK_FIRST_BYTES - 1));
    CHECK(memory_grow_stack(bottom));
    CHECK(readable(bottom) && !readable(bottom - 1));
}

static void stack_grows_down_to_its_guard(void **state)
{
    (void)state;
    child(grow_body);
}

static void break_body(void)
{
    uint64_t start = memory_break(0), far = start + 2 * GRANULE_BYTES;
    CHECK(memory_break(far) == far);
    CHECK(protects == 2);
    memset((void *)start, 7, far - start);
    CHECK(memory_break(start + PAGE) == start + PAGE);
    CHECK(readable(start) && !readable(start + PAGE));
    CHECK(memory_break(far) == far);
    CHECK(zero(start + PAGE, far - start - PAGE));
    CHECK(memory_break(start - 1) == far);
    CHECK(memory_break(CHANNEL) == far);
    int64_t wall = memory_map_fixed(far + GRANULE_BYTES, PAGE, RW, false);
    CHECK(wall == (int64_t)(far + GRANULE_BYTES));
    CHECK(memory_break(far + GRANULE_BYTES) == far + GRANULE_BYTES);
    CHECK(memory_break(far + GRANULE_BYTES + 1) == far + GRANULE_BYTES);
}

static void break_moves_both_ways_and_stops_at_a_mapping(void **state)
{
    (void)state;
    child(break_body);
}

static void map_body(void)
{
    unsigned before = protects;
    int64_t a = memory_map(0, 4 * PAGE, RW);
    CHECK(a > 0 && (uint64_t)a + 4 * PAGE <= CHANNEL - PAGE);
    CHECK(zero((uint64_t)a, 4 * PAGE));
    memset((void *)a, 5, 4 * PAGE);
    for (unsigned i = 0; i < 60; i++)
        CHECK(memory_map(0, 4 * PAGE, RW) > 0);
    CHECK(protects == before + 1); /* all from the first granule */
    CHECK(memory_unmap((uint64_t)a + PAGE, PAGE) == 0);
    CHECK(readable((uint64_t)a) && !readable((uint64_t)a + PAGE));
    CHECK(readable((uint64_t)a + 2 * PAGE));
    CHECK(memory_map(0, PAGE, RW) == a + (int64_t)PAGE); /* the highest place that fits */
    CHECK(zero((uint64_t)a + PAGE, PAGE));
    CHECK(memory_map(0, WINDOW, RW) == -ENOMEM);
    CHECK(memory_map(0, 0, RW) == -ENOMEM);
    CHECK(memory_map(0, ~0ull << 12, RW) == -ENOMEM);
    int64_t hinted = memory_map(0x2000000, PAGE, RW);
    CHECK(hinted == 0x2000000);
    CHECK(memory_map(0x2000000, PAGE, RW) != hinted);
    CHECK(memory_map(MF_KERNEL_BASE, PAGE, RW) > (int64_t)PROGRAM_END);
}

static void mappings_are_zero_from_granules_and_given_back(void **state)
{
    (void)state;
    child(map_body);
}

/* In a clone of a snapshot that is mapped. */
static void frozen_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 8 * PAGE, RW);
    const struct mf_range ranges[] = {{(uint32_t)(at / PAGE - 64), 8, MF_PROT_NONE},
                                      {(uint32_t)(at / PAGE), 4, RW},
                                      {(uint32_t)(at / PAGE) + 4, 4, MF_PROT_READ}};
    memset((void *)at, 7, 8 * PAGE);
    space_frozen(ranges, 3);
    file_from = at + PAGE;
    file_to = at + 8 * PAGE;
    CHECK(memory_discard(at, 4 * PAGE) == 0);
    CHECK(zero(at, 4 * PAGE) && ((uint8_t *)at)[4 * PAGE] == 7);
    CHECK(memory_unmap(at, 8 * PAGE) == 0);
    CHECK(memory_map_fixed(at, 8 * PAGE, RW, false) == (int64_t)at);
    CHECK(zero(at, 8 * PAGE));
}

static void what_a_snapshot_brings_back_is_cleared(void **state)
{
    (void)state;
    child(frozen_body);
}

static void fixed_body(void)
{
    uint64_t at = 0x1800000;
    CHECK(memory_map_fixed(at, 4 * PAGE, RW, false) == (int64_t)at);
    memset((void *)at, 9, 4 * PAGE);
    CHECK(memory_map_fixed(at + PAGE, PAGE, RW, false) == -EEXIST);
    CHECK(memory_map_fixed(at + PAGE, PAGE, RW, true) == (int64_t)(at + PAGE));
    CHECK(zero(at + PAGE, PAGE) && ((uint8_t *)at)[0] == 9);
    CHECK(memory_map_fixed(at, PAGE, MF_PROT_NONE, true) == (int64_t)at);
    CHECK(!readable(at));
    CHECK(memory_protect(at, PAGE, MF_PROT_READ) == 0);
    CHECK(zero(at, PAGE)); /* what was under it does not come back */
    CHECK(memory_map_fixed(MF_KERNEL_BASE, PAGE, RW, true) == -ENOMEM);
    CHECK(memory_map_fixed(CHANNEL, PAGE, RW, true) == -ENOMEM);
    CHECK(memory_map_fixed(CHANNEL - PAGE, PAGE, RW, true) == -ENOMEM);
    CHECK(memory_map_fixed(at, WINDOW, RW, true) == -ENOMEM);
    CHECK(memory_map_fixed(at + 1, PAGE, RW, true) == -ENOMEM);
}

static void over_program_body(void)
{
    uint64_t data = PROGRAM_END - 4 * PAGE;
    memset((void *)data, 1, 4 * PAGE);
    CHECK(memory_map_fixed(data, PAGE, RW, true) == (int64_t)data && zero(data, PAGE));
    CHECK(memory_unmap(data + PAGE, PAGE) == 0 && !readable(data + PAGE));
    CHECK(memory_map_fixed(data + PAGE, PAGE, MF_PROT_READ, false) == (int64_t)(data + PAGE));
    CHECK(zero(data + PAGE, PAGE));
    uint64_t last = PROGRAM_END - PAGE;
    CHECK(memory_map_fixed(last, PAGE, MF_PROT_NONE, true) == (int64_t)last && !readable(last));
    CHECK(memory_protect(last, PAGE, RW) == 0 && zero(last, PAGE));
    CHECK(((uint8_t *)data)[2 * PAGE] == 1);
    *(uint8_t *)last = 1;
    CHECK(memory_discard(last, PAGE) == 0 && zero(last, PAGE));
    CHECK(memory_discard(data + 2 * PAGE, 2 * PAGE) == -EINVAL);
}

static void what_replaces_the_image_is_zero(void **state)
{
    (void)state;
    child(over_program_body);
}

static void fixed_mappings_replace_only_the_programs(void **state)
{
    (void)state;
    child(fixed_body);
}

static void protect_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 64 * PAGE, MF_PROT_NONE);
    CHECK(!readable(at) && !readable(at + 63 * PAGE));
    CHECK(memory_protect(at + PAGE, 2 * PAGE, RW) == 0);
    memset((void *)(at + PAGE), 1, 2 * PAGE);
    CHECK(!readable(at) && !readable(at + 3 * PAGE));
    CHECK(memory_protect(at + 60 * PAGE, 8 * PAGE, MF_PROT_READ) == -ENOMEM);
    CHECK(memory_discard(at + PAGE, 2 * PAGE) == 0 && zero(at + PAGE, 2 * PAGE));
    CHECK(memory_discard(MF_PROGRAM_BASE, PAGE) == -EINVAL);
    CHECK(memory_discard(at + 64 * PAGE, PAGE) == -ENOMEM);
    CHECK(memory_unmap(at, 64 * PAGE) == 0);
    CHECK(!readable(at + PAGE));
    CHECK(memory_protect(at, PAGE, RW) == -ENOMEM);
    CHECK(memory_unmap(at, 64 * PAGE) == 0); /* nothing there is no error */
    CHECK(memory_unmap(MF_KERNEL_BASE, PAGE) == -EINVAL);
}

static void protection_is_per_page_and_only_of_what_is_owned(void **state)
{
    (void)state;
    child(protect_body);
}

/* Is this in the ranges of a snapshot? */
static bool frozen_as(uint64_t address, uint64_t bytes, uint32_t prot)
{
    struct mf_range ranges[64];
    uint32_t count = space_ranges(ranges, 64);
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].page <= address / PAGE && ranges[i].prot == prot &&
            (address + bytes) / PAGE <= ranges[i].page + ranges[i].pages)
            return true;
    return false;
}

static int call(uint64_t code)
{
    return ((int (*)(void))(uintptr_t)code)();
}

static void behind_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 8 * PAGE, RW);
    CHECK(memory_behind(at + 2 * PAGE, 4 * PAGE, true) == 0);
    CHECK(!memory_is_behind(at + 2 * PAGE - 1) && memory_is_behind(at + 2 * PAGE));
    CHECK(memory_is_behind(at + 6 * PAGE - 1) && !memory_is_behind(at + 6 * PAGE));
    CHECK(readable(at + PAGE) && !readable(at + 2 * PAGE) && !readable(at + 5 * PAGE) && readable(at + 6 * PAGE));
    CHECK(memory_protect(at, 8 * PAGE, MF_PROT_READ) == 0);
    CHECK(memory_protect(at, 8 * PAGE, RW) == 0); /* stays so */
    CHECK(readable(at) && !readable(at + 2 * PAGE) && readable(at + 7 * PAGE) && memory_is_behind(at + 5 * PAGE));
    memset((void *)(at + 6 * PAGE), 1, 2 * PAGE);
    CHECK(memory_behind(at + 2 * PAGE, PAGE, false) == 0);
    memset((void *)(at + 2 * PAGE), 1, PAGE);
    CHECK(!memory_is_behind(at + 2 * PAGE) && memory_is_behind(at + 3 * PAGE));
    CHECK(memory_map_fixed(at + 3 * PAGE, PAGE, RW, true) == (int64_t)(at + 3 * PAGE));
    CHECK(zero(at + 3 * PAGE, PAGE) && !memory_is_behind(at + 3 * PAGE) && memory_is_behind(at + 4 * PAGE));
    CHECK(memory_behind(at + 7 * PAGE, 2 * PAGE, true) == -ENOMEM); /* not all of it is owned */
    CHECK(memory_unmap(at, 8 * PAGE) == 0 && !memory_is_behind(at + 4 * PAGE));
}

static void behind_a_files_end_nothing_opens_but_its_growth(void **state)
{
    (void)state;
    child(behind_body);
}

static void made_code_body(void)
{
    static const uint8_t returns_42[] = {0xb8, 42, 0, 0, 0, 0xc3};
    const uint32_t rx = MF_PROT_READ | MF_PROT_EXECUTE, rwx = RW | MF_PROT_EXECUTE;
    uint64_t at = (uint64_t)memory_map(0, 8 * PAGE, rwx), moved;
    CHECK(memory_may_execute() && zero(at, 8 * PAGE));
    memcpy((void *)at, returns_42, sizeof returns_42);
    CHECK(call(at) == 42 && frozen_as(at, 8 * PAGE, rwx) && !memory_executes(at, PAGE));
    CHECK(memory_protect(at, PAGE, rx) == 0 && call(at) == 42);
    CHECK(frozen_as(at, PAGE, rx) && frozen_as(at + PAGE, 7 * PAGE, rwx));
    CHECK(memory_discard(at, 2 * PAGE) == 0 && zero(at, 2 * PAGE) && frozen_as(at, PAGE, rx));
    CHECK(memory_protect(at, PAGE, RW) == 0 && frozen_as(at, PAGE, RW));
    memcpy((void *)(at + PAGE), returns_42, sizeof returns_42);
    moved = (uint64_t)memory_remap(at + PAGE, 7 * PAGE, 90 * PAGE, MEMORY_MOVE, 0);
    CHECK(call(moved) == 42 && frozen_as(moved, 90 * PAGE, rwx));
    /* What is given back and taken again is memory as any other. */
    CHECK(memory_unmap(moved, 90 * PAGE) == 0 && !readable(moved));
    CHECK(memory_map_fixed(moved, PAGE, RW, false) == (int64_t)moved && zero(moved, PAGE));
    CHECK(frozen_as(moved, PAGE, RW) && !frozen_as(moved, PAGE, rwx));
    /* The kernel's own part of the window is nobody's to ask for. */
    CHECK(memory_protect(MF_KERNEL_BASE, PAGE, rx) == -ENOMEM);
    CHECK(memory_map_fixed(MF_KERNEL_BASE, PAGE, rwx, true) == -ENOMEM);
}

static void made_code_keeps_what_it_allows(void **state)
{
    (void)state;
    jit = true;
    child(made_code_body);
    jit = false;
}

static void remap_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 4 * PAGE, RW);
    CHECK(memory_map_fixed(at + 4 * PAGE, PAGE, RW, false) == -ENOMEM ||
          memory_unmap(at + 4 * PAGE, PAGE) == 0);
    for (unsigned i = 0; i < 4; i++)
        *(uint8_t *)(at + i * PAGE) = (uint8_t)(i + 1);
    int64_t to = memory_remap(at, 4 * PAGE, 100 * PAGE, MEMORY_MOVE, 0);
    CHECK(to > 0 && (uint64_t)to != at);
    for (unsigned i = 0; i < 4; i++)
        CHECK(((uint8_t *)to)[i * PAGE] == i + 1);
    CHECK(!readable(at));
    CHECK(memory_remap(at, 4 * PAGE, PAGE, MEMORY_STAY, 0) == -EFAULT);
    CHECK(memory_remap((uint64_t)to, 100 * PAGE, PAGE, MEMORY_STAY, 0) == to);
    CHECK(!readable((uint64_t)to + PAGE));
    CHECK(memory_remap((uint64_t)to, PAGE, 3 * PAGE, MEMORY_STAY, 0) == to);
    CHECK(((uint8_t *)to)[0] == 1 && zero((uint64_t)to + PAGE, 2 * PAGE));
    CHECK(memory_map_fixed((uint64_t)to + 3 * PAGE, PAGE, RW, false) > 0);
    CHECK(memory_remap((uint64_t)to, 3 * PAGE, 4 * PAGE, MEMORY_STAY, 0) == -ENOMEM);
    CHECK(memory_remap((uint64_t)to, 3 * PAGE, WINDOW, MEMORY_MOVE, 0) == -ENOMEM);
    CHECK(memory_remap((uint64_t)to, 3 * PAGE, 3 * PAGE, MEMORY_MOVE_TO, 0x1800000) == 0x1800000);
    CHECK(*(uint8_t *)0x1800000 == 1);
    CHECK(memory_remap(0x1800000, 3 * PAGE, PAGE, MEMORY_MOVE_TO, 0x1800000 + PAGE) == -EINVAL);
    CHECK(memory_protect(0x1800000, 3 * PAGE, MF_PROT_READ) == 0);
    to = memory_remap(0x1800000, 3 * PAGE, 2 * PAGE, MEMORY_MOVE_TO, 0x1900000);
    CHECK(to == 0x1900000 && *(uint8_t *)to == 1);
    CHECK(memory_remap(MF_PROGRAM_BASE, PAGE, 2 * PAGE, MEMORY_MOVE, 0) == -EFAULT);
}

static void remap_keeps_content_and_clears_the_old_place(void **state)
{
    (void)state;
    child(remap_body);
}

static void full_body(void)
{
    unsigned made = 0;
    /* Every second page of a mapping away: each hole is one more region. */
    uint64_t at = (uint64_t)memory_map(0, 4096 * PAGE, RW);
    while (made < 2048 && memory_unmap(at + (2 * made + 1) * PAGE, PAGE) == 0)
        made++;
    CHECK(made > REGIONS_MAX / 2 && made < REGIONS_MAX);
    CHECK(memory_unmap(at + (2 * made + 1) * PAGE, PAGE) == -ENOMEM);
    CHECK(readable(at + (2 * made + 1) * PAGE));
    CHECK(memory_map(0, PAGE, MF_PROT_READ) == -ENOMEM);
    CHECK(memory_unmap(at, 4096 * PAGE) == 0);
    CHECK(memory_map(0, PAGE, RW) > 0);
}

static void a_full_list_refuses_and_recovers(void **state)
{
    (void)state;
    child(full_body);
}

static void refused_body(void)
{
    refuse = -ENOMEM;
    CHECK(memory_map(0, 4 * PAGE, RW) == -ENOMEM);
    CHECK(memory_break(memory_break(0) + 4 * GRANULE_BYTES) == memory_break(0));
    CHECK(!memory_grow_stack(memory_stack_top() - STACK_FIRST_BYTES - 1));
    refuse = 0;
    CHECK(memory_map(0, 4 * PAGE, RW) > 0);
}

static void a_monitor_that_refuses_is_enomem(void **state)
{
    (void)state;
    child(refused_body);
}

static void wipe_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 8 * PAGE, RW);
    memset((void *)at, 7, 8 * PAGE);
    CHECK(memory_wipe(at + PAGE, 4 * PAGE, true) == 0);
    CHECK(memory_wipe(at + 2 * PAGE, PAGE, false) == 0);
    CHECK(memory_protect(at + 3 * PAGE, PAGE, MF_PROT_READ) == 0);
    CHECK(memory_protect(at + 4 * PAGE, PAGE, MF_PROT_NONE) == 0);
    CHECK(((uint8_t *)at)[PAGE] == 7 && ((uint8_t *)at)[3 * PAGE] == 7);
    CHECK(space_wipe() == 0);
    for (unsigned i = 0; i < 8; i++)
        if (i != 4)
            CHECK(i == 1 || i == 3 ? zero(at + i * PAGE, PAGE) : ((uint8_t *)at)[i * PAGE] == 7);
    CHECK(!readable(at + 4 * PAGE)); /* as before, which the next call opens */
    CHECK(memory_protect(at + 4 * PAGE, PAGE, MF_PROT_READ) == 0 && zero(at + 4 * PAGE, PAGE));
    CHECK(memory_protect(at, 8 * PAGE, RW) == 0);
    memset((void *)at, 7, 8 * PAGE);
    CHECK(space_wipe() == 0 && zero(at + PAGE, PAGE)); /* a mark stays */
}

static void what_is_marked_is_wiped_and_allowed_what_it_was(void **state)
{
    (void)state;
    child(wipe_body);
}

static void marks_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 4 * PAGE, RW), heap = memory_break(0);
    CHECK(memory_wipe(at, 4 * PAGE, true) == 0);
    CHECK(memory_unmap(at, PAGE) == 0);
    CHECK(memory_map_fixed(at, PAGE, RW, false) == (int64_t)at);        /* another mapping */
    CHECK(memory_map_fixed(at + PAGE, PAGE, RW, true) == (int64_t)(at + PAGE));
    CHECK(memory_map_fixed(at + 2 * PAGE, PAGE, MF_PROT_NONE, true) == (int64_t)(at + 2 * PAGE));
    CHECK(memory_protect(at + 2 * PAGE, PAGE, RW) == 0);                /* was stale */
    memset((void *)at, 7, 4 * PAGE);
    int64_t to = memory_remap(at + 3 * PAGE, PAGE, 2 * PAGE, MEMORY_MOVE_TO, 0x1800000);
    CHECK(to == 0x1800000);
    memset((void *)to, 7, 2 * PAGE);
    CHECK(memory_break(heap + 4 * PAGE) == heap + 4 * PAGE);
    CHECK(memory_wipe(heap, 2 * PAGE, true) == 0);
    CHECK(memory_break(heap + PAGE) == heap + PAGE && memory_break(heap + 2 * PAGE) > heap + PAGE);
    memset((void *)heap, 7, 2 * PAGE);
    CHECK(space_wipe() == 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK(((uint8_t *)at)[i * PAGE] == 7);
    CHECK(zero((uint64_t)to, 2 * PAGE)); /* moved and grown with its mark */
    CHECK(zero(heap, PAGE) && ((uint8_t *)heap)[PAGE] == 7);
}

static void a_mark_goes_with_its_mapping(void **state)
{
    (void)state;
    child(marks_body);
}

/* Nobody sees what a guard page was laid over; the snapshot would hold it. */
static void stale_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 2 * PAGE, RW);
    memset((void *)at, 7, 2 * PAGE);
    CHECK(memory_map_fixed(at, PAGE, MF_PROT_NONE, true) == (int64_t)at);
    CHECK(space_wipe() == 0 && !readable(at));
    if (mprotect((void *)at, PAGE, PROT_READ) != 0)
        _exit(7);
    CHECK(zero(at, PAGE) && ((uint8_t *)at)[PAGE] == 7);
}

static void what_nobody_can_read_is_wiped(void **state)
{
    (void)state;
    child(stale_body);
}

static void refused_marks_body(void)
{
    uint64_t at = (uint64_t)memory_map(0, 4 * PAGE, RW), data = PROGRAM_END - 4 * PAGE;
    uint64_t stack = memory_stack_top() - 2 * PAGE;
    CHECK(memory_unmap(at + PAGE, PAGE) == 0);
    memset((void *)at, 7, PAGE);
    memset((void *)stack, 7, PAGE);
    memset((void *)data, 7, PAGE);
    CHECK(memory_wipe(at, 4 * PAGE, true) == -ENOMEM);
    CHECK(memory_wipe(at + 1, PAGE, true) == -ENOMEM && memory_wipe(at, 0, true) == -ENOMEM);
    CHECK(memory_wipe(CHANNEL - PAGE, 2 * PAGE, true) == -ENOMEM);
    CHECK(memory_wipe(MF_KERNEL_BASE, PAGE, true) == -ENOMEM);
    CHECK(memory_wipe(data, PAGE, true) == -EINVAL && memory_wipe(stack, PAGE, true) == -EINVAL);
    CHECK(memory_wipe(memory_stack_top() - PAGE, 2 * PAGE, true) == -ENOMEM); /* no heap yet */
    CHECK(memory_wipe(stack, PAGE, false) == 0);
    CHECK(space_wipe() == 0);
    CHECK(*(uint8_t *)at == 7 && *(uint8_t *)stack == 7 && *(uint8_t *)data == 7);
    /* Where the program's data was: zeros, not what `discard` brings back. */
    CHECK(memory_map_fixed(data, 2 * PAGE, RW, true) == (int64_t)data);
    memset((void *)data, 7, 2 * PAGE);
    CHECK(memory_wipe(data, PAGE, true) == 0 && memory_protect(data, PAGE, MF_PROT_READ) == 0);
    CHECK(space_wipe() == 0 && zero(data, PAGE) && ((uint8_t *)data)[PAGE] == 7);
    refuse = -EPERM;
    CHECK(space_wipe() == -EPERM); /* the freeze must not go on */
}

static void marks_are_refused_on_what_is_not_heap_or_mapping(void **state)
{
    (void)state;
    child(refused_marks_body);
}

static void usage_body(void)
{
    uint64_t used, total, more;
    memory_usage(&used, &total);
    CHECK(total == CHANNEL - PAGE - MF_PROGRAM_BASE);
    CHECK(memory_map(0, 8 * PAGE, RW) > 0);
    memory_usage(&more, &total);
    CHECK(more == used + 8 * PAGE);
    CHECK(memory_is_owned(MF_PROGRAM_BASE) && !memory_is_owned(CHANNEL));
    CHECK(!memory_is_owned(0) && !memory_is_owned(~0ull));
    CHECK(!memory_is_guard(~0ull));
}

static void usage_counts_what_is_owned(void **state)
{
    (void)state;
    child(usage_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_opens_stack_and_heap_with_one_call),
        cmocka_unit_test(stack_grows_down_to_its_guard),
        cmocka_unit_test(break_moves_both_ways_and_stops_at_a_mapping),
        cmocka_unit_test(mappings_are_zero_from_granules_and_given_back),
        cmocka_unit_test(fixed_mappings_replace_only_the_programs),
        cmocka_unit_test(behind_a_files_end_nothing_opens_but_its_growth),
        cmocka_unit_test(what_replaces_the_image_is_zero),
        cmocka_unit_test(protection_is_per_page_and_only_of_what_is_owned),
        cmocka_unit_test(made_code_keeps_what_it_allows),
        cmocka_unit_test(remap_keeps_content_and_clears_the_old_place),
        cmocka_unit_test(a_full_list_refuses_and_recovers),
        cmocka_unit_test(a_monitor_that_refuses_is_enomem),
        cmocka_unit_test(usage_counts_what_is_owned),
        cmocka_unit_test(what_is_marked_is_wiped_and_allowed_what_it_was),
        cmocka_unit_test(what_a_snapshot_brings_back_is_cleared),
        cmocka_unit_test(a_mark_goes_with_its_mapping),
        cmocka_unit_test(what_nobody_can_read_is_wiped),
        cmocka_unit_test(marks_are_refused_on_what_is_not_heap_or_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
