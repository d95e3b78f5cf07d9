/* test_kernel_event.c: events come, are read, answered and ended. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "event_rig.h"
#include "kernel/core/clock.h"
#include "kernel/event/output.h"
#include "kernel/event/reply.h"

static void a_small_event_is_one_message_each_way(void **state)
{
    (void)state;
    assert_true(channel_sleep(&node));
    invoke(7, "hello");
    assert_int_equal(next(4096), 0);
    assert_int_equal(current.id, 7);
    assert_int_equal(current.field_bytes, 10);
    assert_int_equal(current.body_bytes, 5);
    assert_int_equal(current.flags, MF_CALL_END);
    assert_memory_equal(buffer + 10, "hello", 5);
    assert_int_equal(read_body(10), 0);
    assert_int_equal(reply(201, "there", 5, MF_CALL_END), 5);
    assert_int_equal(rings, 1);
    take_all();
    assert_int_equal(got.messages, 1);
    assert_int_equal(got.status, 201);
    assert_int_equal(got.ends, 1);
    assert_memory_equal(got.body, "there", 5);
    assert_int_equal(waits, 0);
}

static void a_line_is_told_while_the_event_runs(void **state)
{
    const struct mf_boot boot = {.tsc_scale = 1}; /* time costs no exit */
    (void)state;
    clock_start(&boot);
    rig_clock_ns = 1000000000;
    invoke(7, "hello");
    assert_int_equal(next(4096), 0);
    for (unsigned i = 0; i < 3; i++) { /* the first of many */
        assert_true(channel_sleep(&node));
        output_kernel(MF_LOG_INFO, "a line", 6);
        assert_int_equal(rings, 1);
        take_all();
    }
    rig_clock_ns += 20000000; /* one, a while later */
    assert_true(channel_sleep(&node));
    output_kernel(MF_LOG_INFO, "a line", 6);
    assert_int_equal(rings, 2);
    take_all();
    assert_true(channel_sleep(&node));
    output_kernel(MF_LOG_ERROR, "a line", 6); /* an error, at once */
    assert_int_equal(rings, 3);
    take_all();
    assert_int_equal(got.logs, 5);
    clock_stop();
    assert_true(channel_sleep(&node));
    output_kernel(MF_LOG_INFO, "a line", 6); /* where time costs as much */
    assert_int_equal(rings, 4);
    assert_int_equal(reply(200, "y", 1, MF_CALL_END), 1);
}

static unsigned to_send;

static void node_sends_one(void)
{
    node_takes();
    if (to_send)
        invoke(to_send--, "x");
}

static void an_idle_instance_costs_one_ring_and_one_wait(void **state)
{
    enum { EVENTS = 50 };
    (void)state;
    to_send = EVENTS;
    node_turn = node_sends_one;
    for (unsigned i = 0; i < EVENTS; i++) {
        assert_int_equal(next(4096), 0);
        output_kernel(MF_LOG_INFO, "a line", 6);
        assert_int_equal(reply(200, "y", 1, MF_CALL_END), 1);
    }
    assert_int_equal(rings, EVENTS);
    assert_int_equal(waits, EVENTS);
    node_takes();
    assert_int_equal(got.logs, EVENTS);
    assert_int_equal(got.replies, EVENTS);
}

static void who_goes_on_to_next_leaves_the_ring_to_wait(void **state)
{
    (void)state;
    const uint64_t base = (uint64_t)(uintptr_t)guest;
    for (uint32_t flags = 0; flags <= MF_BOOT_WAIT_RINGS; flags += MF_BOOT_WAIT_RINGS) {
        memset(guest, 0, sizeof(struct mf_channel_head));
        channel_close(&node);
        assert_int_equal(channel_open(memfd, &node), MF_OK);
        event_start(base, flags);
        rings = idle_waits = 0;
        to_send = 2;
        node_turn = node_sends_one;
        assert_int_equal(next(4096), 0);
        assert_int_equal(reply(200, "y", 1, MF_CALL_NEXT), -EINVAL); /* only at an end */
        assert_int_equal(reply(200, "y", 1, MF_CALL_END | MF_CALL_NEXT), 1);
        assert_int_equal(rings, flags ? 0 : 1);
        assert_int_equal(next(4096), 0);
        assert_int_equal(rings, flags ? 0 : 1);
        assert_int_equal(idle_waits, 2);
        assert_int_equal(reply(200, "y", 1, MF_CALL_END), 1); /* may go on for long */
        assert_int_equal(rings, flags ? 1 : 2);
        node_takes();
    }
}

static void a_busy_instance_costs_no_exit(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= MF_EVENTS_AHEAD_MAX; id++)
        invoke(id, "x");
    for (uint64_t id = 1; id <= MF_EVENTS_AHEAD_MAX; id++) {
        assert_int_equal(next(4096), 0);
        assert_int_equal(current.id, id);
        assert_int_equal(reply(200, "y", 1, MF_CALL_END), 1);
    }
    assert_int_equal(rings, 0);
    assert_int_equal(waits, 0);
    take_all();
    assert_int_equal(got.messages, MF_EVENTS_AHEAD_MAX);
}

static size_t sent;
static size_t send_bytes;

static void node_sends_body(void)
{
    node_takes();
    while (sent < send_bytes) {
        uint32_t room = channel_room(&node, 0);
        uint32_t part = send_bytes - sent < room ? (uint32_t)(send_bytes - sent) : room;
        if (part < 4096 && part < send_bytes - sent)
            return;
        put(3, MF_MSG_BODY, 0, body + sent, part, sent + part == send_bytes);
        sent += part;
    }
}

static void the_largest_bodies_go_through_both_ways(void **state)
{
    (void)state;
    assert_true(channel_sleep(&node));
    put(3, MF_MSG_INVOKE, 10, body, 1000, false);
    sent = 1000;
    send_bytes = MF_BODY_BYTES_MAX;
    node_turn = node_sends_body;
    assert_int_equal(next(500), 0);
    assert_int_equal(current.body_bytes, 490);
    assert_int_equal(current.flags, 0);
    size_t at = 490;
    int64_t part;
    memmove(buffer, buffer + 10, 490);
    while ((part = read_body(1 + at % 70000)) > 0) {
        assert_memory_equal(buffer, body + at, (size_t)part);
        at += (size_t)part;
    }
    assert_int_equal(part, 0);
    assert_int_equal(at, MF_BODY_BYTES_MAX);
    assert_int_equal(reply(200, body, 777, 0), 777);
    assert_int_equal(more(body + 777, MF_BODY_BYTES_MAX - 777, 0), MF_BODY_BYTES_MAX - 777);
    assert_int_equal(more(body, 1, 0), -EFBIG);
    assert_int_equal(more(NULL, 0, MF_CALL_END), 0);
    node_takes();
    assert_int_equal(got.bytes, MF_BODY_BYTES_MAX);
    assert_memory_equal(got.body, body, MF_BODY_BYTES_MAX);
    assert_int_equal(got.ends, 1);
    assert_true(waits < 400 && rings < 400);
}

static void a_body_nobody_read_is_skipped(void **state)
{
    (void)state;
    put(3, MF_MSG_INVOKE, 10, body, 100, false);
    put(3, MF_MSG_BODY, 0, body, 50000, false);
    put(3, MF_MSG_BODY, 0, body, 50000, true);
    invoke(4, "next");
    assert_int_equal(next(50), 0);
    assert_int_equal(reply(200, NULL, 0, MF_CALL_END), 0);
    assert_int_equal(next(50), 0);
    assert_int_equal(current.id, 4);
    assert_memory_equal(buffer + 10, "next", 4);
}

static void node_has_room_again(void)
{
    node_takes();
    assert_int_equal(rings, 2); /* for the reply, and for the room */
    invoke(4, "next");
}

static void room_made_by_skipping_is_told(void **state)
{
    (void)state;
    put(3, MF_MSG_INVOKE, 10, body, 100, false);
    for (unsigned i = 0; i < 3; i++)
        put(3, MF_MSG_BODY, 0, body, MF_CHUNK_BYTES_MAX, i == 2);
    assert_true(channel_sleep(&node));
    assert_int_equal(next(50), 0);
    assert_int_equal(reply(200, NULL, 0, MF_CALL_END), 0);
    node_takes();
    node_turn = node_has_room_again;
    assert_int_equal(next(50), 0);
    assert_int_equal(current.id, 4);
}

static void a_cancelled_event_is_ended_or_told(void **state)
{
    (void)state;
    invoke(1, "runs");
    invoke(2, "waits");
    invoke(3, "stays");
    put(2, MF_MSG_CANCEL, 0, NULL, 0, false);
    assert_int_equal(next(100), 0);
    assert_int_equal(event_cancelled(), 0);
    put(1, MF_MSG_CANCEL, 0, NULL, 0, false);
    assert_int_equal(event_cancelled(), 1);
    assert_int_equal(reply(200, NULL, 0, MF_CALL_END), 0);
    assert_int_equal(next(100), 0);
    assert_int_equal(current.id, 3);
    assert_int_equal(event_cancelled(), 0);
    take_all();
    assert_int_equal(got.messages, 2);
    assert_int_equal(got.replies, 1);
    assert_string_equal(got.error, "cancelled before it began");
}

static void a_cancel_ends_a_body_that_is_being_read(void **state)
{
    (void)state;
    put(5, MF_MSG_INVOKE, 10, body, 100, false);
    assert_int_equal(next(110), 0);
    put(5, MF_MSG_CANCEL, 0, NULL, 0, false);
    invoke(6, "next");
    assert_int_equal(current.body_bytes, 100);
    assert_int_equal(current.flags, 0);
    assert_int_equal(read_body(100), -ECANCELED);
    assert_int_equal(event_cancelled(), 1);
    assert_int_equal(next(100), 0);
    assert_int_equal(current.id, 6);
    take_all();
    assert_int_equal(got.errors, 1); /* the one left unanswered */
}

static void drain_answers_what_is_there_and_halts(void **state)
{
    struct mf_desc drain = {.type = MF_MSG_DRAIN};
    (void)state;
    invoke(1, "a");
    assert_int_equal(channel_put(&node, &drain, NULL, NULL), MF_OK);
    assert_true(channel_sleep(&node));
    int how = setjmp(end);
    if (how == 0) {
        assert_int_equal(next(100), 0);
        assert_int_equal(reply(200, NULL, 0, MF_CALL_END), 0);
        (void)next(100);
    }
    assert_int_equal(how, END_HALT);
    take_all();
    assert_int_equal(got.ends, 1);
    assert_int_equal(rings, 1);
}

static void an_event_without_an_answer_fails(void **state)
{
    (void)state;
    invoke(1, "a");
    invoke(2, "b");
    invoke(3, "c");
    assert_int_equal(next(100), 0);
    assert_int_equal(next(100), 0);
    assert_int_equal(current.id, 2);
    take_all();
    assert_int_equal(got.errors, 1);
    assert_string_equal(got.error, "the handler returned without an answer");
    struct event_data message = run_of("broken", 6);
    assert_int_equal(event_fail(&message), 0);
    assert_int_equal(event_fail(&message), -ENOENT);
    assert_int_equal(next(9), -E2BIG);
    assert_int_equal(reply(200, NULL, 0, 0), -ENOENT);
    take_all();
    assert_int_equal(got.errors, 3);
    assert_string_equal(got.error, "the event's fields are larger than the handler takes");
}

static void wrong_replies_are_refused_where_they_are_made(void **state)
{
    (void)state;
    assert_int_equal(reply(200, NULL, 0, 0), -ENOENT);
    assert_int_equal(more("x", 1, 0), -ENOENT);
    assert_int_equal(read_body(1), -ENOENT);
    assert_int_equal(event_cancelled(), -ENOENT);
    invoke(1, "a");
    assert_int_equal(next(100), 0);
    assert_int_equal(more("x", 1, 0), -EINVAL);
    assert_int_equal(reply(199, NULL, 0, 0), -EINVAL);
    assert_int_equal(reply(600, NULL, 0, 0), -EINVAL);
    assert_int_equal(reply(200, NULL, 0, 2), -EINVAL);
    assert_int_equal(reply(200, body, MF_BODY_BYTES_MAX + 1, 0), -EFBIG);
    struct event_data bad_fields = run_of("not fields", 10), none = {0};
    assert_int_equal(reply_begin(200, &bad_fields, &none, MF_CALL_END), -EINVAL);
    assert_int_equal(reply(200, NULL, 0, 0), 0);
    assert_int_equal(reply(200, NULL, 0, 0), -EALREADY);
    take_all();
    assert_int_equal(got.messages, 1);
}

static void pointers_that_lead_nowhere_give_efault(void **state)
{
    (void)state;
    bad_from = (uint64_t)(uintptr_t)body + 1000;
    bad_to = UINT64_MAX;
    if ((uint64_t)(uintptr_t)buffer > bad_from)
        bad_to = bad_from + 1000;
    invoke(1, "a");
    assert_int_equal(next(100), 0);
    assert_int_equal(reply(200, body + 900, 200, MF_CALL_END), -EFAULT);
    struct event_data log = run_of(body + 900, 200);
    assert_int_equal(output_log(MF_LOG_INFO, &log), -EFAULT);
    assert_int_equal(output_log(MF_LOG_LEVEL_COUNT, &log), -EINVAL);
    assert_int_equal(output_write(OUTPUT_STDOUT, (uint64_t)(uintptr_t)body + 900, 200), -EFAULT);
}

static int pid_of_nonsense(void)
{
    int how = setjmp(end);
    if (how == 0)
        (void)next(100);
    return how;
}

static void nonsense_on_the_ring_is_a_protocol_fault(void **state)
{
    struct mf_channel_head *head = (void *)guest;
    struct mf_desc *slot = (void *)(guest + MF_CHANNEL_TO_GUEST_SLOTS);
    static const struct mf_desc bad[] = {
        {.type = 99, .id = 1},
        {.type = MF_MSG_REPLY, .id = 1, .arg = 200},
        {.type = MF_MSG_INVOKE, .id = 0},
        {.type = MF_MSG_INVOKE, .id = 1, .flags = 2},
        {.type = MF_MSG_INVOKE, .id = 1, .data_bytes = MF_CHUNK_BYTES_MAX + 1},
        {.type = MF_MSG_INVOKE, .id = 1, .data_bytes = 8, .data_offset = MF_CHANNEL_DATA_BYTES - 7},
        {.type = MF_MSG_INVOKE, .id = 1, .data_bytes = 8, .head_bytes = 9},
        {.type = MF_MSG_BODY, .id = 1, .data_bytes = 8, .head_bytes = 1},
        {.type = MF_MSG_CANCEL, .id = 1, .data_bytes = 8},
        {.type = MF_MSG_DRAIN, .flags = MF_MSG_END},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(guest, 0, sizeof *head);
        event_start((uint64_t)(uintptr_t)guest, 0);
        *slot = bad[i];
        head->to_guest.tail = 1;
        assert_int_equal(pid_of_nonsense(), END_FAULT);
        assert_int_equal(end_cause, MF_CAUSE_PROTOCOL);
    }
    memset(guest, 0, sizeof *head);
    event_start((uint64_t)(uintptr_t)guest, 0);
    head->to_guest.tail = MF_RING_SLOTS + 1;
    assert_int_equal(pid_of_nonsense(), END_FAULT);
    assert_int_equal(end_cause, MF_CAUSE_PROTOCOL);
}

static void an_answer_is_owed_to_what_runs_and_what_waits(void **state)
{
    (void)state;
    assert_false(event_is_owed());
    invoke(1, "a");
    assert_true(event_is_owed());
    assert_int_equal(next(100), 0);
    assert_true(event_is_owed());
    assert_int_equal(reply(200, NULL, 0, MF_CALL_END), 0);
    assert_false(event_is_owed());
    invoke(2, "b");
    put(2, MF_MSG_CANCEL, 0, NULL, 0, false);
    assert_false(event_is_owed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_small_event_is_one_message_each_way),
        TEST(a_line_is_told_while_the_event_runs),
        TEST(an_idle_instance_costs_one_ring_and_one_wait),
        TEST(who_goes_on_to_next_leaves_the_ring_to_wait),
        TEST(a_busy_instance_costs_no_exit),
        TEST(the_largest_bodies_go_through_both_ways),
        TEST(a_body_nobody_read_is_skipped),
        TEST(room_made_by_skipping_is_told),
        TEST(a_cancelled_event_is_ended_or_told),
        TEST(a_cancel_ends_a_body_that_is_being_read),
        TEST(drain_answers_what_is_there_and_halts),
        TEST(an_event_without_an_answer_fails),
        TEST(wrong_replies_are_refused_where_they_are_made),
        TEST(pointers_that_lead_nowhere_give_efault),
        TEST(nonsense_on_the_ring_is_a_protocol_fault),
        TEST(an_answer_is_owed_to_what_runs_and_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
