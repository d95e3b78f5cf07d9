/* test_kernel_file.c: the kernel's descriptors, transfers, pipes, counters and epolls. */
#include <asm/fcntl.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "kernel/core/limits.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/epoll.h"
#include "kernel/file/eventfd.h"
#include "kernel/file/limits.h"
#include "kernel/file/pipe.h"
#include "file_stubs.h"

static struct file *ends[2]; /* of a pipe */

static int64_t move(int64_t (*call)(struct file *, struct io *, uint64_t *), struct file *file,
                    void *buffer, size_t bytes)
{
    struct io io;
    assert_int_equal(io_buffer(&io, (uint64_t)buffer, bytes), 0);
    int64_t result = call(file, &io, NULL);
    if (result != WAIT)
        stub_call_over();
    return result;
}

static int64_t put(struct file *file, const void *data, size_t bytes)
{
    return move(file_write, file, (void *)(uintptr_t)data, bytes);
}

static int64_t get(struct file *file, void *to, size_t bytes)
{
    return move(file_read, file, to, bytes);
}

static int make_pipe(void **state)
{
    (void)state;
    return pipe_create(0, &ends[0], &ends[1]);
}

static int close_pipe(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        if (ends[i])
            file_put(ends[i]);
    ends[0] = ends[1] = NULL;
    return 0;
}

static void io_goes_through_vectors(void **state)
{
    char a[3] = "", b[5] = "", c[1] = "";
    const struct iovec vector[] = {{a, 3}, {NULL, 0}, {b, 5}, {c, 1}};
    struct io io;
    (void)state;
    assert_int_equal(io_vector(&io, (uint64_t)vector, 4), 0);
    assert_int_equal(io.bytes, 9);
    assert_int_equal(io_put(&io, "abcd", 4), 0);
    assert_int_equal(io_skip(&io, 1), 0);
    assert_int_equal(io_put(&io, "fghi", 4), 0);
    assert_int_equal(io.bytes, 0);
    assert_memory_equal(a, "abc", 3);
    assert_memory_equal(b, "d\0fgh", 5);
    assert_memory_equal(c, "i", 1);
}

static void io_refuses_bad_vectors(void **state)
{
    struct iovec vector[2] = {{(void *)8, 3}, {NULL, 0}};
    struct io io;
    (void)state;
    assert_int_equal(io_vector(&io, (uint64_t)vector, 2), -EFAULT);
    assert_int_equal(io_vector(&io, (uint64_t)vector, IOV_MAX_ENTRIES + 1), -EINVAL);
    assert_int_equal(io_vector(&io, 8, 1), -EFAULT);
    vector[0].iov_len = SIZE_MAX;
    assert_int_equal(io_vector(&io, (uint64_t)vector, 1), -EINVAL);
    vector[0] = (struct iovec){vector, sizeof vector};
    assert_int_equal(io_vector(&io, (uint64_t)vector, 1), 0);
    vector[0].iov_len = 1; /* it changes under us */
    assert_int_equal(io_skip(&io, io.bytes), -EFAULT);
}

static void descriptors_are_the_lowest(void **state)
{
    struct file *file = eventfd_create(0, false, 0);
    bool flag;
    (void)state;
    for (int64_t fd = 0; fd < 200; fd++)
        assert_int_equal(descriptor_add(file_get(file), fd & 1, 0), fd);
    assert_int_equal(descriptor_close(7), 0);
    assert_int_equal(descriptor_close(3), 0);
    assert_int_equal(descriptor_close(3), -EBADF);
    assert_null(descriptor_file(3));
    assert_int_equal(descriptor_add(file_get(file), false, 5), 7);
    assert_int_equal(descriptor_add(file_get(file), true, 0), 3);
    assert_int_equal(descriptor_add(file_get(file), false, 0), 200);
    assert_true(descriptor_flag(3, &flag) && flag);
    assert_int_equal(descriptor_set(file_get(file), false, 5000), 5000);
    assert_int_equal(descriptor_set(file_get(file), false, 3), 3);
    assert_int_equal(descriptor_next(201), 5000);
    assert_int_equal(file->references, 203);
    for (uint32_t fd = 0; (fd = descriptor_next(fd)) < DESCRIPTORS_MAX; fd++)
        assert_int_equal(descriptor_close(fd), 0);
    assert_int_equal(file->references, 1);
    file_put(file);
}

static void descriptors_end_at_their_bound(void **state)
{
    struct file *file = eventfd_create(0, false, 0);
    (void)state;
    for (uint32_t fd = 0; fd < DESCRIPTORS_MAX; fd++)
        assert_int_equal(descriptor_add(file_get(file), false, 0), fd);
    assert_int_equal(descriptor_add(file_get(file), false, 0), -EMFILE);
    assert_int_equal(descriptor_add(file_get(file), false, DESCRIPTORS_MAX), -EMFILE);
    assert_int_equal(descriptor_set(file_get(file), false, DESCRIPTORS_MAX), -EBADF);
    for (uint32_t fd = 0; fd < DESCRIPTORS_MAX; fd++)
        assert_int_equal(descriptor_close(fd), 0);
    assert_int_equal(file->references, 1);
    file_put(file);
}

static void pipes_keep_order_and_size(void **state)
{
    static uint8_t out[PIPE_BYTES + 5000], in[sizeof out];
    (void)state;
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 31 + i / 256);
    size_t sent = 0, got = 0;
    unsigned step = 1;
    while (got < sizeof out) {
        size_t part = step * 977 % 9000 + 1;
        if (part > sizeof out - sent)
            part = sizeof out - sent;
        if (part && file_ready(ends[1]) & POLLOUT) {
            ends[1]->flags |= O_NONBLOCK;
            int64_t put_bytes = put(ends[1], out + sent, part);
            assert_true(put_bytes > 0 || put_bytes == -EAGAIN);
            sent += put_bytes > 0 ? (size_t)put_bytes : 0;
        }
        if (step % 3 == 0 && file_ready(ends[0]) & POLLIN) {
            int64_t got_bytes = get(ends[0], in + got, step * 613 % 7000 + 1);
            assert_true(got_bytes > 0);
            got += (size_t)got_bytes;
        }
        step++;
    }
    assert_memory_equal(in, out, sizeof out);
}

static void pipes_hold_what_they_can_hold(void **state)
{
    static uint8_t data[2 * PIPE_BYTES];
    (void)state;
    ends[1]->flags |= O_NONBLOCK;
    assert_int_equal(put(ends[1], data, sizeof data), PIPE_BYTES);
    assert_int_equal(put(ends[1], data, 1), -EAGAIN);
    assert_false(file_ready(ends[1]) & POLLOUT);
    assert_int_equal(get(ends[0], data, 100), 100);
    assert_int_equal(put(ends[1], data, PIPE_ATOMIC_BYTES), -EAGAIN); /* together or not at all */
    assert_int_equal(put(ends[1], data, PIPE_ATOMIC_BYTES + 1), 100);
    assert_int_equal(pipe_capacity(ends[0]), PIPE_BYTES);
    assert_int_equal(pipe_capacity_set(ends[0], 4096), -EBUSY);
    assert_int_equal(pipe_capacity_set(ends[0], PIPE_BYTES_MAX + 1), -EPERM);
    assert_int_equal(pipe_capacity_set(ends[0], 100000), 131072);
    assert_int_equal(put(ends[1], data, sizeof data), 131072 - PIPE_BYTES);
}

static void a_blocking_write_goes_on_where_it_was(void **state)
{
    static uint8_t data[PIPE_BYTES + 1000];
    struct io io;
    (void)state;
    stub_waits = 0;
    assert_int_equal(put(ends[1], data, sizeof data), WAIT);
    assert_int_equal(stub_waits, 1);
    assert_int_equal(get(ends[0], data, 500), 500);
    stub_call_over(); /* of the reader; the writer's state is: PIPE_BYTES done */
    *(uint64_t *)call_state(8, NULL) = PIPE_BYTES;
    assert_int_equal(io_buffer(&io, (uint64_t)data, sizeof data), 0);
    assert_int_equal(file_write(ends[1], &io, NULL), WAIT); /* 1000 together find no room */
    assert_int_equal(get(ends[0], data, 500), 500);
    stub_call_over();
    *(uint64_t *)call_state(8, NULL) = PIPE_BYTES;
    assert_int_equal(put(ends[1], data, sizeof data), sizeof data);
}

static void pipes_end(void **state)
{
    char byte;
    (void)state;
    stub_broken = 0;
    assert_int_equal(get(ends[0], &byte, 1), WAIT);
    assert_int_equal(put(ends[1], "x", 1), 1);
    file_put(ends[1]);
    ends[1] = NULL;
    assert_int_equal(file_ready(ends[0]), POLLIN | POLLRDNORM | POLLHUP);
    assert_int_equal(get(ends[0], &byte, 1), 1);
    assert_int_equal(get(ends[0], &byte, 1), 0);
    close_pipe(state);
    make_pipe(state);
    file_put(ends[0]);
    ends[0] = NULL;
    assert_int_equal(file_ready(ends[1]), POLLOUT | POLLWRNORM | POLLERR);
    assert_int_equal(put(ends[1], "x", 1), -EPIPE);
    assert_int_equal(stub_broken, 1);
    assert_int_equal(get(ends[1], &byte, 1), -EBADF);
}

static void counters_count(void **state)
{
    struct file *file = eventfd_create(3, false, O_NONBLOCK);
    struct file *semaphore = eventfd_create(2, true, O_NONBLOCK);
    uint64_t count = 4, most = UINT64_MAX;
    (void)state;
    assert_int_equal(put(file, &count, 8), 8);
    assert_int_equal(get(file, &count, 8), 8);
    assert_int_equal(count, 7);
    assert_int_equal(get(file, &count, 8), -EAGAIN);
    assert_int_equal(get(file, &count, 7), -EINVAL);
    assert_int_equal(put(file, &most, 8), -EINVAL);
    most--;
    assert_int_equal(put(file, &most, 8), 8);
    assert_int_equal(file_ready(file), POLLIN | POLLRDNORM);
    count = 1;
    assert_int_equal(put(file, &count, 8), -EAGAIN);
    assert_int_equal(get(semaphore, &count, 8), 8);
    assert_int_equal(count, 1);
    assert_int_equal(get(semaphore, &count, 8), 8);
    assert_int_equal(get(semaphore, &count, 8), -EAGAIN);
    file_put(file);
    file_put(semaphore);
}

static struct epoll_event taken[8];

static int64_t take(struct file *epoll)
{
    return epoll_take(epoll, (uint64_t)taken, 8);
}

static int add(struct file *epoll, struct file *file, uint32_t fd, uint32_t events)
{
    const struct epoll_event event = {.events = events, .data = fd};
    return epoll_add(epoll, file, fd, &event);
}

static void epoll_tells_levels_edges_and_once(void **state)
{
    struct file *epoll = epoll_create();
    char byte;
    (void)state;
    assert_int_equal(add(epoll, ends[0], 10, EPOLLIN), 0);
    assert_int_equal(add(epoll, ends[0], 10, EPOLLIN), -EEXIST);
    assert_int_equal(add(epoll, ends[0], 11, EPOLLIN | EPOLLET), 0);
    assert_int_equal(add(epoll, ends[0], 12, EPOLLIN | EPOLLONESHOT), 0);
    assert_int_equal(add(epoll, ends[1], 13, EPOLLOUT | EPOLLET), 0);
    assert_int_equal(take(epoll), 1); /* the pipe can be written: once */
    assert_int_equal(taken[0].data, 13);
    assert_int_equal(take(epoll), 0);
    assert_int_equal(put(ends[1], "ab", 2), 2);
    assert_int_equal(take(epoll), 3);
    assert_int_equal(take(epoll), 1); /* the level */
    assert_int_equal(taken[0].data, 10);
    assert_int_equal(taken[0].events, EPOLLIN);
    assert_int_equal(get(ends[0], &byte, 1), 1);
    assert_int_equal(take(epoll), 2); /* and the writer's edge */
    assert_int_equal(put(ends[1], "c", 1), 1);
    assert_int_equal(take(epoll), 2); /* level and edge; not the one that was told once */
    const struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data = 99};
    assert_int_equal(epoll_modify(epoll, ends[0], 12, &again), 0);
    assert_int_equal(take(epoll), 2);
    assert_int_equal(get(ends[0], &byte, 1), 1);
    assert_int_equal(get(ends[0], &byte, 1), 1);
    assert_int_equal(take(epoll), 1); /* nothing but the writer's edge */
    assert_int_equal(epoll_delete(epoll, ends[0], 10), 0);
    assert_int_equal(epoll_delete(epoll, ends[0], 10), -ENOENT);
    file_put(epoll);
    assert_null(ends[0]->watchers);
}

/* What was read before bad memory has made room. */
static void who_reads_a_part_tells_who_writes(void **state)
{
    static uint8_t data[PIPE_BYTES], unmapped[100];
    const struct iovec vector[] = {{data, PIPE_BYTES - 100}, {unmapped, 100}};
    struct file *epoll = epoll_create();
    struct io io;
    (void)state;
    assert_int_equal(put(ends[1], data, PIPE_BYTES), PIPE_BYTES);
    assert_int_equal(get(ends[0], data, 100), 100);
    assert_int_equal(put(ends[1], data, 100), 100); /* at the beginning of the buffer */
    assert_int_equal(add(epoll, ends[1], 11, EPOLLOUT | EPOLLET), 0);
    assert_int_equal(take(epoll), 0);
    assert_int_equal(io_vector(&io, (uint64_t)vector, 2), 0);
    stub_unmapped = unmapped;
    assert_int_equal(file_read(ends[0], &io, NULL), PIPE_BYTES - 100);
    stub_unmapped = NULL;
    assert_int_equal(take(epoll), 1);
    assert_int_equal(get(ends[0], data, PIPE_BYTES), 100);
    file_put(epoll);
}

static void epoll_forgets_what_is_closed(void **state)
{
    struct file *epoll = epoll_create();
    (void)state;
    assert_int_equal(add(epoll, ends[0], 10, 0), 0);
    assert_int_equal(add(epoll, ends[1], 11, EPOLLOUT), 0);
    file_put(ends[1]);
    ends[1] = NULL;
    assert_int_equal(take(epoll), 1); /* what is always told: the pipe has no writer */
    assert_int_equal(taken[0].data, 10);
    assert_int_equal(taken[0].events, EPOLLHUP);
    file_put(epoll);
}

static void epolls_nest_but_in_no_circle(void **state)
{
    struct file *chain[EPOLL_NEST_MAX + 1];
    (void)state;
    for (unsigned i = 0; i <= EPOLL_NEST_MAX; i++)
        chain[i] = epoll_create();
    assert_int_equal(add(chain[0], chain[0], 1, EPOLLIN), -EINVAL);
    for (unsigned i = 0; i + 1 < EPOLL_NEST_MAX; i++)
        assert_int_equal(add(chain[i], chain[i + 1], i, EPOLLIN), 0);
    assert_int_equal(add(chain[2], chain[0], 9, EPOLLIN), -ELOOP);
    assert_int_equal(add(chain[EPOLL_NEST_MAX - 1], chain[EPOLL_NEST_MAX], 9, EPOLLIN), -ELOOP);
    assert_int_equal(add(chain[EPOLL_NEST_MAX], chain[0], 9, EPOLLIN), -ELOOP);
    assert_int_equal(take(chain[0]), 0);
    assert_int_equal(add(chain[EPOLL_NEST_MAX - 1], ends[0], 10, EPOLLIN), 0);
    assert_int_equal(put(ends[1], "a", 1), 1);
    assert_int_equal(file_ready(chain[0]), POLLIN | POLLRDNORM);
    assert_int_equal(take(chain[0]), 1);
    for (unsigned i = 0; i <= EPOLL_NEST_MAX; i++)
        file_put(chain[i]);
}

static int all_is_given_back(void **state)
{
    (void)state;
    /* but for the table of descriptors */
    return stub_heap_used <= DESCRIPTORS_MAX * 16 ? 0 : -1;
}

int main(void)
{
#define WITH_PIPE(name) cmocka_unit_test_setup_teardown(name, make_pipe, close_pipe)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(io_goes_through_vectors),
        cmocka_unit_test(io_refuses_bad_vectors),
        cmocka_unit_test(descriptors_are_the_lowest),
        cmocka_unit_test(descriptors_end_at_their_bound),
        WITH_PIPE(pipes_keep_order_and_size),
        WITH_PIPE(pipes_hold_what_they_can_hold),
        WITH_PIPE(who_reads_a_part_tells_who_writes),
        WITH_PIPE(a_blocking_write_goes_on_where_it_was),
        WITH_PIPE(pipes_end),
        cmocka_unit_test(counters_count),
        WITH_PIPE(epoll_tells_levels_edges_and_once),
        WITH_PIPE(epoll_forgets_what_is_closed),
        WITH_PIPE(epolls_nest_but_in_no_circle),
    };
    return cmocka_run_group_tests(tests, NULL, all_is_given_back);
}
