/*
 * test_kernel_operation.c: the library OS's operations against the node's end of the same
 * channel; its hypercalls are this file's: a `wait` lets the node's side go on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/operation.h"
#include "channel_ends.h"
#include "kernel/core/fault.h"
#include "kernel/core/freeze.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/user.h"
#include "kernel/event/event.h"
#include "kernel/event/operation.h"

static unsigned rings, waits;
static void (*node_turn)(void);
static jmp_buf end;
static struct channel_message asked;
static uint8_t asked_data[MF_CHUNK_BYTES_MAX], large[MF_CHUNK_BYTES_MAX + 1];
static struct mf_call_result result;
static uint64_t bad_from = UINT64_MAX;

_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line);
_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

_Noreturn void hypercall_halt(void)
{
    abort();
}

_Noreturn void fault_words(enum mf_cause cause, const char *words)
{
    (void)words;
    assert_int_equal(cause, MF_CAUSE_PROTOCOL);
    longjmp(end, 1);
}

void freeze_here(void)
{
}

void hypercall_clock(uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    *monotonic_ns = *realtime_ns = 1;
}

void hypercall_ring(void)
{
    rings++;
}

uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    (void)deadline_ns;
    (void)seen;
    assert_false(idle); /* an event has begun: no rollback */
    if (++waits > 100 || !node_turn)
        fail_msg("waits for ever");
    node_turn();
    return 0;
}

bool user_range(uint64_t address, uint64_t bytes)
{
    return address + bytes <= bad_from;
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

static int open_pair(void **state)
{
    (void)state;
    channel_ends_open();
    rings = waits = 0;
    node_turn = NULL;
    bad_from = UINT64_MAX;
    memset(&asked, 0, sizeof asked);
    event_start((uint64_t)(uintptr_t)guest, false);
    return 0;
}

static int close_pair(void **state)
{
    (void)state;
    channel_ends_close();
    return 0;
}

static void invoke(uint64_t id)
{
    static const uint8_t head[10];
    const struct mf_desc desc = {.id = id, .type = MF_MSG_INVOKE, .flags = MF_MSG_END,
                                 .head_bytes = sizeof head, .data_bytes = sizeof head};
    assert_int_equal(channel_put(&node, &desc, head, NULL), MF_OK);
    channel_bell(&node);
}

static void begin(uint64_t id)
{
    static uint8_t buffer[4096];
    struct mf_call_event event;
    const struct event_data into = {(uint64_t)(uintptr_t)buffer, sizeof buffer};
    invoke(id);
    assert_int_equal(event_next((uint64_t)(uintptr_t)&event, &into), 0);
    assert_int_equal(event.id, id);
}

static int64_t ask(unsigned operation, const void *request, size_t bytes, const void *data,
                   size_t data_bytes)
{
    const struct event_data first = {(uint64_t)(uintptr_t)request, bytes};
    const struct event_data second = {(uint64_t)(uintptr_t)data, data_bytes};
    return operation_call(operation, &first, &second, (uint64_t)(uintptr_t)&result);
}

static int64_t take(void *buffer, size_t capacity)
{
    const struct event_data into = {(uint64_t)(uintptr_t)buffer, capacity};
    return operation_result(&into);
}

static void node_takes(void)
{
    struct mf_why why = {{0}};
    assert_int_equal(channel_take(&node, asked_data, &asked, &why), MF_OK);
    assert_int_equal(asked.type, MF_MSG_OPERATION);
}

static void answer(uint32_t number, const char *text, enum mf_result_error error)
{
    const struct mf_result said = {.number = number, .error = (uint32_t)error, .value = -5,
                                   .data_bytes = (uint32_t)strlen(text)};
    channel_answer(&node, &said, NULL, text);
    channel_bell(&node);
}

static void node_answers(void)
{
    node_takes();
    answer((uint32_t)(asked.arg >> 32), "value", MF_RESULT_OK);
}

static void a_request_and_its_answer(void **state)
{
    char got[8] = "";
    (void)state;
    begin(7);
    assert_true(channel_sleep(&node));
    node_turn = node_answers;
    assert_int_equal(ask(MF_OPERATION_SET, "head", 4, "data", 4), 0);
    assert_int_equal(asked.id, 7);
    assert_int_equal((uint32_t)asked.arg, MF_OPERATION_SET);
    assert_int_equal(asked.data_bytes, 8);
    assert_memory_equal(asked.data, "headdata", 8);
    assert_int_equal(rings, 1);
    assert_int_equal(waits, 1);
    assert_int_equal(result.error, MF_RESULT_OK);
    assert_int_equal(result.data_bytes, 5);
    assert_int_equal(result.value, -5);
    assert_int_equal(take(got, 3), 3);
    assert_int_equal(take(got, sizeof got), 5);
    assert_memory_equal(got, "value", 5);
}

/* Answered before it looks: no exit at all, if the node is awake. */
static unsigned late;

static void node_answers_wrongly_first(void)
{
    if (waits == 1)
        node_takes();
    if (waits < 4) {
        answer((uint32_t)(asked.arg >> 32) + late, "wrong", MF_RESULT_OK);
        return;
    }
    answer((uint32_t)(asked.arg >> 32), "right", MF_RESULT_OK);
}

static void answers_to_others_are_waited_past(void **state)
{
    char got[8];
    (void)state;
    begin(7);
    node_turn = node_answers_wrongly_first;
    for (late = 1; late < 3; late++) {
        waits = 0;
        assert_int_equal(ask(MF_OPERATION_GET, "k", 1, NULL, 0), 0);
        assert_int_equal(waits, 4);
        assert_int_equal(take(got, sizeof got), 5);
        assert_memory_equal(got, "right", 5);
    }
}

static void forget_numbers(void) /* as a rollback does: the kernel's memory is the snapshot's */
{
    event_start((uint64_t)(uintptr_t)guest, true);
}

/* What stood there before does not count, even under the number that comes next. */
static void an_answer_from_before_does_not_count(void **state)
{
    (void)state;
    begin(7);
    node_turn = node_answers;
    assert_int_equal(ask(MF_OPERATION_GET, "k", 1, NULL, 0), 0);
    uint32_t next = (uint32_t)(asked.arg >> 32) + 1;
    answer(next, "stale", MF_RESULT_EXISTS);
    waits = 0;
    assert_int_equal(ask(MF_OPERATION_GET, "k", 1, NULL, 0), 0);
    assert_int_equal(waits, 1);
    assert_int_equal(result.error, MF_RESULT_OK);
    forget_numbers();
}

static void another_event_sees_nothing_of_it(void **state)
{
    char got[8];
    (void)state;
    begin(7);
    node_turn = node_answers;
    assert_int_equal(ask(MF_OPERATION_GET, "k", 1, NULL, 0), 0);
    begin(8);
    assert_int_equal(take(got, sizeof got), 0);
}

static void without_an_event_it_is_refused(void **state)
{
    char got[8];
    (void)state;
    assert_int_equal(ask(MF_OPERATION_GET, "k", 1, NULL, 0), -ENOENT);
    assert_int_equal(take(got, sizeof got), -ENOENT);
    assert_int_equal(channel_take(&node, asked_data, &asked, NULL), MF_EAGAIN);
}

static void wrong_calls_are_refused_where_they_are_made(void **state)
{
    (void)state;
    begin(7);
    assert_int_equal(ask(0, "k", 1, NULL, 0), -EINVAL);
    assert_int_equal(ask(MF_OPERATION_END, "k", 1, NULL, 0), -EINVAL);
    assert_int_equal(ask(MF_OPERATION_GET, large, sizeof large, NULL, 0), -E2BIG);
    assert_int_equal(ask(MF_OPERATION_GET, large, 1, large, sizeof large - 1), -E2BIG);
    bad_from = (uint64_t)(uintptr_t)large;
    const struct event_data bad = {bad_from, 1}, none = {0, 0};
    assert_int_equal(operation_call(MF_OPERATION_GET, &bad, &none, 16), -EFAULT);
    assert_int_equal(operation_call(MF_OPERATION_GET, &none, &bad, 16), -EFAULT);
    assert_int_equal(operation_call(MF_OPERATION_GET, &none, &none, bad_from), -EFAULT);
    bad_from = UINT64_MAX;
    assert_int_equal(channel_take(&node, asked_data, &asked, NULL), MF_EAGAIN);
    node_turn = node_answers; /* and the largest goes through */
    assert_int_equal(ask(MF_OPERATION_GET, large, 24, large, sizeof large - 25), 0);
    assert_int_equal(asked.data_bytes, MF_CHUNK_BYTES_MAX);
}

static void node_invokes_then_answers(void)
{
    if (waits == 1)
        node_takes();
    if (waits < 3)
        invoke(7 + waits);
    else
        answer((uint32_t)(asked.arg >> 32), "value", MF_RESULT_OK);
}

static void events_ahead_wait_for_their_turn(void **state)
{
    (void)state;
    begin(7);
    node_turn = node_invokes_then_answers;
    assert_int_equal(ask(MF_OPERATION_GET, "k", 1, NULL, 0), 0);
    assert_int_equal(event_current(), 7);
}

static void node_answers_nonsense(void)
{
    node_takes();
    struct mf_result *area = (struct mf_result *)(void *)(guest + MF_CHANNEL_RESULT);
    *area = (struct mf_result){.number = (uint32_t)(asked.arg >> 32),
                               .data_bytes = MF_CHUNK_BYTES_MAX + 1};
}

static void nonsense_of_the_node_is_a_fault(void **state)
{
    (void)state;
    begin(7);
    node_turn = node_answers_nonsense;
    if (setjmp(end) == 0) {
        (void)ask(MF_OPERATION_GET, "k", 1, NULL, 0);
        fail_msg("it believed that");
    }
}

/* As for a secret: what came does not stay in the channel. */
static void the_kernel_asks_for_itself_and_wipes(void **state)
{
    static const char value[] = "value";
    struct operation_answer got;
    char left[8] = "";
    (void)state;
    assert_int_equal(operation_ask(MF_OPERATION_SECRET, "head", 4, "db", 2, &got), -ENOENT);
    begin(7);
    node_turn = node_answers;
    assert_int_equal(operation_ask(MF_OPERATION_SECRET, "head", 4, "db", 2, &got), 0);
    assert_int_equal(asked.id, 7);
    assert_int_equal((uint32_t)asked.arg, MF_OPERATION_SECRET);
    assert_int_equal(asked.data_bytes, 6);
    assert_memory_equal(asked.data, "headdb", 6);
    assert_int_equal(got.error, MF_RESULT_OK);
    assert_int_equal(got.bytes, sizeof value - 1);
    assert_memory_equal(got.data, value, sizeof value - 1);
    operation_wipe();
    assert_memory_equal(got.data, "\0\0\0\0\0", sizeof value - 1);
    assert_int_equal(take(left, sizeof left), 0);
    assert_null(memmem(guest, MF_CHANNEL_BYTES, value, sizeof value - 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(a_request_and_its_answer),
        TEST(answers_to_others_are_waited_past),
        TEST(an_answer_from_before_does_not_count),
        TEST(another_event_sees_nothing_of_it),
        TEST(without_an_event_it_is_refused),
        TEST(wrong_calls_are_refused_where_they_are_made),
        TEST(events_ahead_wait_for_their_turn),
        TEST(nonsense_of_the_node_is_a_fault),
        TEST(the_kernel_asks_for_itself_and_wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
