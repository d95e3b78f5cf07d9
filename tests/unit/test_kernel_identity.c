/* test_kernel_identity.c: which number a program has as a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/linux/identity.h"

#define LINUX_PID_MAX (1 << 22) /* one past the last, proc_sys_kernel(5) */
#define STARTS 200000u
#define RESETS 8u
#define SHIFT 32 /* monitor/common/boot.c: below it the rollbacks, above it the instance */

static int32_t pid_of(uint64_t generation, uint32_t flags)
{
    const struct mf_boot boot = {.flags = flags, .generation = generation};
    return identity_pid_of(&boot);
}

static void who_is_to_be_frozen_has_a_number_that_nobody_else_has(void **state)
{
    (void)state;
    static const uint64_t generations[] = {0, 1, IDENTITY_PIDS - 1, IDENTITY_PIDS, 1ull << SHIFT,
                                           UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
        assert_int_equal(pid_of(generations[i], MF_BOOT_FREEZE), IDENTITY_PID_FROZEN);
        for (uint32_t flags = 0; flags <= MF_BOOT_RESTORED; flags += MF_BOOT_RESTORED)
            assert_in_range(pid_of(generations[i], flags), IDENTITY_PID_FROZEN + 1,
                            LINUX_PID_MAX - 1);
    }
    assert_int_equal(pid_of(IDENTITY_PIDS - 1, 0), LINUX_PID_MAX - 1);
}

static void clones_have_different_numbers(void **state)
{
    (void)state;
    uint8_t *seen = calloc(LINUX_PID_MAX, 1);
    assert_non_null(seen);
    for (uint64_t instance = 1; instance <= STARTS; instance++) {
        int32_t pid = pid_of(instance << SHIFT, MF_BOOT_RESTORED);
        assert_int_equal(seen[pid]++, 0);
    }
    free(seen);
}

static void rollbacks_have_different_numbers(void **state)
{
    (void)state;
    int32_t seen[4 * RESETS];
    for (unsigned i = 0; i < 4 * RESETS; i++) {
        seen[i] = pid_of(((uint64_t)(7 + i / RESETS) << SHIFT) + i % RESETS, MF_BOOT_RESTORED);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(seen[k], seen[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_to_be_frozen_has_a_number_that_nobody_else_has),
        cmocka_unit_test(clones_have_different_numbers),
        cmocka_unit_test(rollbacks_have_different_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
