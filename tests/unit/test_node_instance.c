/* test_node_instance.c: the life cycle's table, its events, its times. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/pool/call.h"
#include "node/pool/instance.h"

#define S INSTANCE_STATES
#define IDLE_NS 1000
#define DRAIN_NS 500
#define RESET_NS 70
#define FREEZE_NS 80
#define TIMEOUT_NS 100

static const struct instance_times times = {
    .idle_ns = IDLE_NS, .drain_ns = DRAIN_NS, .reset_ns = RESET_NS, .freeze_ns = FREEZE_NS};
static struct instance instance;
static struct call call[MF_EVENTS_AHEAD_MAX + 1];

static int start(void **state)
{
    (void)state;
    instance_init(&instance, 1);
    for (unsigned i = 0; i < sizeof call / sizeof call[0]; i++)
        call[i] = (struct call){.wait_until_ns = 1000 + i};
    return 0;
}

static void only_these_steps_are_allowed(void **state)
{
    (void)state;
    static const char *const allowed[S] = {
        [INSTANCE_BLANK] = "FHRD", [INSTANCE_FREEZING] = "D",    [INSTANCE_REHEARSING] = "D",
        [INSTANCE_RESTORING] = "IBTXD",
        [INSTANCE_IDLE] = "BXD",   [INSTANCE_BUSY] = "ITXD",     [INSTANCE_RESETTING] = "IXD",
        [INSTANCE_DRAINING] = "D", [INSTANCE_DEAD] = "",
    };
    static const char letter[] = "_FHRIBTXD"; /* by state; H: rehearsing, T: resetting, X: draining */
    for (enum instance_state from = 0; from < S; from++)
        for (enum instance_state to = 0; to < S; to++)
            assert_int_equal(instance_may_go(from, to), strchr(allowed[from], letter[to]) != NULL);
}

/* A rule that is broken aborts: look at it from a child. */
static void breaks_a_rule(void (*act)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        act();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void blank_to_busy(void)
{
    instance_go(&instance, INSTANCE_BUSY, 2);
}

static void push_to_blank(void)
{
    instance_push(&instance, &call[0], 2, TIMEOUT_NS);
}

static void busy_without_events(void)
{
    instance_go(&instance, INSTANCE_RESTORING, 2);
    instance_go(&instance, INSTANCE_BUSY, 2);
}

static void a_step_that_the_table_forbids_aborts(void **state)
{
    (void)state;
    breaks_a_rule(blank_to_busy);
    breaks_a_rule(push_to_blank);
    breaks_a_rule(busy_without_events);
}

static void events_begin_one_after_the_other(void **state)
{
    (void)state;
    instance_go(&instance, INSTANCE_RESTORING, 2);
    instance_push(&instance, &call[0], 10, TIMEOUT_NS);
    instance_push(&instance, &call[1], 11, TIMEOUT_NS);
    assert_int_equal(instance.state, INSTANCE_RESTORING);
    assert_int_equal(instance.deadline_ns, 10 + TIMEOUT_NS);
    instance_spoke(&instance, 12);
    assert_int_equal(instance.state, INSTANCE_BUSY);
    assert_ptr_equal(instance_pop(&instance, 50, TIMEOUT_NS), &call[0]);
    assert_ptr_equal(instance_head(&instance), &call[1]);
    assert_int_equal(instance.begun_ns, 50);
    assert_int_equal(instance.deadline_ns, 50 + TIMEOUT_NS);
    assert_ptr_equal(instance_pop(&instance, 60, TIMEOUT_NS), &call[1]);
    assert_int_equal(instance.state, INSTANCE_IDLE);
    assert_null(instance_head(&instance));
    instance_push(&instance, &call[2], 70, TIMEOUT_NS);
    assert_int_equal(instance.state, INSTANCE_BUSY);
}

static void the_ring_takes_so_many_and_no_more(void **state)
{
    (void)state;
    assert_false(instance_has_room(&instance)); /* a blank */
    instance_go(&instance, INSTANCE_RESTORING, 2);
    for (unsigned i = 0; i < MF_EVENTS_AHEAD_MAX; i++) {
        assert_true(instance_has_room(&instance));
        instance_push(&instance, &call[i], 3, TIMEOUT_NS);
    }
    assert_false(instance_has_room(&instance));
    for (unsigned i = 0; i < MF_EVENTS_AHEAD_MAX; i++)
        assert_ptr_equal(instance_event(&instance, i), &call[i]);
    assert_ptr_equal(instance_take_last(&instance), &call[MF_EVENTS_AHEAD_MAX - 1]);
    assert_true(instance_has_room(&instance));
    instance.sending = &call[0]; /* nothing may come between the pieces of a body */
    assert_false(instance_has_room(&instance));
}

static void a_draining_instance_takes_no_more(void **state)
{
    (void)state;
    instance_go(&instance, INSTANCE_RESTORING, 2);
    instance_push(&instance, &call[0], 3, TIMEOUT_NS);
    instance_go(&instance, INSTANCE_DRAINING, 4);
    assert_false(instance_has_room(&instance));
    assert_int_equal(instance_due_ns(&instance, &times), 3 + TIMEOUT_NS);
    (void)instance_pop(&instance, 50, TIMEOUT_NS);
    assert_int_equal(instance.state, INSTANCE_DRAINING);
    assert_int_equal(instance_due_ns(&instance, &times), 50 + DRAIN_NS);
}

static void what_is_due_next(void **state)
{
    (void)state;
    assert_true(instance_due_ns(&instance, &times) == TIMER_NEVER);
    instance_go(&instance, INSTANCE_RESTORING, 2);
    assert_true(instance_due_ns(&instance, &times) == TIMER_NEVER);
    instance_push(&instance, &call[0], 5000, TIMEOUT_NS);
    assert_int_equal(instance_due_ns(&instance, &times), 5000 + TIMEOUT_NS);
    instance_push(&instance, &call[1], 5000, TIMEOUT_NS); /* waits until 1001 */
    assert_int_equal(instance_due_ns(&instance, &times), 1001);
    call[1].cancelled = true;
    assert_int_equal(instance_due_ns(&instance, &times), 5000 + TIMEOUT_NS);
    instance_hurry(&instance, 5010);
    assert_int_equal(instance_due_ns(&instance, &times), 5010);
    instance_hurry(&instance, 9999); /* never later */
    assert_int_equal(instance_due_ns(&instance, &times), 5010);
    instance_spoke(&instance, 5020);
    (void)instance_pop(&instance, 5030, TIMEOUT_NS);
    (void)instance_pop(&instance, 5040, TIMEOUT_NS);
    assert_int_equal(instance_due_ns(&instance, &times), 5040 + IDLE_NS);
    instance_go(&instance, INSTANCE_DEAD, 5050);
    assert_true(instance_due_ns(&instance, &times) == TIMER_NEVER);
}

static void fresh_has_room_for_one_event_and_then_for_none(void **state)
{
    (void)state;
    instance_start(&instance, ISOLATION_FRESH, 2);
    assert_true(instance_has_room(&instance));
    instance_push(&instance, &call[0], 3, TIMEOUT_NS);
    assert_false(instance_has_room(&instance));
    instance_spoke(&instance, 4);
    assert_ptr_equal(instance_pop(&instance, 5, TIMEOUT_NS), &call[0]);
    assert_int_equal(instance.state, INSTANCE_DRAINING);
    assert_false(instance_has_room(&instance));
}

static void reset_is_idle_only_after_it_was_rolled_back(void **state)
{
    (void)state;
    instance_start(&instance, ISOLATION_RESET, 2);
    instance_push(&instance, &call[0], 3, TIMEOUT_NS);
    assert_false(instance_has_room(&instance));
    instance_spoke(&instance, 4);
    (void)instance_pop(&instance, 5, TIMEOUT_NS);
    assert_int_equal(instance.state, INSTANCE_RESETTING);
    assert_false(instance_has_room(&instance));
    assert_int_equal(instance_due_ns(&instance, &times), 5 + RESET_NS);
    instance_parked(&instance, 6);
    assert_int_equal(instance.state, INSTANCE_IDLE);
    assert_true(instance.parked);
    assert_true(instance_has_room(&instance));
    instance_push(&instance, &call[1], 7, TIMEOUT_NS);
    assert_false(instance.parked);
    assert_int_equal(instance.state, INSTANCE_BUSY);
}

static void reset_that_cannot_be_is_fresh(void **state)
{
    (void)state;
    instance_start(&instance, ISOLATION_RESET, 2);
    instance_push(&instance, &call[0], 3, TIMEOUT_NS);
    instance_only_once(&instance);
    instance_spoke(&instance, 4);
    (void)instance_pop(&instance, 5, TIMEOUT_NS);
    assert_int_equal(instance.state, INSTANCE_DRAINING);
}

/* One for our own purposes. */
static void has_its_time_and_no_events(enum instance_state ours)
{
    instance_go(&instance, ours, 2);
    assert_false(instance_has_room(&instance));
    assert_int_equal(instance_due_ns(&instance, &times), 2 + FREEZE_NS);
    instance_spoke(&instance, 3);
    assert_int_equal(instance.state, ours);
}

static void freezing_has_its_time_and_no_events(void **state)
{
    (void)state;
    has_its_time_and_no_events(INSTANCE_FREEZING);
}

static void rehearsing_has_its_time_and_no_events(void **state)
{
    (void)state;
    has_its_time_and_no_events(INSTANCE_REHEARSING);
    assert_false(instance_may_go(INSTANCE_REHEARSING, INSTANCE_BUSY));
}

static void push_to_resetting(void)
{
    instance_start(&instance, ISOLATION_RESET, 2);
    instance_go(&instance, INSTANCE_RESETTING, 3);
    instance_push(&instance, &call[0], 4, TIMEOUT_NS);
}

static void reset_of_one_that_is_reused(void)
{
    instance_start(&instance, ISOLATION_REUSE, 2);
    instance_go(&instance, INSTANCE_RESETTING, 3);
}

static void fresh_that_has_served_is_idle(void)
{
    instance_start(&instance, ISOLATION_FRESH, 2);
    instance.used = true;
    instance_go(&instance, INSTANCE_IDLE, 3);
}

static void second_event_of_fresh(void)
{
    instance_start(&instance, ISOLATION_FRESH, 2);
    instance_push(&instance, &call[0], 3, TIMEOUT_NS);
    instance_push(&instance, &call[1], 3, TIMEOUT_NS);
}

static void rules_of_isolation_abort(void **state)
{
    (void)state;
    breaks_a_rule(push_to_resetting);
    breaks_a_rule(reset_of_one_that_is_reused);
    breaks_a_rule(fresh_that_has_served_is_idle);
    breaks_a_rule(second_event_of_fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_these_steps_are_allowed, start),
        cmocka_unit_test_setup(a_step_that_the_table_forbids_aborts, start),
        cmocka_unit_test_setup(events_begin_one_after_the_other, start),
        cmocka_unit_test_setup(the_ring_takes_so_many_and_no_more, start),
        cmocka_unit_test_setup(a_draining_instance_takes_no_more, start),
        cmocka_unit_test_setup(what_is_due_next, start),
        cmocka_unit_test_setup(fresh_has_room_for_one_event_and_then_for_none, start),
        cmocka_unit_test_setup(reset_is_idle_only_after_it_was_rolled_back, start),
        cmocka_unit_test_setup(reset_that_cannot_be_is_fresh, start),
        cmocka_unit_test_setup(freezing_has_its_time_and_no_events, start),
        cmocka_unit_test_setup(rehearsing_has_its_time_and_no_events, start),
        cmocka_unit_test_setup(rules_of_isolation_abort, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
