/*
 * test_kernel_heap.c: the kernel's own memory on real pages: the upper part of a window is
 * mapped at its addresses, the hypercalls are mprotect and madvise.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/space.h"

#define WINDOW 0x4000000ull
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define LOW 0x1000000ull

static unsigned protects, discards;

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

int hypercall_protect(uint64_t address, uint64_t bytes, uint32_t prot)
{
    protects++;
    return mprotect((void *)address, bytes, (int)prot) ? -errno : 0;
}

int hypercall_discard(uint64_t address, uint64_t bytes)
{
    discards++;
    return madvise((void *)address, bytes, MADV_DONTNEED) ? -errno : 0;
}

static int map_window(void **state)
{
    (void)state;
    void *base = (void *)(uintptr_t)LOW;
    assert_ptr_equal(mmap(base, CHANNEL - LOW, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), base);
    space.first = page_of(LOW);
    space.stack_top = page_of(LOW);
    space.image_end = page_of(LOW);
    space.high = page_of(CHANNEL) - 1;
    heap_start();
    return 0;
}

static void nothing_is_open_before_it_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(protects, 0);
    assert_true(space.high < page_of(CHANNEL) - 1);
    assert_int_equal(space.regions.count, 0);
    heap_give(heap_take(1), 1);
    assert_int_equal(protects, 1);
    struct mf_range range;
    assert_int_equal(space_ranges(&range, 1), 1); /* a snapshot holds it */
    assert_int_equal(range.page, space.high);
}

static void is_zero(const uint8_t *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(at[i], 0);
}

static void all_is_zero_aligned_and_apart(void **state)
{
    static struct {
        uint8_t *at;
        size_t bytes;
        uint8_t mark;
    } held[400];
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 40000; round++) {
        unsigned i = (unsigned)rand() % 400;
        if (held[i].at) {
            for (size_t k = 0; k < held[i].bytes; k++)
                assert_int_equal(held[i].at[k], held[i].mark);
            heap_give(held[i].at, held[i].bytes);
            held[i].at = NULL;
            continue;
        }
        size_t bytes = 1 + (size_t)rand() % (rand() % 8 == 0 ? 300000 : rand() % 3 ? 300 : 9000);
        held[i].at = heap_take(bytes);
        if (!held[i].at)
            continue;
        held[i].bytes = bytes;
        held[i].mark = (uint8_t)(1 + rand() % 255);
        assert_int_equal((uintptr_t)held[i].at % (bytes >= 4096 ? 4096 : bytes >= 64 ? 64 : 16), 0);
        is_zero(held[i].at, bytes);
        memset(held[i].at, held[i].mark, bytes);
    }
    for (unsigned i = 0; i < 400; i++)
        heap_give(held[i].at, held[i].bytes);
    assert_true(discards > 0);
}

static void it_ends_and_comes_back(void **state)
{
    uint64_t used, total, left;
    void *all[64];
    unsigned count = 0;
    (void)state;
    heap_usage(&used, &total);
    assert_null(heap_take(total + 1));
    assert_null(heap_take(SIZE_MAX));
    while (count < 64 && (all[count] = heap_take(1 << 20)))
        count++;
    assert_true(count > 2 && count < 64);
    while (count)
        heap_give(all[--count], 1 << 20);
    heap_usage(&left, &total);
    assert_true(left == used);
    for (unsigned i = 0; i < 3; i++) { /* in one piece again */
        void *large = heap_take(2 << 20);
        assert_non_null(large);
        heap_give(large, 2 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_open_before_it_is_asked_for),
        cmocka_unit_test(all_is_zero_aligned_and_apart),
        cmocka_unit_test(it_ends_and_comes_back),
    };
    return cmocka_run_group_tests(tests, map_window, NULL);
}
