/* test_stubs.c: which system calls of a program become jumps, and what they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/scan.h"
#include "image/stubs.h"

#define AT 0x401000u
#define ROOM_AT 0x130000u
#define ENTRY 0x100040u
#define STUB 32u

static uint8_t room[4 * STUB];

static struct stubs fresh(uint64_t bytes)
{
    memset(room, 0xcc, sizeof room);
    return (struct stubs){.room = room, .address = ROOM_AT, .bytes = bytes, .entry = ENTRY};
}

static uint64_t jump_target(const uint8_t *code, uint64_t address)
{
    int32_t distance;
    assert_int_equal(code[0], 0xe9);
    memcpy(&distance, code + 1, sizeof distance);
    return address + 5 + (uint64_t)(int64_t)distance;
}

static void a_number_and_a_call_become_a_jump(void **state)
{
    (void)state;
    /* push %rbx; mov $39,%eax; syscall; pop %rbx; ret */
    uint8_t code[] = {0x53, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x5b, 0xc3};
    struct stubs stubs = fresh(sizeof room);
    stubs_make(&stubs, code, sizeof code, AT);
    assert_int_equal(stubs.count, 1);
    assert_int_equal(code[0], 0x53);
    assert_int_equal(jump_target(code + 1, AT + 1), ROOM_AT);
    assert_memory_equal(code + 6, "\x0f\x05\x5b\xc3", 4); /* stays, for whoever jumps there */
    const uint8_t stub[] = {0xb8, 39, 0, 0, 0, 0xb9, 0x08, 0x10, 0x40, 0, 0x41, 0xbb, 2, 0, 0, 0};
    assert_memory_equal(room, stub, sizeof stub);
    assert_int_equal(jump_target(room + sizeof stub, ROOM_AT + sizeof stub), ENTRY);
    struct stub read;
    assert_true(stub_read(room, ROOM_AT, &read));
    assert_true(read.numbered && read.number == 39 && read.site == AT + 6);
    assert_true(stub_precedes(code, 6, AT));
}

static void a_long_load_leaves_no_part_of_it(void **state)
{
    (void)state;
    uint8_t code[] = {0x53, 0x48, 0xc7, 0xc0, 1, 1, 0, 0, 0x0f, 0x05, 0xc3}; /* mov $257,%rax */
    struct stubs stubs = fresh(sizeof room);
    stubs_make(&stubs, code, sizeof code, AT);
    assert_int_equal(stubs.count, 1);
    assert_int_equal(jump_target(code + 1, AT + 1), ROOM_AT);
    assert_memory_equal(code + 6, "\x66\x90\x0f\x05\xc3", 5);
    assert_true(stub_precedes(code, 8, AT));
}

static void a_call_and_its_comparison_become_a_jump(void **state)
{
    (void)state;
    /* mov %rdi,%rax; syscall; cmp $-4095,%rax; jbe +2 */
    uint8_t code[] = {0x48, 0x89, 0xf8, 0x0f, 0x05, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0x76, 2};
    struct stubs stubs = fresh(sizeof room);
    stubs_make(&stubs, code, sizeof code, AT);
    assert_int_equal(stubs.count, 1);
    assert_int_equal(jump_target(code + 3, AT + 3), ROOM_AT);
    assert_memory_equal(code + 8, "\x0f\x1f\x00\x76\x02", 5);
    const uint8_t stub[] = {0xb9, 0x12, 0x00, 0x13, 0, 0x41, 0xbb, 2, 0, 0, 0}; /* returns into itself */
    assert_memory_equal(room, stub, sizeof stub);
    assert_int_equal(jump_target(room + 11, ROOM_AT + 11), ENTRY);
    assert_memory_equal(room + 16, "\x0f\x05\x48\x3d\x01\xf0\xff\xff", 8); /* 0x12: behind a `syscall` */
    assert_int_equal(jump_target(room + 24, ROOM_AT + 24), AT + 11);
    struct stub read;
    assert_true(stub_read(room, ROOM_AT, &read));
    assert_true(!read.numbered && read.site == AT + 3);
}

static void a_call_and_its_store_become_a_jump(void **state)
{
    (void)state;
    static const struct {
        uint8_t code[8];
        size_t bytes;
        const char *rest;
    } cases[] = {
        {{0x90, 0x0f, 0x05, 0x48, 0x89, 0x44, 0x24, 0x28}, 8, "\x66\x90"}, /* mov %rax,40(%rsp) */
        {{0x90, 0x0f, 0x05, 0x89, 0x44, 0x24, 0x20, 0xc3}, 7, "\x90"},     /* mov %eax,32(%rsp) */
    };
    for (size_t i = 0; i < 2; i++) {
        uint8_t code[8];
        memcpy(code, cases[i].code, sizeof code);
        struct stubs stubs = fresh(sizeof room);
        struct stub read;
        stubs_make(&stubs, code, sizeof code, AT);
        assert_int_equal(stubs.count, 1);
        assert_int_equal(jump_target(code + 1, AT + 1), ROOM_AT);
        assert_memory_equal(code + 6, cases[i].rest, cases[i].bytes - 6);
        assert_memory_equal(room + 18, cases[i].code + 3, cases[i].bytes - 3);
        assert_int_equal(jump_target(room + 15 + cases[i].bytes, ROOM_AT + 15 + cases[i].bytes),
                         AT + cases[i].bytes);
        assert_true(stub_read(room, ROOM_AT, &read));
        assert_true(!read.numbered && read.site == AT + 1);
    }
}

static void a_distance_that_looks_like_a_call_stays(void **state)
{
    (void)state;
    static const uint8_t cases[][16] = {
        {0x53, 0x48, 0x8d, 0x05, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0x44, 0x24, 8, 0xc3}, /* lea …(%rip),%rax */
        {0x53, 0xe8, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0x44, 0x24, 8, 0x5b, 0x90, 0xc3}, /* call … */
        {0x53, 0x8b, 0x05, 0, 0, 0x0f, 0x05, 0x89, 0x44, 0x24, 8, 0x5b, 0x90, 0xc3}, /* mov …(%rip),%eax */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t code[16];
        memcpy(code, cases[i], sizeof code);
        struct stubs stubs = fresh(sizeof room);
        stubs_make(&stubs, code, 14, AT);
        assert_int_equal(stubs.count, 0);
        assert_memory_equal(code, cases[i], sizeof code);
    }
}

static void what_takes_a_result_and_is_jumped_to_stays(void **state)
{
    (void)state;
    static const uint8_t cases[][16] = {
        /* jmp +3; nop; syscall; mov %eax,8(%rsp); ret */
        {0xeb, 3, 0x90, 0x0f, 0x05, 0x89, 0x44, 0x24, 8, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90},
        /* nop; syscall; mov %eax,8(%rsp); jne -10 */
        {0x90, 0x0f, 0x05, 0x89, 0x44, 0x24, 8, 0x0f, 0x85, 0xf6, 0xff, 0xff, 0xff, 0x90, 0x90, 0xc3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t code[16];
        memcpy(code, cases[i], sizeof code);
        struct stubs stubs = fresh(sizeof room);
        stubs_make(&stubs, code, sizeof code, AT);
        assert_int_equal(stubs.count, 0);
        code[1 - i] ^= 1; /* elsewhere */
        code[9] ^= 1;
        stubs_make(&stubs, code, sizeof code, AT);
        assert_int_equal(stubs.count, 1);
    }
}

/* The jump that is written may hold the bytes of a `syscall`. */
static void what_is_written_is_not_read_again(void **state)
{
    (void)state;
    uint8_t code[] = {0x0f, 0x05, 0x89, 0x44, 0x24, 0x20, 0x89, 0x44, 0x24, 0x24};
    struct stubs stubs = fresh(sizeof room);
    stubs.address = AT + 5 + 0x050f; /* so that the distance is that */
    stubs_make(&stubs, code, sizeof code, AT);
    assert_int_equal(stubs.count, 1);
    assert_memory_equal(code, "\xe9\x0f\x05\0\0\x90\x89\x44\x24\x24", sizeof code);
}

static void what_precedes_a_load_may_look_like_its_beginning(void **state)
{
    (void)state;
    /* mov 8(%rsp),%edi; mov $231,%eax; syscall; ret: 08 b8 … is an instruction, too */
    uint8_t code[] = {0x48, 0x83, 0xec, 0x08, 0x89, 0xc3, 0x8b, 0x7c, 0x24, 0x08,
                      0xb8, 231,  0,    0,    0,    0x0f, 0x05, 0xc3};
    struct stubs stubs = fresh(sizeof room);
    stubs_make(&stubs, code, sizeof code, AT);
    assert_int_equal(stubs.count, 1);
    assert_int_equal(jump_target(code + 10, AT + 10), ROOM_AT);
}

/* Nothing is touched where it is not sure. */
static void stays(const uint8_t *code, size_t bytes)
{
    uint8_t copy[64];
    struct stubs stubs = fresh(sizeof room);
    assert_true(bytes <= sizeof copy);
    memcpy(copy, code, bytes);
    stubs_make(&stubs, copy, bytes, AT);
    assert_int_equal(stubs.count, 0);
    assert_memory_equal(copy, code, bytes);
    for (size_t i = 0; i < sizeof room; i++)
        assert_int_equal(room[i], 0xcc);
}

static void what_is_not_sure_stays(void **state)
{
    (void)state;
    static const uint8_t other_register[] = {0x90, 0x41, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
    static const uint8_t no_number[] = {0x90, 0xb8, 0, 0, 1, 0, 0x0f, 0x05, 0xc3};
    static const uint8_t signal_frame[] = {0x90, 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
    /* mov $1,%eax; mov %rsp,%rsi; movl $5,-0x48(%rsp); syscall: the store's end looks like a load */
    static const uint8_t store[] = {0xb8, 1, 0, 0, 0, 0x48, 0x89, 0xe6, 0xc7, 0x44, 0x24, 0xb8,
                                    5, 0, 0, 0, 0x0f, 0x05, 0xc3};
    static const uint8_t far[] = {0xb8, 1, 0, 0, 0, 0x90, 0x0f, 0x05, 0xc3};
    static const uint8_t other_comparison[] = {0x90, 0x0f, 0x05, 0x48, 0x3d, 0, 0xf0, 0xff, 0xff};
    static const uint8_t cut[] = {0x90, 0x0f, 0x05, 0x48, 0x3d, 1, 0xf0, 0xff};
    static const uint8_t start[] = {0, 0, 0x0f, 0x05};
    stays(other_register, sizeof other_register);
    stays(no_number, sizeof no_number);
    stays(signal_frame, sizeof signal_frame);
    stays(store, sizeof store);
    stays(far, sizeof far);
    stays(other_comparison, sizeof other_comparison);
    stays(cut, sizeof cut);
    stays(start, sizeof start);
}

static void the_room_has_an_end(void **state)
{
    (void)state;
    uint8_t code[3 * 9], whole[sizeof code];
    static const uint8_t call[] = {0x90, 0x90, 0xb8, 39, 0, 0, 0, 0x0f, 0x05};
    for (size_t i = 0; i < 3; i++)
        memcpy(code + i * sizeof call, call, sizeof call);
    memcpy(whole, code, sizeof code);
    struct stubs stubs = fresh(3 * STUB - 1);
    stubs_make(&stubs, code, sizeof code, AT);
    assert_int_equal(stubs.count, 2);
    assert_memory_equal(code + 2 * sizeof call, whole + 2 * sizeof call, sizeof call);
    for (size_t i = 2 * STUB; i < sizeof room; i++)
        assert_int_equal(room[i], 0xcc);
    stubs = (struct stubs){.entry = ENTRY}; /* a library OS without any */
    stubs_make(&stubs, whole, sizeof whole, AT);
    assert_int_equal(stubs.count, 0);
}

static void other_bytes_are_no_stub(void **state)
{
    (void)state;
    struct stub stub;
    memset(room, 0xcc, sizeof room);
    assert_false(stub_read(room, ROOM_AT, &stub));
    memset(room, 0, sizeof room);
    assert_false(stub_read(room, ROOM_AT, &stub));
    static const uint8_t code[] = {0xe9, 0, 0, 0, 0, 0x0f, 0x05}; /* a jump within the program */
    assert_false(stub_precedes(code, 5, AT));
    assert_false(stub_precedes(code + 5, 0, AT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_and_a_call_become_a_jump),
        cmocka_unit_test(a_long_load_leaves_no_part_of_it),
        cmocka_unit_test(a_call_and_its_comparison_become_a_jump),
        cmocka_unit_test(a_call_and_its_store_become_a_jump),
        cmocka_unit_test(a_distance_that_looks_like_a_call_stays),
        cmocka_unit_test(what_takes_a_result_and_is_jumped_to_stays),
        cmocka_unit_test(what_is_written_is_not_read_again),
        cmocka_unit_test(what_precedes_a_load_may_look_like_its_beginning),
        cmocka_unit_test(what_is_not_sure_stays),
        cmocka_unit_test(the_room_has_an_end),
        cmocka_unit_test(other_bytes_are_no_stub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
