/* event_rig.c: see event_rig.h. */
#include "event_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/fault.h"
#include "kernel/core/freeze.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/event/reply.h"

#define WAITS_MAX 10000u

unsigned rings, waits, idle_waits;
void (*node_turn)(void);
jmp_buf end;
enum mf_cause end_cause;
uint64_t bad_from, bad_to;
struct got got;

uint8_t buffer[MF_BODY_BYTES_MAX + 16], body[MF_BODY_BYTES_MAX + 16];

/* Of kernel/core/assert.h, whose mf_assert would clash with the host's. */
_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line);
_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

_Noreturn void hypercall_halt(void)
{
    longjmp(end, END_HALT);
}

_Noreturn void hypercall_fault(enum mf_cause cause)
{
    end_cause = cause;
    longjmp(end, END_FAULT);
}

_Noreturn void fault_words(enum mf_cause cause, const char *words)
{
    (void)words;
    hypercall_fault(cause);
}

void freeze_here(void) /* no test here freezes */
{
}

uint64_t rig_clock_ns;

void hypercall_clock(uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    *monotonic_ns = *realtime_ns = rig_clock_ns;
}

void hypercall_ring(void)
{
    rings++;
}

uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    struct mf_channel_head *head = (void *)guest;
    idle_waits += idle;
    if (++waits > WAITS_MAX)
        fail_msg("waits for ever");
    if (node_turn)
        node_turn();
    uint32_t bell = __atomic_load_n(&head->bell, __ATOMIC_ACQUIRE);
    if (bell == seen && !deadline_ns && !node_turn)
        fail_msg("sleeps, and nobody would wake it");
    return bell;
}

bool user_range(uint64_t address, uint64_t bytes)
{
    return address >= bad_to || bytes <= bad_from - address;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
    if (from + bytes > bad_from && from < bad_to)
        return -EFAULT;
    memcpy(to, (const void *)from, bytes);
    return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
    if (to + bytes > bad_from && to < bad_to)
        return -EFAULT;
    memcpy((void *)to, from, bytes);
    return 0;
}

int open_pair(void **state)
{
    (void)state;
    channel_ends_open();
    memset(&got, 0, sizeof got);
    rings = waits = 0;
    node_turn = NULL;
    bad_from = bad_to = UINT64_MAX;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 17 + (i >> 9));
    event_start((uint64_t)(uintptr_t)guest, 0);
    return 0;
}

int close_pair(void **state)
{
    (void)state;
    node_turn = NULL; /* lines begun go nowhere: the next test starts without */
    memset(guest, 0, sizeof(struct mf_channel_head));
    event_start((uint64_t)(uintptr_t)guest, 0);
    output_flush();
    channel_ends_close();
    return 0;
}

void put(uint64_t id, enum mf_message type, uint32_t head_bytes, const void *data,
                uint32_t bytes, bool last)
{
    struct mf_desc desc = {.id = id,
                           .type = (uint16_t)type,
                           .flags = last ? MF_MSG_END : 0,
                           .head_bytes = head_bytes,
                           .data_bytes = head_bytes + bytes};
    static const uint8_t head[MF_HEAD_BYTES_MAX];
    assert_int_equal(channel_put(&node, &desc, head, data), MF_OK);
    channel_bell(&node);
}

void invoke(uint64_t id, const char *text)
{
    put(id, MF_MSG_INVOKE, 10, text, (uint32_t)strlen(text), true);
}

void take_all(void)
{
    static uint8_t scratch[MF_CHUNK_BYTES_MAX];
    struct channel_message message;
    mf_err err;
    while ((err = channel_take(&node, scratch, &message, NULL)) == MF_OK) {
        got.messages++;
        got.id = message.id;
        got.ends += message.end;
        if (message.type == MF_MSG_LOG) {
            unsigned at = got.logs++ % LOG_MAX;
            size_t bytes = message.data_bytes < 63 ? message.data_bytes : 63;
            memcpy(got.log[at], message.data, bytes);
            got.log[at][bytes] = 0;
            got.log_id[at] = message.id;
            got.log_level[at] = message.arg;
        } else if (message.type == MF_MSG_ERROR) {
            got.errors++;
            assert_true(message.data_bytes < sizeof got.error);
            memcpy(got.error, message.data, message.data_bytes);
            got.error[message.data_bytes] = 0;
        } else {
            uint32_t part = message.data_bytes - message.head_bytes;
            if (message.type == MF_MSG_REPLY) {
                got.replies++;
                got.status = message.arg;
                got.bytes = 0;
                got.head_bytes = message.head_bytes;
                memcpy(got.head, message.data, message.head_bytes);
            }
            assert_true(part <= sizeof got.body - got.bytes);
            memcpy(got.body + got.bytes, message.data + message.head_bytes, part);
            got.bytes += part;
        }
    }
    assert_int_equal(err, MF_EAGAIN);
    channel_bell(&node);
}

/* The node takes what is there, and goes to sleep again. */
void node_takes(void)
{
    take_all();
    assert_true(channel_sleep(&node));
}

struct mf_call_event current;

int64_t next(size_t capacity)
{
    struct event_data into = {(uint64_t)(uintptr_t)buffer, capacity};
    memset(&current, 0xee, sizeof current);
    return event_next((uint64_t)(uintptr_t)&current, &into);
}

struct event_data run_of(const void *data, size_t bytes)
{
    return (struct event_data){(uint64_t)(uintptr_t)data, bytes};
}

int64_t reply(unsigned status, const void *data, size_t bytes, unsigned flags)
{
    struct event_data fields = {0}, run = run_of(data, bytes);
    return reply_begin(status, &fields, &run, flags);
}

int64_t more(const void *data, size_t bytes, unsigned flags)
{
    struct event_data run = run_of(data, bytes);
    return reply_write(&run, flags);
}

int64_t read_body(size_t capacity)
{
    struct event_data into = run_of(buffer, capacity);
    return event_body(&into);
}
