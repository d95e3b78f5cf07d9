/* test_scan.c: numbers of system calls, from code as compilers write it and from
 * bytes that only look like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "elf_sample.h"
#include "image/scan.h"

#define AT 0x401000u
#define SYSCALL 0x0f, 0x05

/* Scan these bytes and expect one site with this number; -1: unknown. */
#define EXPECT(number, ...)                                                       \
    do {                                                                          \
        const uint8_t expected_of[] = {__VA_ARGS__};                              \
        expect(expected_of, sizeof expected_of, number);                          \
    } while (0)

static void expect(const uint8_t *code, size_t bytes, int64_t number)
{
    struct scan scan = {0};
    scan_code(code, bytes, AT, &scan);
    assert_int_equal(scan.sites, 1);
    if (number < 0) {
        assert_int_equal(scan.unknown, 1);
        assert_int_equal(scan.call_count, 0);
        assert_int_equal(scan.unknown_at[0], AT + bytes - 2);
    } else {
        assert_int_equal(scan.unknown, 0);
        assert_int_equal(scan.call_count, 1);
        assert_int_equal(scan.call[0].number, number);
    }
}

static void constants_are_found(void **state)
{
    (void)state;
    EXPECT(60, 0xb8, 60, 0, 0, 0, SYSCALL);                                 /* mov $60,%eax */
    EXPECT(0, 0x31, 0xc0, SYSCALL);                                         /* xor %eax,%eax */
    EXPECT(0, 0x33, 0xc0, SYSCALL);
    EXPECT(1, 0x48, 0xc7, 0xc0, 1, 0, 0, 0, SYSCALL);                       /* mov $1,%rax */
    EXPECT(231, 0x68, 1, 0, 0, 0, 0xb8, 231, 0, 0, 0, SYSCALL);             /* push before it */
    EXPECT(60, 0x6a, 60, 0x58, SYSCALL);                                    /* push $60; pop %rax */
    EXPECT(0x6d6600, 0xb8, 0x00, 0x66, 0x6d, 0x00, SYSCALL);
}

static void code_between_is_followed(void **state)
{
    (void)state;
    EXPECT(9, 0xb8, 9, 0, 0, 0, 0x45, 0x31, 0xc9, 0x4c, 0x89, 0xc2, 0x48, 0x8d, 0x74, 0x24, 0x08,
           SYSCALL); /* xor %r9d,%r9d; mov %r8,%rdx; lea 8(%rsp),%rsi */
    EXPECT(7, 0xb8, 7, 0, 0, 0, 0x48, 0x8b, 0x04 + 0x38, 0x25, 0, 0, 0, 0, SYSCALL); /* mov 0,%rdi */
    EXPECT(7, 0xb8, 7, 0, 0, 0, 0x64, 0x48, 0x8b, 0x3c, 0x25, 0, 0, 0, 0, SYSCALL);  /* mov %fs:0,%rdi */
    EXPECT(7, 0xb8, 7, 0, 0, 0, 0x74, 0x10, SYSCALL);                 /* je, not taken */
    EXPECT(7, 0xb8, 7, 0, 0, 0, 0x83, 0xf8, 1, SYSCALL);              /* cmp $1,%eax only reads */
    EXPECT(7, 0xb8, 7, 0, 0, 0, 0xf3, 0x0f, 0x1e, 0xfa, SYSCALL);     /* endbr64 */
}

static void copies_are_followed(void **state)
{
    (void)state;
    EXPECT(202, 0x41, 0xb8, 202, 0, 0, 0, 0x4c, 0x89, 0xc0, SYSCALL);       /* mov %r8,%rax */
    EXPECT(202, 0x41, 0xb8, 202, 0, 0, 0, 0x49, 0x8b, 0xc0, SYSCALL);       /* the other form */
    EXPECT(12, 0xba, 12, 0, 0, 0, 0x89, 0xd3, 0x48, 0x63, 0xc3, SYSCALL);   /* movslq %ebx,%rax */
}

static void a_constant_survives_a_call_in_other_registers(void **state)
{
    (void)state;
    const uint8_t code[] = {0x41, 0xb8, 202, 0, 0, 0, 0x4c, 0x89, 0xc0, SYSCALL,
                            0x4c, 0x89, 0xc0, SYSCALL};
    struct scan scan = {0};
    scan_code(code, sizeof code, AT, &scan);
    assert_int_equal(scan.sites, 2);
    assert_int_equal(scan.call_count, 1);
    assert_int_equal(scan.call[0].sites, 2);
    EXPECT(-1, 0xb9, 5, 0, 0, 0, 0x90, 0x90, 0x89, 0xd8, SYSCALL); /* mov $5,%ecx; mov %ebx,%eax */
    const uint8_t clobbered[] = {0xb9, 5, 0, 0, 0, 0x31, 0xc0, SYSCALL, 0x89, 0xc8, SYSCALL};
    scan = (struct scan){0};
    scan_code(clobbered, sizeof clobbered, AT, &scan); /* syscall itself writes ecx */
    assert_int_equal(scan.unknown, 1);
}

static void what_only_the_run_can_tell_is_unknown(void **state)
{
    (void)state;
    EXPECT(-1, SYSCALL);
    EXPECT(-1, 0x48, 0x89, 0xf8, SYSCALL);                            /* mov %rdi,%rax */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0x8b, 0x07, SYSCALL);               /* mov (%rdi),%eax */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xff, 0xc0, SYSCALL);               /* inc: not in the tables */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0x83, 0xc0, 1, SYSCALL);            /* add $1,%eax */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xb4, 1, SYSCALL);                  /* mov $1,%ah */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0x0f, 0x94, 0xc0, SYSCALL);         /* sete %al */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0x0f, 0x44, 0xc1, SYSCALL);         /* cmove %ecx,%eax */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0x48, 0x98, SYSCALL);               /* cltq */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xf7, 0xd8, SYSCALL);               /* neg %eax */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xf7, 0xe1, SYSCALL);               /* mul %ecx */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0x87, 0xc8, SYSCALL);               /* xchg %ecx,%eax */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xe8, 0, 0, 0, 0, SYSCALL);         /* call */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xeb, 0, SYSCALL);                  /* jmp */
    EXPECT(-1, 0xb8, 60, 0, 0, 0, 0xc3, SYSCALL);                     /* ret */
    EXPECT(-1, 0x41, 0xb8, 60, 0, 0, 0, SYSCALL);                     /* that is r8 */
}

static void a_pair_inside_a_constant_is_a_site(void **state)
{
    (void)state;
    /* mov $0x050f,%edi: a jump into it would make a call, so it is told */
    const uint8_t code[] = {0xb8, 1, 0, 0, 0, 0xbf, SYSCALL, 0, 0};
    struct scan scan = {0};
    scan_code(code, sizeof code, AT, &scan);
    assert_int_equal(scan.sites, 1);
    assert_int_equal(scan.unknown, 1);
}

static void readings_that_disagree_are_unknown(void **state)
{
    (void)state;
    /* Whole: mov $0xc0310000,%ecx... read from inside, xor %eax,%eax; before: mov $1,%eax */
    EXPECT(-1, 0xb8, 1, 0, 0, 0, 0xb9, 0, 0, 0x31, 0xc0, SYSCALL);
}

#define SITES 1000u /* below 0x050f, so that no number holds the pair itself */

static void many_sites_do_not_fill_memory(void **state)
{
    (void)state;
    size_t bytes = SITES * 7;
    uint8_t *code = calloc(1, bytes);
    struct scan *scan = calloc(1, sizeof *scan);
    for (uint32_t i = 0; i < SITES; i++) {
        const uint8_t site[] = {0xb8, (uint8_t)i, (uint8_t)(i >> 8), 0, 0, SYSCALL};
        memcpy(code + i * sizeof site, site, sizeof site);
    }
    scan_code(code, bytes, AT, scan);
    assert_int_equal(scan->sites, SITES);
    assert_int_equal(scan->call_count, MF_SCAN_CALLS_MAX);
    assert_int_equal(scan->unknown, SITES - MF_SCAN_CALLS_MAX);
    for (uint32_t i = 1; i < scan->call_count; i++)
        assert_true(scan->call[i - 1].number < scan->call[i].number);
    free(scan);
    free(code);
}

static void a_program_is_scanned_but_not_the_kernel(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    struct image_file open = {0};
    struct scan scan;
    sample_image(&file);
    open.data = file.data;
    open.bytes = file.bytes;
    assert_int_equal(image_parse(file.data, file.bytes, &open.image, NULL), MF_OK);
    memcpy(file.data + open.image.segment[0].file_offset, (uint8_t[]){SYSCALL}, 2);
    scan_system_calls(&open, &scan);
    assert_int_equal(scan.sites, 1);
    assert_int_equal(scan.call[0].number, 60);
    mf_buf_close(&file);
}

static void calls_have_names(void **state)
{
    (void)state;
    assert_string_equal(scan_call_name(0), "read");
    assert_string_equal(scan_call_name(231), "exit_group");
    assert_string_equal(scan_call_name(0x6d6600), "mayfly_next");
    assert_null(scan_call_name(400));
    assert_null(scan_call_name(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_are_found),
        cmocka_unit_test(code_between_is_followed),
        cmocka_unit_test(copies_are_followed),
        cmocka_unit_test(a_constant_survives_a_call_in_other_registers),
        cmocka_unit_test(what_only_the_run_can_tell_is_unknown),
        cmocka_unit_test(a_pair_inside_a_constant_is_a_site),
        cmocka_unit_test(readings_that_disagree_are_unknown),
        cmocka_unit_test(many_sites_do_not_fill_memory),
        cmocka_unit_test(a_program_is_scanned_but_not_the_kernel),
        cmocka_unit_test(calls_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
