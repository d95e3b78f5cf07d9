/* kernel_stubs.c: see kernel_stubs.h. */
#include "kernel_stubs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/operation.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/memory.h"
#include "kernel/core/user.h"
#include "kernel/event/operation.h"
#include "kernel/event/output.h"
#include "kernel/file/file.h"
#include "kernel/task/wait.h"

size_t stub_heap_used, stub_heap_max = 64u << 20;
uint64_t stub_clock_ns = 1000000000;
unsigned stub_woken, stub_waits, stub_broken;
const char *stub_secret;
uint32_t stub_secret_error;
unsigned stub_asked, stub_wiped;
char stub_said[512];
const void *stub_watched;
bool stub_watched_was_wiped;

static uint8_t call_bytes[CALL_STATE_BYTES];

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

void *heap_take(size_t bytes)
{
    void *at = NULL;
    if (bytes == 0 || bytes > stub_heap_max - stub_heap_used)
        return NULL;
    if (posix_memalign(&at, bytes > 2048 ? 4096 : 64, bytes) != 0)
        return NULL;
    stub_heap_used += bytes;
    return memset(at, 0, bytes);
}

void heap_give(void *at, size_t bytes)
{
    const uint8_t *byte = at;
    if (at && at == stub_watched) {
        stub_watched_was_wiped = true;
        for (size_t i = 0; i < bytes; i++)
            stub_watched_was_wiped &= byte[i] == 0;
        stub_watched = NULL;
    }
    if (at)
        stub_heap_used -= bytes;
    free(at);
}

void heap_usage(uint64_t *used, uint64_t *total)
{
    *used = stub_heap_used;
    *total = stub_heap_max;
}

int64_t memory_map(uint64_t hint, uint64_t bytes, uint32_t prot)
{
    void *at = NULL;
    (void)hint, (void)prot;
    if (posix_memalign(&at, 4096, bytes) != 0)
        return -ENOMEM;
    memset(at, 0, bytes);
    return (int64_t)at;
}

int memory_unmap(uint64_t address, uint64_t bytes)
{
    (void)bytes; /* all of what memory_map() gave */
    free((void *)address);
    return 0;
}

void memory_fill(uint64_t address, const void *from, uint64_t bytes, uint64_t length)
{
    if (bytes)
        memcpy((void *)address, from, bytes);
    memset((void *)(address + bytes), 0, length - bytes);
}

/* A bad address is one below a page. */
bool user_range(uint64_t address, uint64_t bytes)
{
    (void)bytes;
    return address >= 4096;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
    if (!user_range(from, bytes))
        return -EFAULT;
    memcpy(to, (const void *)from, bytes);
    return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
    if (!user_range(to, bytes))
        return -EFAULT;
    memcpy((void *)to, from, bytes);
    return 0;
}

void hypercall_clock(uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    *monotonic_ns = *realtime_ns = stub_clock_ns;
}

uint64_t time_monotonic(void); /* kernel/linux/time.h, which the C library's headers do not suffer */
uint64_t time_monotonic(void)
{
    return stub_clock_ns;
}

int64_t wait_for(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue, (void)deadline_ns;
    stub_waits++;
    return WAIT;
}

uint32_t wait_wake(struct wait_queue *queue, uint32_t most)
{
    (void)queue, (void)most;
    stub_woken++;
    return 0;
}

void *call_state(size_t bytes, void (*end)(void *state))
{
    (void)bytes, (void)end;
    return call_bytes;
}

void stub_call_over(void)
{
    memset(call_bytes, 0, sizeof call_bytes);
}

int operation_ask(uint32_t operation, const void *request, uint32_t request_bytes, const void *part,
                  uint32_t part_bytes, struct operation_answer *answer)
{
    const struct mf_op_secret *head = request;
    assert_int_equal(operation, MF_OPERATION_SECRET);
    assert_int_equal(request_bytes, sizeof *head);
    assert_int_equal(head->name_bytes, part_bytes);
    assert_int_equal(head->reserved, 0);
    assert_non_null(part);
    stub_asked++;
    if (!stub_secret)
        return -ENOENT;
    *answer = (struct operation_answer){stub_secret_error, (uint32_t)strlen(stub_secret), stub_secret};
    return 0;
}

void operation_wipe(void)
{
    stub_wiped++;
}

void output_kernel(enum mf_log_level level, const char *text, size_t bytes)
{
    assert_int_equal(level, MF_LOG_WARN);
    (void)snprintf(stub_said, sizeof stub_said, "%.*s", (int)bytes, text);
}

void file_broken(void)
{
    stub_broken++;
}
