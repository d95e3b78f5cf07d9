/* test_kernel_watch.c: inotify and named pipes: their bounds, and that all is given back. */
#include <asm/fcntl.h>
#include <errno.h>
#include <linux/inotify.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "file_stubs.h"
#include "kernel/fs/fifo.h"
#include "kernel/fs/inotify.h"
#include "kernel/fs/open.h"
#include "kernel/fs/watch.h"
#include "tree_rig.h"

static size_t heap_before;

static int begin(void **state)
{
    (void)state;
    heap_before = stub_heap_used;
    return 0;
}

static int end(void **state)
{
    (void)state;
    return stub_heap_used == heap_before ? 0 : -1;
}

static struct inotify *made(void)
{
    struct inotify *inotify;
    assert_int_equal(inotify_create(0, &inotify), 0);
    return inotify;
}

static int64_t watch_path(struct inotify *inotify, const char *path, uint32_t mask)
{
    const struct place place = tree_find(path);
    return watch_add(inotify, &place, mask);
}

/* Of the next event that is read; UINT32_MAX: none. */
static uint32_t next_mask(struct inotify *inotify)
{
    struct inotify_event event;
    uint8_t bytes[sizeof event + NAME_BYTES_MAX + 1];
    struct io io;
    io_kernel(&io, bytes, sizeof event + (inotify->first ? (inotify->first->name_bytes + 16) / 16 * 16 : 0));
    if (inotify->first && !inotify->first->name_bytes)
        io_kernel(&io, bytes, sizeof event);
    if (file_read(&inotify->file, &io, NULL) < (int64_t)sizeof event)
        return UINT32_MAX;
    memcpy(&event, bytes, sizeof event);
    return event.mask;
}

static void there_are_so_many_and_no_more(void **state)
{
    static struct inotify *all[INOTIFY_MAX + 1];
    (void)state;
    for (unsigned i = 0; i < INOTIFY_MAX; i++)
        all[i] = made();
    assert_int_equal(inotify_create(0, &all[INOTIFY_MAX]), -EMFILE);
    file_put(&all[0]->file);
    all[0] = made();
    for (unsigned i = 0; i < INOTIFY_MAX; i++)
        file_put(&all[i]->file);
}

static void so_many_watches_of_all_together(void **state)
{
    static struct inotify *all[8];
    char path[32];
    const unsigned each = WATCHES_MAX / 8;
    (void)state;
    for (unsigned i = 0; i < each + 1; i++) {
        (void)snprintf(path, sizeof path, "/tmp/w%u", i);
        assert_int_equal(tree_make(path, S_IFREG | 0600, NULL), 0);
    }
    for (unsigned k = 0; k < 8; k++) {
        all[k] = made();
        for (unsigned i = 0; i < each; i++) {
            (void)snprintf(path, sizeof path, "/tmp/w%u", i);
            assert_int_equal(watch_path(all[k], path, IN_MODIFY), i + 1);
        }
    }
    (void)snprintf(path, sizeof path, "/tmp/w%u", each);
    assert_int_equal(watch_path(all[0], path, IN_MODIFY), -ENOSPC);
    assert_int_equal(watch_path(all[0], "/tmp/w0", IN_ATTRIB), 1);
    assert_int_equal(watch_remove(all[1], 1), 0);
    assert_int_equal(watch_path(all[0], path, IN_MODIFY), each + 1);
    for (unsigned i = 0; i < each + 1; i++) { /* those go with what they watch */
        (void)snprintf(path, sizeof path, "/tmp/w%u", i);
        assert_int_equal(tree_remove(path, false), 0);
    }
    for (unsigned k = 0; k < 8; k++) {
        assert_null(all[k]->watches);
        file_put(&all[k]->file);
    }
}

static void a_queue_without_memory_says_that_it_lost_some(void **state)
{
    struct inotify *inotify = made();
    const size_t most = stub_heap_max;
    (void)state;
    assert_int_equal(watch_path(inotify, "/tmp", IN_CREATE | IN_DELETE), 1);
    assert_int_equal(tree_make("/tmp/a", S_IFREG | 0600, NULL), 0);
    stub_heap_max = stub_heap_used;
    assert_int_equal(tree_remove("/tmp/a", false), 0); /* which frees more than a short event */
    stub_heap_max = stub_heap_used;
    inotify_queue(inotify, 1, IN_CREATE, 0, (struct name){"b", 1});
    inotify_queue(inotify, 1, IN_CREATE, 0, (struct name){"c", 1});
    stub_heap_max = most;
    inotify_queue(inotify, 1, IN_CREATE, 0, (struct name){"d", 1});
    assert_int_equal(next_mask(inotify), IN_CREATE);
    uint32_t second = next_mask(inotify);
    if (second == IN_DELETE)
        second = next_mask(inotify);
    assert_int_equal(second, IN_Q_OVERFLOW);
    assert_int_equal(next_mask(inotify), IN_CREATE);
    assert_int_equal(next_mask(inotify), UINT32_MAX);
    file_put(&inotify->file);
}

static void who_is_closed_is_not_told(void **state)
{
    struct inotify *first = made(), *second = made();
    (void)state;
    assert_int_equal(watch_path(first, "/tmp", IN_CREATE), 1);
    assert_int_equal(watch_path(second, "/tmp", IN_CREATE | IN_ONESHOT), 1);
    assert_int_equal(watch_path(first, "/bin", IN_CREATE), 2); /* of the image: nothing comes */
    file_put(&first->file);
    assert_int_equal(tree_make("/tmp/a", S_IFREG | 0600, NULL), 0);
    assert_int_equal(tree_remove("/tmp/a", false), 0);
    assert_int_equal(next_mask(second), IN_CREATE);
    assert_int_equal(next_mask(second), IN_IGNORED);
    assert_null(second->watches);
    file_put(&second->file);
}

static int open_fifo(uint32_t flags, struct file **file)
{
    struct walked walked;
    assert_int_equal(tree_walk("/tmp/fifo", 0, &walked), 0);
    return open_place(&walked.place, &walked.folder, (struct name){walked.name, walked.name_bytes}, flags,
                      file);
}

static void a_named_pipe_has_one_pipe_while_it_is_open(void **state)
{
    struct file *reads, *writes, *none;
    (void)state;
    assert_int_equal(tree_make("/tmp/fifo", S_IFIFO | 0600, NULL), 0);
    assert_int_equal(open_fifo(O_WRONLY | O_NONBLOCK, &none), -ENXIO);
    assert_int_equal(open_fifo(O_RDONLY, &reads), 0);
    assert_int_equal(fifo_wait(reads), WAIT);
    assert_int_equal(open_fifo(O_WRONLY, &writes), 0);
    assert_int_equal(fifo_wait(writes), 0);
    assert_int_equal(fifo_wait(reads), 0);
    assert_int_equal(write_text(writes, "through"), 7);
    assert_string_equal(read_text(reads), "through");
    assert_int_equal(tree_remove("/tmp/fifo", false), 0);
    file_put(reads);
    assert_int_equal(write_text(writes, "x"), -EPIPE);
    file_put(writes);
}

static void without_memory_there_is_no_pipe(void **state)
{
    struct file *file;
    const size_t most = stub_heap_max;
    int error = -ENOMEM;
    (void)state;
    assert_int_equal(tree_make("/tmp/fifo", S_IFIFO | 0600, NULL), 0);
    const size_t before = stub_heap_used;
    for (size_t room = 0; error; room += 8) {
        stub_heap_max = before + room;
        error = open_fifo(O_RDWR, &file);
        assert_true(error == 0 || error == -ENOMEM);
        assert_true(error == 0 || stub_heap_used == before);
        assert_true(room < 4096);
    }
    stub_heap_max = most;
    file_put(file);
    assert_int_equal(stub_heap_used, before);
    assert_int_equal(tree_remove("/tmp/fifo", false), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_are_so_many_and_no_more),
        TEST(so_many_watches_of_all_together),
        TEST(a_queue_without_memory_says_that_it_lost_some),
        TEST(who_is_closed_is_not_told),
        TEST(a_named_pipe_has_one_pipe_while_it_is_open),
        TEST(without_memory_there_is_no_pipe),
    };
    return cmocka_run_group_tests(tests, tree_open, NULL);
}
