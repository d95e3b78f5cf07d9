/* test_node_noise.c: who says too much is not listened to for a while, and loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/logs/function_log.h"
#include "node_world.h"

/* Log records until the node stops to take them; how many it took. */
static unsigned floods(struct peer *at, unsigned most)
{
    const struct mf_desc record = {.type = MF_MSG_LOG, .arg = 2};
    unsigned taken = 0;
    while (taken < most && list_empty(&node->pool.held)) {
        for (unsigned i = 0; i < 32; i++)
            guest_writes(at, record);
        guest_says(at, record);
        taken += 33;
    }
    return taken;
}

static uint32_t unread(const struct peer *at)
{
    return at->tail - head_of(at)->to_node.head;
}

static void a_flood_of_records_is_not_listened_to_for_a_while(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    assert_in_range(floods(at, 2 * MF_NOISE_BURST), MF_NOISE_BURST, MF_NOISE_BURST + 66);
    guest_replies(at, id);
    is_pending(one);
    assert_true(list_empty(&node->pool.awake));
    assert_int_equal(head_of(at)->node_sleeping, 0); /* it need not ring */
    assert_true(timers_next(&node->loop.timers) <= node->loop.now_ns + MF_HOLD_MS * MS);
    uint32_t left = unread(at);
    assert_true(left > 0);
    advance(MF_HOLD_MS);
    assert_int_equal(unread(at), 0);
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(head_of(at)->node_sleeping, 1);
    assert_true(list_empty(&node->pool.held));
}

static void a_held_instance_meets_its_deadline_with_its_last_words(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    (void)floods(at, 2 * MF_NOISE_BURST);
    while (unread(at) < MF_RING_SLOTS - 1)
        guest_writes(at, (struct mf_desc){.type = MF_MSG_LOG, .arg = 2});
    guest_writes(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200});
    function->noise.charged_ns += 10 * MF_NS_PER_S; /* others of its function flood on */
    advance(TIMEOUT_MS);
    was_answered(one, SITUATION_REPLIED);
    struct test_call *two = submit();
    advance(TIMEOUT_MS / 2);
    while (unread(at) < MF_RING_SLOTS)
        guest_writes(at, (struct mf_desc){.type = MF_MSG_LOG, .arg = 2});
    uint64_t before = function->log->rate.dropped;
    advance(TIMEOUT_MS / 2);
    was_answered(two, SITUATION_DEADLINE);
    assert_true(function->log->rate.dropped > before || function->log->pending.bytes > 0);
    assert_true(list_empty(&node->pool.held));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_flood_of_records_is_not_listened_to_for_a_while),
        WORLD_TEST(a_held_instance_meets_its_deadline_with_its_last_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
