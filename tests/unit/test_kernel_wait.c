/* test_kernel_wait.c: calls that wait: who is woken, by what, and what is left behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/assert.h"
#include "kernel/linux/many/signal.h"
#include "kernel/task/task.h"

#define TASKS 4

struct task *task_current;
static struct task task[TASKS];
static struct wait_queue queue, other;
static bool due;
static unsigned ran[TASKS];

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    __builtin_trap();
}

bool signal_is_due(const struct task *of)
{
    return of == task_current && due;
}

void task_run(struct task *of)
{
    ran[of - task]++;
}

static int anew(void **state)
{
    (void)state;
    memset(task, 0, sizeof task);
    memset(ran, 0, sizeof ran);
    memset(&queue, 0, sizeof queue);
    memset(&other, 0, sizeof other);
    due = false;
    return 0;
}

/* Task i makes a call that waits. */
static void waits(unsigned i, uint64_t deadline_ns)
{
    task_current = &task[i];
    assert_int_equal(wait_for(&queue, deadline_ns), WAIT);
    task[i].state = TASK_WAITS;
}

static void is_free(unsigned i)
{
    assert_null(task[i].places);
    assert_null(task[i].place.queue);
    assert_false(task[i].deadline.set);
    assert_int_equal(task[i].state, TASK_RUNS);
    assert_true(task[i].begins_again);
}

static void the_oldest_are_woken_first_and_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TASKS; i++)
        waits(i, WAIT_FOR_EVER);
    assert_int_equal(wait_wake(&queue, 2), 2);
    assert_int_equal(ran[0] + ran[1], 2);
    assert_int_equal(ran[2] + ran[3], 0);
    is_free(0);
    is_free(1);
    assert_false(task_wake(&task[0]));
    assert_int_equal(wait_wake(&queue, WAIT_ALL), 2);
    assert_int_equal(wait_wake(&queue, WAIT_ALL), 0);
    for (unsigned i = 0; i < TASKS; i++)
        assert_int_equal(ran[i], 1);
}

static void one_in_the_middle_leaves_the_others(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        waits(i, WAIT_FOR_EVER);
    assert_true(task_wake(&task[1]));
    assert_int_equal(wait_wake(&queue, WAIT_ALL), 2);
    assert_int_equal(ran[1], 1);
    assert_null(queue.first);
    assert_null(queue.last);
}

static void of_several_queues_the_first_wakes_and_all_are_left(void **state)
{
    struct wait *place;
    (void)state;
    task_current = &task[0];
    place = call_state(2 * sizeof *place, NULL);
    wait_on(&queue, &place[0]);
    wait_on(&other, &place[1]);
    assert_int_equal(wait_now(100), WAIT);
    task[0].state = TASK_WAITS;
    assert_int_equal(wait_wake(&other, 1), 1);
    is_free(0);
    assert_null(queue.first);
    assert_true(deadline_next() == UINT64_MAX);
}

static void the_time_ends_it(void **state)
{
    (void)state;
    waits(0, 100);
    waits(1, 300);
    deadline_pass(99);
    assert_int_equal(ran[0], 0);
    deadline_pass(200);
    assert_int_equal(ran[0], 1);
    is_free(0);
    task_current = &task[0];
    assert_int_equal(wait_for(&queue, 100), -ETIMEDOUT);
    assert_null(task[0].places);
    assert_true(queue.first && queue.first->task == &task[1]);
    assert_int_equal(wait_for(&queue, 250), WAIT); /* a later one has not come */
    task[0].state = TASK_WAITS;
    assert_int_equal(wait_wake(&queue, WAIT_ALL), 2);
}

static void a_signal_that_is_due_ends_it(void **state)
{
    (void)state;
    task_current = &task[0];
    due = true;
    assert_int_equal(wait_for(&queue, 100), WAIT_INTERRUPTED);
    assert_null(queue.first);
    assert_false(task[0].deadline.set);
}

static void who_is_moved_wakes_with_the_other_queue(void **state)
{
    (void)state;
    waits(0, WAIT_FOR_EVER);
    waits(1, WAIT_FOR_EVER);
    wait_move(&other, &task[0].place);
    assert_int_equal(wait_wake(&queue, WAIT_ALL), 1);
    assert_int_equal(ran[0], 0);
    assert_int_equal(wait_wake(&other, WAIT_ALL), 1);
    assert_int_equal(ran[0], 1);
}

static unsigned ended;

static void end(void *state)
{
    assert_int_equal(*(unsigned *)state, 7);
    ended++;
}

static void a_call_remembers_until_it_ends(void **state)
{
    (void)state;
    task_current = &task[0];
    unsigned *own = call_state(sizeof *own, end);
    assert_int_equal(*own, 0);
    *own = 7;
    waits(0, WAIT_FOR_EVER);
    (void)wait_wake(&queue, 1);
    own = call_state(sizeof *own, end);
    assert_int_equal(*own, 7);
    assert_int_equal(ended, 0);
    task_call_over(&task[0]);
    assert_int_equal(ended, 1);
    own = call_state(sizeof *own, NULL);
    assert_int_equal(*own, 0);
    task_call_over(&task[0]);
    assert_int_equal(ended, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_oldest_are_woken_first_and_once, anew),
        cmocka_unit_test_setup(one_in_the_middle_leaves_the_others, anew),
        cmocka_unit_test_setup(of_several_queues_the_first_wakes_and_all_are_left, anew),
        cmocka_unit_test_setup(the_time_ends_it, anew),
        cmocka_unit_test_setup(a_signal_that_is_due_ends_it, anew),
        cmocka_unit_test_setup(who_is_moved_wakes_with_the_other_queue, anew),
        cmocka_unit_test_setup(a_call_remembers_until_it_ends, anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
