/* test_kernel_lock.c: locks on files: how many, and what becomes of them; who excludes whom is tests/linux/locks.c's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/file/descriptor.h"
#include "kernel/file/eventfd.h"
#include "kernel/file/limits.h"
#include "kernel/file/lock.h"
#include "file_stubs.h"

#define BYTES 40u

static size_t used_before;
static struct file *file;

static int open_file(void **state)
{
    (void)state;
    used_before = stub_heap_used;
    file = eventfd_create(0, false, 0);
    return 0;
}

static int close_file(void **state)
{
    (void)state;
    file_put(file);
    return stub_heap_used == used_before ? 0 : -1;
}

static int64_t lock(bool process, enum lock_type type, uint64_t start, uint64_t last)
{
    const struct lock_range range = {type, process, start, last};
    return lock_range(file, &range, false);
}

static void there_are_so_many(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < LOCKS_MAX; i++)
        assert_int_equal(lock(false, LOCK_ALONE, 3 * i, 3 * i + 1), 0);
    const size_t full = stub_heap_used;
    assert_int_equal(lock(false, LOCK_ALONE, INT64_MAX, INT64_MAX), -ENOLCK);
    assert_int_equal(lock_whole(file, LOCK_SHARED, false), -ENOLCK);
    assert_int_equal(lock(true, LOCK_SHARED, INT64_MAX, INT64_MAX), -ENOLCK);
    assert_int_equal(lock(false, LOCK_NONE, 1, 1), 0); /* needs no other one */
    assert_int_equal(stub_heap_used, full);
    assert_int_equal(lock(false, LOCK_NONE, 3, 4), 0);
    assert_int_equal(lock(false, LOCK_SHARED, 7, 7), 0);
    assert_int_equal(lock(false, LOCK_NONE, 0, INT64_MAX), 0);
    assert_int_equal(lock(false, LOCK_ALONE, 0, 9), 0);
}

/* One that would be two is kept as it was, if there is no room. */
static void what_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct file *other = eventfd_create(0, false, 0);
    assert_int_equal(lock(false, LOCK_ALONE, 0, 9), 0);
    for (uint64_t i = 1; i < LOCKS_MAX; i++)
        assert_int_equal(lock(false, LOCK_ALONE, 100 * i, 100 * i + 1), 0);
    assert_int_equal(lock(false, LOCK_NONE, 5, 5), -ENOLCK);
    assert_int_equal(lock(false, LOCK_NONE, 100, 101), 0);
    assert_int_equal(lock(false, LOCK_SHARED, 5, 5), -ENOLCK); /* two more */
    struct lock_range range = {LOCK_ALONE, true, 5, 5};
    assert_true(lock_in_the_way(file, &range));
    assert_int_equal(range.type, LOCK_ALONE);
    assert_int_equal(range.start, 0);
    assert_int_equal(range.last, 9);
    assert_false(range.process);
    range = (struct lock_range){LOCK_ALONE, true, 5, 5};
    assert_false(lock_in_the_way(other, &range)); /* another file */
    file_put(other);
}

static void they_go_with_the_file_and_with_a_descriptor(void **state)
{
    (void)state;
    struct lock_range range = {LOCK_ALONE, false, 0, INT64_MAX};
    int64_t fd = descriptor_add(file_get(file), false, 0), twin = descriptor_add(file_get(file), false, 0);
    assert_int_equal(lock(true, LOCK_ALONE, 4, 5), 0);
    assert_int_equal(lock_whole(file, LOCK_ALONE, false), 0);
    assert_true(lock_in_the_way(file, &range));
    assert_true(range.process);
    assert_int_equal(range.start, 4);
    assert_int_equal(descriptor_close((uint64_t)twin), 0);
    range = (struct lock_range){LOCK_ALONE, false, 0, INT64_MAX};
    assert_false(lock_in_the_way(file, &range));
    assert_int_equal(lock(false, LOCK_SHARED, 0, INT64_MAX), 0);
    assert_int_equal(descriptor_close((uint64_t)fd), 0);
    range = (struct lock_range){LOCK_ALONE, true, 0, 0};
    assert_true(lock_in_the_way(file, &range)); /* until nothing refers to it: close_file() */
}

/* It is what its bytes say, and its neighbours say otherwise. */
static void assert_is_all_of(const uint8_t bytes[BYTES], const struct lock_range *range)
{
    assert_in_range(range->last, range->start, BYTES - 1);
    for (uint64_t at = range->start; at <= range->last; at++)
        assert_int_equal(bytes[at], range->type);
    assert_true(range->start == 0 || bytes[range->start - 1] != range->type);
    assert_true(range->last == BYTES - 1 || bytes[range->last + 1] != range->type);
}

/* Against bytes, each with its lock: two owners by chance. */
static void ranges_are_what_bytes_say(void **state)
{
    uint8_t bytes[2][BYTES] = {{0}};
    uint64_t random = 7;
    (void)state;
    for (unsigned i = 0; i < 50000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(random >> 32), start = (bits >> 8) % BYTES;
        uint32_t last = start + (bits >> 16) % (BYTES - start), who = bits & 1;
        enum lock_type type = (bits >> 1) % 3;
        bool free = true;
        for (uint32_t at = start; at <= last; at++)
            free &= bytes[!who][at] == LOCK_NONE || (bytes[!who][at] == LOCK_SHARED && type == LOCK_SHARED);
        free |= type == LOCK_NONE;
        assert_int_equal(lock(who, type, start, last), free ? 0 : -EAGAIN);
        if (free)
            memset(bytes[who] + start, (int)type, last - start + 1);
        struct lock_range range = {LOCK_ALONE, who, start, start};
        assert_int_equal(lock_in_the_way(file, &range), bytes[!who][start] != LOCK_NONE);
        if (bytes[!who][start] != LOCK_NONE)
            assert_is_all_of(bytes[!who], &range);
    }
    assert_int_equal(lock(false, LOCK_NONE, 0, INT64_MAX), 0);
    assert_int_equal(lock(true, LOCK_NONE, 0, INT64_MAX), 0);
}

static void who_may_not_have_it_waits(void **state)
{
    (void)state;
    struct file *other = eventfd_create(0, false, 0);
    assert_int_equal(lock_whole(file, LOCK_ALONE, false), 0);
    assert_int_equal(lock_whole(other, LOCK_ALONE, true), 0); /* another file */
    assert_int_equal(lock(false, LOCK_ALONE, 0, 9), 0);
    const struct lock_range range = {LOCK_SHARED, true, 9, 10};
    const unsigned waits = stub_waits;
    assert_int_equal(lock_range(file, &range, true), WAIT);
    assert_int_equal(stub_waits, waits + 1);
    assert_int_equal(lock_range(file, &range, false), -EAGAIN);
    assert_int_equal(lock(false, LOCK_NONE, 9, 9), 0);
    assert_int_equal(lock_range(file, &range, true), 0);
    assert_int_equal(lock(true, LOCK_NONE, 0, INT64_MAX), 0);
    file_put(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_are_so_many, open_file, close_file),
        cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, open_file, close_file),
        cmocka_unit_test_setup_teardown(they_go_with_the_file_and_with_a_descriptor, open_file, close_file),
        cmocka_unit_test_setup_teardown(ranges_are_what_bytes_say, open_file, close_file),
        cmocka_unit_test_setup_teardown(who_may_not_have_it_waits, open_file, close_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
