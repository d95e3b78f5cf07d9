/* test_kernel_deadline.c: deadlines come in the order of their times, cleared ones never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/task/deadline.h"

#define DEADLINES 500

static struct deadline deadline[DEADLINES];
static uint64_t last_ns;
static unsigned came;

static void note(struct deadline *due)
{
    assert_false(due->set);
    assert_true(due->at_ns >= last_ns);
    last_ns = due->at_ns;
    came++;
}

static void again(struct deadline *due)
{
    note(due);
    if (due->at_ns < 100)
        deadline_set(due, due->at_ns + 10);
}

static void all_come_in_order(void **state)
{
    unsigned set = 0;
    (void)state;
    srand(1);
    came = 0, last_ns = 0;
    assert_true(deadline_next() == UINT64_MAX);
    for (unsigned round = 0; round < 20 * DEADLINES; round++) {
        struct deadline *one = &deadline[rand() % DEADLINES];
        one->due = note;
        set += !one->set;
        if (rand() % 3) {
            deadline_set(one, (uint64_t)rand() % 10000 + 1);
        } else {
            deadline_clear(one);
            set--;
        }
    }
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < DEADLINES; i++)
        if (deadline[i].set && deadline[i].at_ns < least)
            least = deadline[i].at_ns;
    assert_true(deadline_next() == least);
    deadline_pass(5000);
    unsigned early = came;
    for (unsigned i = 0; i < DEADLINES; i++)
        assert_true(!deadline[i].set || deadline[i].at_ns > 5000);
    deadline_pass(10000);
    assert_true(early <= came);
    assert_int_equal(came, set);
    assert_true(deadline_next() == UINT64_MAX);
}

static void one_may_be_set_again_when_it_comes(void **state)
{
    (void)state;
    came = 0, last_ns = 0;
    deadline[0].due = again;
    deadline_set(&deadline[0], 50);
    deadline_pass(1000);
    assert_int_equal(came, 6);
    assert_true(deadline_next() == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_in_order),
        cmocka_unit_test(one_may_be_set_again_when_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
