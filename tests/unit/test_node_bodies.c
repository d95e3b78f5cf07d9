/* test_node_bodies.c: bodies of calls and replies that are larger than a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node_world.h"

static void a_large_body_follows_as_there_is_room(void **state)
{
    (void)state;
    static uint8_t body[1u << 20];
    struct peer *at = warm(50 * MS);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7 + i / 251);
    struct test_call *one = submit_body(body, sizeof body);
    struct mf_desc desc;
    size_t got = 0;
    uint64_t id = 0;
    bool end = false;
    while (!end) {
        assert_true(guest_takes(at, &desc));
        assert_int_equal(desc.type, id ? MF_MSG_BODY : MF_MSG_INVOKE);
        id = desc.id;
        uint32_t bytes = desc.data_bytes - desc.head_bytes;
        assert_memory_equal(at->channel + MF_CHANNEL_TO_GUEST_DATA + desc.data_offset + desc.head_bytes,
                            body + got, bytes);
        got += bytes;
        if (desc.type == MF_MSG_BODY)
            assert_int_equal(desc.arg, sizeof body - got);
        end = desc.flags & MF_MSG_END;
        guest_rings(at); /* as the kernel does when it waits for more */
    }
    assert_int_equal(got, sizeof body);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
}

#define MUCH ((1u << 20) / MF_CHUNK_BYTES_MAX + 2) /* messages: large pages hold them */

/* A reply that begins, and so many of the largest messages behind it. */
static uint64_t says(struct peer *at, unsigned messages)
{
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .arg = 200});
    for (unsigned i = 0; i < messages; i++)
        guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY_BODY, .data_bytes = MF_CHUNK_BYTES_MAX});
    return id;
}

static void a_reply_without_room_holds_none_while_it_goes_on(void **state)
{
    (void)state;
    struct peer *at = warm(5 * MS);
    struct test_call *one = submit();
    uint64_t id = says(at, MUCH);
    assert_int_equal(one->call.reply_body.bytes, MUCH * MF_CHUNK_BYTES_MAX);
    assert_int_equal(node->budget.used, one->call.reply_body.room);
    guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY_BODY, .flags = MF_MSG_END});
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(node->budget.used, 0);
    node->budget.limit = 1u << 20; /* less than a large page */
    one = submit();
    id = says(at, MUCH);
    is_pending(one);
    assert_null(one->call.reply_body.data);
    assert_int_equal(node->budget.used, 0);
    guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY_BODY, .flags = MF_MSG_END});
    was_answered(one, SITUATION_NODE_FULL);
}

static void a_reply_is_charged_twice_what_it_is_at_most(void **state)
{
    (void)state;
    struct peer *at = warm(5 * MS);
    for (unsigned messages = 1; messages <= MUCH; messages++) {
        struct test_call *one = submit();
        uint64_t id = says(at, messages);
        assert_int_equal(node->budget.used, one->call.reply_body.room);
        assert_in_range(node->budget.used, messages * MF_CHUNK_BYTES_MAX, 2 * messages * MF_CHUNK_BYTES_MAX);
        guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY_BODY, .flags = MF_MSG_END});
        was_answered(one, SITUATION_REPLIED);
    }
}

static void a_body_that_nobody_reads_is_ended(void **state)
{
    (void)state;
    static uint8_t body[1u << 20];
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit_body(body, sizeof body);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    struct mf_desc desc = {0};
    for (int i = 0; i < 20 && !(desc.flags & MF_MSG_END); i++) {
        if (!guest_takes(at, &desc))
            guest_rings(at);
    }
    assert_int_equal(desc.type, MF_MSG_BODY);
    assert_true(desc.flags & MF_MSG_END);
    assert_int_equal(desc.data_bytes, 0);
    struct test_call *two = submit();
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_large_body_follows_as_there_is_room),
        WORLD_TEST(a_reply_without_room_holds_none_while_it_goes_on),
        WORLD_TEST(a_reply_is_charged_twice_what_it_is_at_most),
        WORLD_TEST(a_body_that_nobody_reads_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
