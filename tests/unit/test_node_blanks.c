/* test_node_blanks.c: whose the last blanks are, and when they are made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node_world.h"

#include "node/pool/pool.h"

#define WANTED 4u /* of which two are kept for first instances */

static struct function *other;

static void add_other(void)
{
    assert_int_equal(function_create(node, "g", &other), MF_OK);
    other->version = reusing_version(4);
    registry_add(&node->registry, other);
}

static void make_blanks(void)
{
    node->pool.blanks_wanted = WANTED;
    node->pool.blanks_bytes = 0; /* no more after bursts */
    pool_use(&node->pool, function->version);
    hear_node();
    assert_int_equal(peers, WANTED);
    takes(50 * MS); /* long: an event that finds no instance free gets one of its own */
}

static uint32_t blanks(void)
{
    return pool_blanks(&node->pool, MF_SANDBOX_PROCESS);
}

static struct test_call *submit_to(struct function *to)
{
    struct function *first = function;
    function = to;
    struct test_call *call = submit();
    function = first;
    return call;
}

static void serves(struct peer *at, const struct test_call *call)
{
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(call, SITUATION_REPLIED);
}

static void remove_other(void)
{
    timer_stop(&node->loop.timers, &node->pool.refill);
    registry_remove(&node->registry, other);
}

static void who_has_instances_leaves_the_last_ones(void **state)
{
    (void)state;
    add_other();
    make_blanks();
    struct test_call *one = submit(), *two = submit(), *three = submit();
    assert_int_equal(blanks(), WANTED / 2);
    assert_int_equal(peers, WANTED + 1); /* the third one waits for a new one */
    struct test_call *first = submit_to(other);
    assert_int_equal(peers, WANTED + 1);
    assert_int_equal(blanks(), WANTED / 2 - 1);
    serves(&peer[0], one);
    serves(&peer[3], two); /* of the others the oldest are ready first */
    serves(&peer[4], three);
    serves(&peer[1], first);
    remove_other();
}

static void they_are_made_again_while_others_start_without_end(void **state)
{
    (void)state;
    struct test_call *call[4], *first;
    add_other();
    make_blanks();
    call[0] = submit();
    call[1] = submit();
    first = submit_to(other);
    assert_int_equal(blanks(), WANTED / 2 - 1);
    advance(3);
    call[2] = submit(); /* a start, not as long ago as MF_BLANK_REFILL_MS */
    assert_int_equal(blanks(), WANTED / 2 - 1);
    advance(3);
    assert_int_equal(blanks(), WANTED / 2);
    call[3] = submit();
    advance(4);
    assert_int_equal(blanks(), WANTED / 2);
    advance(6); /* now it is over */
    assert_int_equal(blanks(), WANTED);
    serves(&peer[0], call[0]);
    serves(&peer[3], call[1]);
    serves(&peer[1], first);
    serves(&peer[4], call[2]);
    serves(&peer[6], call[3]);
    remove_other();
}

static void a_function_alone_takes_them_all(void **state)
{
    (void)state;
    struct test_call *call[WANTED];
    make_blanks();
    for (uint32_t i = 0; i < WANTED; i++)
        call[i] = submit();
    assert_int_equal(peers, WANTED);
    assert_int_equal(blanks(), 0);
    for (uint32_t i = 0; i < WANTED; i++)
        serves(&peer[i], call[i]);
    timer_stop(&node->loop.timers, &node->pool.refill);
}

/* A function whose window is another one. */
static void wide_windows_have_blanks_of_their_own(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    settings.isolation = ISOLATION_REUSE;
    settings.memory_mib = 1024;
    make_blanks();
    struct version *wide = world_version(&settings, MF_SANDBOX_PROCESS);
    settings_close(&settings);
    assert_int_equal(function_create(node, "g", &other), MF_OK);
    other->version = wide;
    registry_add(&node->registry, other);
    pool_use(&node->pool, wide);
    hear_node();
    assert_int_equal(peers, WANTED + WANTED / 2);
    for (uint32_t i = 0; i < peers; i++)
        assert_int_equal(peer[i].window_mib, i < WANTED ? 0 : 1024);
    struct test_call *call = submit_to(other), *usual = submit();
    assert_int_equal(blanks(), WANTED + WANTED / 2 - 2);
    serves(&peer[WANTED], call); /* its oldest */
    serves(&peer[0], usual);
    advance(6); /* both kinds are made up for */
    assert_int_equal(blanks(), WANTED + WANTED / 2);
    pool_leave(&node->pool, wide);
    advance(6);
    assert_int_equal(blanks(), WANTED); /* nobody wants the others any more */
    for (uint32_t i = 1; i < peers; i++)
        assert_int_equal(peer[i].killed, i > WANTED && peer[i].window_mib);
    remove_other();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(who_has_instances_leaves_the_last_ones),
        WORLD_TEST(they_are_made_again_while_others_start_without_end),
        WORLD_TEST(a_function_alone_takes_them_all),
        WORLD_TEST(wide_windows_have_blanks_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
