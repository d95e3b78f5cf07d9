/* test_kernel_schedule.c: who runs next: calls that begin again, slices that are used up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/contract/contract.h"
#include "kernel/core/assert.h"
#include "kernel/core/freeze.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"
#include "kernel/linux/call.h"
#include "kernel/linux/many/itimer.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/many/usage.h"
#include "kernel/linux/time.h"
#include "kernel/socket/outside.h"
#include "kernel/task/preempt.h"
#include "kernel/task/task.h"

#define TASKS 5u

struct task *task_current;
static struct task task[TASKS];
static struct frame frame;    /* the processor's */
static bool waits;            /* what the next call does */
static struct task *wakes;    /* and whom it wakes */
static bool tick;             /* a slice ended in the kernel */
static unsigned slept;
static const struct task *uses; /* the processor */

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    __builtin_trap();
}

/* A call that waits begins again as one that ends. */
int64_t call_serve(struct frame *of)
{
    (void)of;
    if (wakes)
        (void)task_wake(wakes);
    wakes = NULL;
    if (!waits)
        return 7;
    waits = false;
    return wait_for(NULL, WAIT_FOR_EVER);
}

bool kernel_preempted(void)
{
    bool was = tick;
    tick = false;
    return was;
}

bool signal_is_due(const struct task *of)
{
    (void)of;
    return false;
}

bool signal_deliver(struct frame *of, bool interrupted)
{
    (void)of, (void)interrupted;
    return false;
}

void task_switch(struct task *to)
{
    assert_ptr_equal(to, task_current);
}

void usage_begin(struct task *of)
{
    uses = of;
}

void itimer_pass(void)
{
}

void usage_end(void)
{
    uses = NULL;
}

uint64_t time_monotonic(void)
{
    return 0;
}

bool contract_turn(void)
{
    return false;
}

bool contract_may_freeze(void)
{
    return false;
}

bool outside_turn(void)
{
    return false;
}

bool outside_holds(void)
{
    return false;
}

bool outside_asks(void)
{
    return false;
}

void outside_cut(void)
{
}

bool freeze_is_wanted(void)
{
    return false;
}

void freeze_here(void)
{
}

void output_flush(void)
{
}

uint32_t wire_doze(bool idle)
{
    (void)idle;
    return 0;
}

void wire_ring_before(bool idle)
{
    (void)idle;
}

/* The node, or the time, wakes the third one. */
void wire_sleep(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    (void)deadline_ns, (void)seen, (void)idle;
    slept++;
    assert_null(uses);
    (void)task_wake(&task[2]);
}

void wire_awake(void)
{
}

static unsigned runs(void)
{
    assert_true(uses == task_current || !uses); /* NULL: nothing changed yet */
    return (unsigned)(task_current - task);
}

static void calls(bool that_waits)
{
    waits = that_waits;
    frame.call = 0;
    (void)linux_call(&frame);
}

/* All can run, the first one does; of the queues nothing is left of the test before. */
static int anew(void **state)
{
    (void)state;
    slept = task_current ? 0 : 1;
    while (!slept) /* until nobody can run, but the one that is woken then */
        calls(true);
    memset(task, 0, sizeof task);
    slept = 0;
    wakes = NULL;
    tick = false;
    task_current = &task[0];
    for (unsigned i = 1; i < TASKS; i++)
        task_run(&task[i]);
    return 0;
}

static void those_that_spin_run_in_turn(void **state)
{
    unsigned turns[TASKS] = {0};
    (void)state;
    for (unsigned i = 0; i < 2 * TASKS; i++) { /* those that are new, too */
        task_preempt(&frame);
        turns[runs()]++;
    }
    for (unsigned i = 0; i < TASKS; i++)
        assert_true(turns[i] >= 1);
    for (unsigned i = 0; i < 3 * TASKS; i++) {
        unsigned last = runs();
        task_preempt(&frame);
        assert_int_not_equal(runs(), last);
        turns[runs()]++;
    }
    for (unsigned i = 0; i < TASKS; i++)
        assert_in_range(turns[i], 4, 6);
}

static void registers_go_with_their_task(void **state)
{
    (void)state;
    frame.rbx = 100;
    task_preempt(&frame);
    assert_int_equal(frame.rbx, 0);
    for (unsigned i = 0; i < 2 * TASKS && runs() != 0; i++)
        task_preempt(&frame);
    assert_int_equal(runs(), 0);
    assert_int_equal(frame.rbx, 100);
}

static void who_is_woken_does_not_wait_behind_spinners(void **state)
{
    (void)state;
    calls(true); /* 0 waits; 1 to 4 spin */
    for (unsigned i = 0; i < 2 * TASKS; i++)
        task_preempt(&frame);
    unsigned spins = runs();
    assert_int_not_equal(spins, 0);
    wakes = &task[0];
    calls(false);
    assert_int_equal(runs(), spins); /* its slice is its own */
    task_preempt(&frame);
    assert_int_equal(runs(), 0);
    assert_int_equal(frame.rax, 7); /* its call began again, and ended */
}

/* Two wake each other for ever: the others have their turns all the same, whether slices end in
 * the program or in the kernel, where their caller then waits. */
static void who_has_used_up_a_slice_has_its_turn_all_the_same(void **state)
{
    (void)state;
    for (unsigned in_kernel = 0; in_kernel < 2; in_kernel++) {
        unsigned turns[TASKS] = {0};
        for (unsigned i = 0; i < TASKS; i++) /* all have used one up */
            task_preempt(&frame);
        for (unsigned i = 0; i < 1000; i++) {
            unsigned now = runs();
            turns[now]++;
            if (now > 1) { /* spins */
                task_preempt(&frame);
                continue;
            }
            wakes = &task[1 - now];
            bool over = i % 5 == 0; /* rarely: a slice is long */
            if (over && !in_kernel)
                task_preempt(&frame);
            if (runs() != now)
                continue;
            tick = over && in_kernel;
            calls(task[1 - now].state == TASK_WAITS || now == 0);
        }
        for (unsigned i = 2; i < TASKS; i++)
            assert_true(turns[i] > 20);
        assert_true(turns[0] > 20 && turns[1] > 20);
    }
}

static void who_yields_comes_after_all(void **state)
{
    (void)state;
    task[0].yields = true;
    calls(false);
    for (unsigned i = 1; i < TASKS; i++) {
        assert_int_equal(runs(), i);
        task[i].yields = true;
        calls(false);
    }
    assert_int_equal(runs(), 0);
}

static void when_nobody_can_all_sleep(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TASKS; i++)
        calls(true);
    assert_int_equal(slept, 1);
    assert_int_equal(runs(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(those_that_spin_run_in_turn, anew),
        cmocka_unit_test_setup(registers_go_with_their_task, anew),
        cmocka_unit_test_setup(who_is_woken_does_not_wait_behind_spinners, anew),
        cmocka_unit_test_setup(who_has_used_up_a_slice_has_its_turn_all_the_same, anew),
        cmocka_unit_test_setup(who_yields_comes_after_all, anew),
        cmocka_unit_test_setup(when_nobody_can_all_sleep, anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
