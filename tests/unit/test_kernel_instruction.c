/* test_kernel_instruction.c: privileged instructions, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/x86_64/instruction.h"

#define PRIVILEGED(...)                                                          \
    do {                                                                         \
        const uint8_t code[] = {__VA_ARGS__};                                    \
        assert_true(instruction_is_privileged(code, sizeof code));               \
    } while (0)
#define ORDINARY(...)                                                            \
    do {                                                                         \
        const uint8_t code[] = {__VA_ARGS__};                                    \
        assert_false(instruction_is_privileged(code, sizeof code));              \
    } while (0)

static void privileged_ones_are_known_with_prefixes_too(void **state)
{
    (void)state;
    PRIVILEGED(0xf4);                         /* hlt */
    PRIVILEGED(0xfa, 0x90);                   /* cli */
    PRIVILEGED(0xcd, 0x80);                   /* int 0x80 */
    PRIVILEGED(0xee);                         /* out %al,(%dx) */
    PRIVILEGED(0x66, 0xed);                   /* in (%dx),%ax */
    PRIVILEGED(0xf3, 0x6e);                   /* rep outsb */
    PRIVILEGED(0x0f, 0x30);                   /* wrmsr */
    PRIVILEGED(0x44, 0x0f, 0x22, 0xc0);       /* mov %rax,%cr8 */
    PRIVILEGED(0x0f, 0x01, 0x18);             /* lidt (%rax) */
}

static void accesses_to_memory_are_not(void **state)
{
    (void)state;
    ORDINARY(0x48, 0x8b, 0x00);               /* mov (%rax),%rax */
    ORDINARY(0x0f, 0x28, 0x00);               /* movaps (%rax),%xmm0 */
    ORDINARY(0xff, 0x20);                     /* jmp *(%rax) */
    ORDINARY(0xc3);                           /* ret */
}

static void code_that_ends_too_soon_is_not(void **state)
{
    (void)state;
    assert_false(instruction_is_privileged((const uint8_t *)"", 0));
    ORDINARY(0x0f);
    ORDINARY(0x66, 0x66, 0x66);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(privileged_ones_are_known_with_prefixes_too),
        cmocka_unit_test(accesses_to_memory_are_not),
        cmocka_unit_test(code_that_ends_too_soon_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
