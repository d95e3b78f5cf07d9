/* file_stubs.c: see file_stubs.h. */
#include "file_stubs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/operation.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/memory.h"
#include "kernel/event/operation.h"
#include "kernel/event/output.h"
#include "kernel/file/file.h"
#include "kernel/task/wait.h"

uint64_t stub_clock_ns = 1000000000;
unsigned stub_broken;
const char *stub_secret;
uint32_t stub_secret_error;
unsigned stub_asked, stub_wiped;
char stub_said[512];

static uint8_t call_bytes[CALL_STATE_BYTES];

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

/* Nothing is closed: what is read there is zeros. */
int memory_behind(uint64_t address, uint64_t bytes, bool behind)
{
    (void)address, (void)bytes, (void)behind;
    return 0;
}

void memory_fill(uint64_t address, const void *from, uint64_t bytes, uint64_t length)
{
    if (bytes)
        memcpy((void *)address, from, bytes);
    memset((void *)(address + bytes), 0, length - bytes);
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

void file_too_large(void)
{
    stub_broken++;
}
