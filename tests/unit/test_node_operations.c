/*
 * test_node_operations.c: operations between a guest that lies and a service that takes its
 * time: who ends for what, and that an answer reaches only the event that asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/operation.h"
#include "node/operations/operations.h"
#include "node_world.h"

static struct operation *held[8]; /* by the service below, which answers when the test says */
static unsigned helds, losts;

static void lost(struct operation *operation)
{
    (void)operation;
    losts++;
}

static void hold(struct operation *operation)
{
    assert_true(helds < 8);
    held[helds++] = operation;
    operation->lost = lost;
}

static void answer(unsigned which, const char *text)
{
    operation_answer(held[which], &(struct operation_reply){.data = text, .data_bytes = strlen(text)});
    held[which] = NULL;
}

static int open_world(void **state)
{
    helds = losts = 0;
    (void)world_open(state);
    node->operations.services.publish = hold;
    const char *allowed = "{\"publish\": [\"#\"], \"read\": [\"k\"]}";
    json_t *json = json_loads(allowed, 0, NULL);
    assert_int_equal(allow_from_json(json, &function->version->settings.allow, NULL), MF_OK);
    json_decref(json);
    return 0;
}

static int close_world(void **state)
{
    for (unsigned i = 0; i < helds; i++)
        if (held[i])
            answer(i, "");
    assert_true(list_empty(&node->operations.all));
    return world_close(state);
}

static struct mf_result *result_of(const struct peer *at)
{
    return (struct mf_result *)(void *)(at->channel + MF_CHANNEL_RESULT);
}

static const char *words_of(const struct peer *at)
{
    return (const char *)(result_of(at) + 1);
}

/* The request's bytes in the channel, and its message. */
static struct mf_desc message(const struct peer *at, uint64_t event, uint32_t number,
                              uint32_t operation, const void *data, uint32_t bytes)
{
    memcpy(at->channel + MF_CHANNEL_TO_NODE_DATA, data, bytes);
    return (struct mf_desc){.id = event,
                            .type = MF_MSG_OPERATION,
                            .data_bytes = bytes,
                            .arg = operation | (uint64_t)number << 32};
}

static struct mf_desc publish(const struct peer *at, uint64_t event, uint32_t number)
{
    struct {
        struct mf_op_publish head;
        char text[4];
    } request = {{.topic_bytes = 1, .payload_bytes = 3}, {'t', 'a', 'b', 'c'}};
    return message(at, event, number, MF_OPERATION_PUBLISH, &request, sizeof request);
}

/* A call in a new instance, after whatever pause those who died have brought about. */
static struct peer *begin(struct test_call **call, uint64_t *id)
{
    advance(120000);
    *call = submit();
    for (unsigned i = 0; i < WAIT_MS / 10 && !(*call)->call.instance; i++)
        advance(10);
    struct peer *at = &peer[peers - 1];
    *id = guest_gets(at, MF_MSG_INVOKE);
    return at;
}

static void was_a_breach(const struct peer *at, const struct test_call *call)
{
    was_answered(call, SITUATION_PROTOCOL);
    assert_true(at->killed);
}

static void an_answer_comes_when_it_comes(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, publish(at, id, 7));
    assert_int_equal(helds, 1);
    assert_memory_equal(held[0]->request.part[PART_PAYLOAD].data, "abc", 3);
    assert_int_equal(result_of(at)->number, 0);
    is_pending(call);
    uint32_t bell = head_of(at)->bell;
    head_of(at)->guest_sleeping = 1;
    answer(0, "done");
    turn();
    assert_int_equal(result_of(at)->number, 7);
    assert_int_equal(result_of(at)->error, MF_RESULT_OK);
    assert_int_equal(result_of(at)->data_bytes, 4);
    assert_memory_equal(words_of(at), "done", 4);
    assert_int_equal(head_of(at)->bell, bell + 1);
    assert_int_equal(head_of(at)->guest_sleeping, 0);
    guest_says(at, publish(at, id, 8)); /* and the next one */
    answer(1, "");
    turn();
    assert_int_equal(result_of(at)->number, 8);
    guest_replies(at, id);
    was_answered(call, SITUATION_REPLIED);
    assert_int_equal(losts, 0);
}

static void what_an_instance_that_died_asked_is_nobodys(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, publish(at, id, 1));
    end_process(at, 1);
    turn();
    was_answered(call, SITUATION_INSTANCE_FAULT);
    assert_int_equal(losts, 1);
    struct test_call *next;
    struct peer *other = begin(&next, &id);
    assert_ptr_not_equal(other, at);
    guest_says(other, publish(other, id, 1)); /* with the same number */
    answer(0, "late");
    turn();
    assert_int_equal(result_of(other)->number, 0);
    answer(1, "right");
    turn();
    assert_int_equal(result_of(other)->number, 1);
    assert_memory_equal(words_of(other), "right", 5);
    guest_replies(other, id);
    was_answered(next, SITUATION_REPLIED);
}

static void a_deadline_ends_it_as_ever(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, publish(at, id, 1));
    advance(TIMEOUT_MS);
    was_answered(call, SITUATION_DEADLINE);
    assert_int_equal(losts, 1);
    assert_true(at->killed);
}

/* One after the other in one instance: the second gets nothing of the first. */
static void two_at_a_time_are_a_breach(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_writes(at, publish(at, id, 1));
    guest_says(at, publish(at, id, 2));
    was_a_breach(at, call);
    assert_int_equal(helds, 1);
    assert_int_equal(losts, 1);
    answer(0, "late");
}

static void an_end_before_the_answer_is_a_breach(void **state)
{
    (void)state;
    static const struct mf_desc ends[] = {
        {.type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200},
        {.type = MF_MSG_REPLY, .arg = 200},
        {.type = MF_MSG_ERROR},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct test_call *call;
        uint64_t id;
        struct peer *at = begin(&call, &id);
        guest_writes(at, publish(at, id, 1));
        struct mf_desc end = ends[i];
        end.id = id;
        guest_says(at, end);
        was_a_breach(at, call);
    }
    assert_int_equal(losts, 3);
}

static void logs_go_on_while_it_waits(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_writes(at, publish(at, id, 1));
    guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_LOG, .arg = 2});
    is_pending(call);
    answer(0, "");
    turn();
    guest_replies(at, id);
    was_answered(call, SITUATION_REPLIED);
}

static void of_a_foreign_event_or_none_it_is_a_breach(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    guest_says(at, publish(at, 1, 1)); /* idle */
    assert_true(at->killed);
    struct test_call *call;
    uint64_t id;
    at = begin(&call, &id);
    guest_says(at, publish(at, id + 1, 1));
    was_a_breach(at, call);
    assert_int_equal(helds, 0);
}

static void nonsense_is_a_breach(void **state)
{
    (void)state;
    static const struct {
        uint32_t operation, number, bytes;
        uint8_t data[24];
    } nonsense[] = {
        {0, 1, 8, {0}},                              /* no operation                  */
        {MF_OPERATION_END, 1, 8, {0}},               /* the same                      */
        {0xffffffff, 1, 8, {0}},                     /* the same                      */
        {MF_OPERATION_GET, 0, 9, {1}},               /* no number                     */
        {MF_OPERATION_GET, 1, 7, {0}},               /* less than its head            */
        {MF_OPERATION_GET, 1, 0, {0}},               /* nothing                       */
        {MF_OPERATION_GET, 1, 9, {2}},               /* a key that ends behind it     */
        {MF_OPERATION_GET, 1, 10, {1}},              /* a byte left over              */
        {MF_OPERATION_GET, 1, 9, {1, 0, 0, 0, 1}},   /* a reserved word               */
        {MF_OPERATION_GET, 1, 9, {0xff, 0xff, 0xff, 0xff}},
        {MF_OPERATION_SET, 1, 17, {0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}},
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        struct test_call *call;
        uint64_t id;
        struct peer *at = begin(&call, &id);
        guest_says(at, message(at, id, nonsense[i].number, nonsense[i].operation, nonsense[i].data,
                               nonsense[i].bytes));
        was_a_breach(at, call);
    }
    assert_int_equal(helds, 0);
}

static void what_a_program_gets_wrong_is_answered(void **state)
{
    (void)state;
    static const struct mf_op_get no_key = {.key_bytes = 0};
    const struct {
        struct mf_op_get head;
        char key[8];
    } denied = {{.key_bytes = 8}, "x-secret"}, allowed = {{.key_bytes = 8}, "k-public"};
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, message(at, id, 1, MF_OPERATION_GET, &no_key, sizeof no_key));
    assert_int_equal(result_of(at)->number, 1);
    assert_int_equal(result_of(at)->error, MF_RESULT_INVALID);
    guest_says(at, message(at, id, 2, MF_OPERATION_GET, &denied, sizeof denied));
    assert_int_equal(result_of(at)->number, 2);
    assert_int_equal(result_of(at)->error, MF_RESULT_DENIED);
    guest_says(at, message(at, id, 3, MF_OPERATION_GET, &allowed, sizeof allowed));
    assert_int_equal(result_of(at)->number, 3);
    assert_int_equal(result_of(at)->error, MF_RESULT_UNAVAILABLE); /* there is no store here */
    guest_replies(at, id);
    was_answered(call, SITUATION_REPLIED);
}

/* It is the guest's own memory: nothing that stands there is read. */
static void a_guest_may_scribble_over_its_results(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    memset(at->channel + MF_CHANNEL_RESULT, 0xee, MF_CHANNEL_RESULT_BYTES);
    guest_says(at, publish(at, id, 9));
    memset(at->channel + MF_CHANNEL_RESULT, 0xdd, MF_CHANNEL_RESULT_BYTES);
    answer(0, "right");
    turn();
    assert_int_equal(result_of(at)->number, 9);
    assert_int_equal(result_of(at)->data_bytes, 5);
    assert_memory_equal(words_of(at), "right", 5);
    guest_replies(at, id);
    was_answered(call, SITUATION_REPLIED);
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
    (void)state;
    static const uint8_t large[MF_CHUNK_BYTES_MAX + 1];
    struct peer *at = warm(50 * MS);
    struct test_call *call = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, publish(at, id, 1));
    operation_answer(held[0], &(struct operation_reply){.data = large, .data_bytes = sizeof large});
    held[0] = NULL;
    assert_int_equal(result_of(at)->error, MF_RESULT_TOO_LARGE);
    assert_int_equal(result_of(at)->data_bytes, 0);
    guest_says(at, publish(at, id, 2));
    operation_answer(held[1], &(struct operation_reply){.head = large, .head_bytes = 8, .data = large,
                                                        .data_bytes = sizeof large - 9});
    held[1] = NULL;
    assert_int_equal(result_of(at)->error, MF_RESULT_OK);
    assert_int_equal(result_of(at)->data_bytes, MF_CHUNK_BYTES_MAX);
    assert_int_equal(result_of(at)->head_bytes, 8);
    guest_replies(at, id);
    was_answered(call, SITUATION_REPLIED);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_when_it_comes),
        TEST(what_an_instance_that_died_asked_is_nobodys),
        TEST(a_deadline_ends_it_as_ever),
        TEST(two_at_a_time_are_a_breach),
        TEST(an_end_before_the_answer_is_a_breach),
        TEST(logs_go_on_while_it_waits),
        TEST(of_a_foreign_event_or_none_it_is_a_breach),
        TEST(nonsense_is_a_breach),
        TEST(what_a_program_gets_wrong_is_answered),
        TEST(a_guest_may_scribble_over_its_results),
        TEST(an_answer_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
