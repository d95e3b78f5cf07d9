/* test_node_slice.c: what slice_set() changes of a task, and what not. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "node/slice.h"
#include "spawner/protocol.h"

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

static struct attributes mine(void)
{
    struct attributes now = {0};
    assert_int_equal(syscall(SYS_sched_getattr, 0, &now, (unsigned)sizeof now, 0u), 0);
    return now;
}

/* Linux has slices of ordinary tasks since 6.12. */
static uint64_t slice_here(void)
{
    struct utsname kernel;
    assert_int_equal(uname(&kernel), 0);
    char *minor = NULL;
    unsigned long major = strtoul(kernel.release, &minor, 10), version = major * 1000 + strtoul(minor + 1, NULL, 10);
    return version >= 6012 ? MF_SLICE_NS : mine().runtime_ns;
}

/* In a process of its own: what it does to a thread stays. */
static void in_child(void (*check)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        check();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void check_children(void)
{
    uint64_t expected = slice_here();
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 7), 0);
    slice_set(0, MF_SLICE_NS, SLICE_NICE_ANY);
    assert_int_equal(mine().runtime_ns, expected);
    assert_int_equal(mine().nice, 7);
    assert_int_equal(mine().policy, SCHED_OTHER);
    pid_t child = fork();
    if (child == 0)
        _exit(mine().runtime_ns == expected && mine().nice == 7 ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void check_another(void)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    struct attributes before = mine(), of_child = {0};
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[1]);
        (void)!read(ends[0], &byte, 1);
        _exit(0);
    }
    slice_set(child, MF_SLICE_NS, SLICE_NICE_ANY);
    assert_int_equal(syscall(SYS_sched_getattr, child, &of_child, (unsigned)sizeof of_child, 0u), 0);
    assert_int_equal(of_child.runtime_ns, slice_here());
    assert_int_equal(of_child.nice, before.nice);
    assert_int_equal(mine().runtime_ns, before.runtime_ns);
    slice_set(child, MF_SLICE_NS, before.nice + 2); /* what it is going to take of itself */
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)child), before.nice + 2);
    slice_set(child, 0, before.nice + 1);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)child), before.nice + 2);
    (void)close(ends[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    slice_set(child, MF_SLICE_NS, SLICE_NICE_ANY); /* there is nobody any more */
}

struct looking {
    bool go;
    uint64_t seen_ns;
};

static void *looks(void *argument)
{
    struct looking *looking = argument;
    while (!__atomic_load_n(&looking->go, __ATOMIC_ACQUIRE))
        (void)sched_yield();
    looking->seen_ns = mine().runtime_ns;
    return NULL;
}

static void check_own(void)
{
    struct looking thread = {0};
    pthread_t other;
    uint64_t before = mine().runtime_ns;
    assert_int_equal(pthread_create(&other, NULL, looks, &thread), 0);
    slice_set_own(MF_SLICE_NS);
    __atomic_store_n(&thread.go, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(thread.seen_ns, slice_here());
    assert_int_equal(mine().runtime_ns, slice_here());
    slice_set_own(0);
    assert_int_equal(mine().runtime_ns, before);
}

static void it_can_be_all_threads_and_the_kernel_s_again(void **state)
{
    (void)state;
    in_child(check_own);
}

static void it_can_be_another_process_s(void **state)
{
    (void)state;
    in_child(check_another);
}

static void it_is_short_and_inherited_and_the_share_stays(void **state)
{
    (void)state;
    in_child(check_children);
}

static void check_batch(void)
{
    const struct sched_param none = {0};
    assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    struct attributes before = mine();
    slice_set(0, MF_SLICE_NS, SLICE_NICE_ANY);
    struct attributes after = mine();
    assert_memory_equal(&before, &after, sizeof before);
}

static void who_was_given_another_policy_keeps_it(void **state)
{
    (void)state;
    in_child(check_batch);
}

static void a_part_of_the_weight_is_steps_of_nice(void **state)
{
    (void)state;
    assert_int_equal(slice_nice_of(3), 0);
    assert_int_equal(slice_nice_of(1), 0);
    assert_int_equal(slice_nice_of(0.8), 1);
    assert_int_equal(slice_nice_of(0.79), 2);
    assert_int_equal(slice_nice_of(0.1), 11);
    assert_int_equal(slice_nice_of(0.001), MF_NICE_MAX);
    assert_int_equal(slice_nice_of(0), MF_NICE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_short_and_inherited_and_the_share_stays),
        cmocka_unit_test(it_can_be_all_threads_and_the_kernel_s_again),
        cmocka_unit_test(it_can_be_another_process_s),
        cmocka_unit_test(a_part_of_the_weight_is_steps_of_nice),
        cmocka_unit_test(who_was_given_another_policy_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
