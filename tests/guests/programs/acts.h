/*
 * acts.h: what the hostile function can do; the path of the event names it. An act
 * that comes back says in words what happened; the tests know which words, or which
 * death, they expect (tests/guests/deaths.c).
 */
#ifndef MF_TESTS_PROGRAMS_ACTS_H
#define MF_TESTS_PROGRAMS_ACTS_H

#include <stdint.h>

#include <mayfly.h>

#define ACTS(X)                                                                            \
    X(hello) X(write_text) X(write_rodata) X(execute_data) X(execute_stack) X(execute_heap) \
    X(execute_mapping) X(read_zero) X(write_zero) X(jump_zero) X(read_at) X(write_at)       \
    X(jump_at) X(guard_below_stack) X(protect_execute) X(map_execute) X(protect_gate)       \
    X(unmap_kernel) X(map_fixed_low) X(stack_overflow) X(stack_overflow_vla)                \
    X(smash_canary) X(heap_use_after_unmap) X(map_over_data)                                \
    X(illegal) X(divide) X(divide_overflow) X(breakpoint) X(halt_instruction) X(read_msr)   \
    X(port_in) X(port_out) X(unaligned_sse) X(non_canonical) X(float_trap) X(trap_flag)     \
    X(interrupt) X(aborts) X(exits) X(exits_group) X(raises) X(segment) X(far_jump_32)      \
    X(wrfsbase_kernel) X(smashed_stack_pointer)                                             \
    X(call) X(sweep) X(sigreturn_forged) X(syscall_from_data)                               \
    X(loop) X(loop_calls) X(sleeps) X(allocates) X(maps) X(log_flood) X(console_flood)      \
    X(reply_flood) X(never_reads) X(spins_then_answers) X(fails) X(two_replies) X(naps)    \
    X(wants_what_is_not) X(wants_options)

#define ACT_DECLARE(name) void act_##name(struct mayfly_event *event, struct mayfly_reply *reply);
ACTS(ACT_DECLARE)

/* A parameter of the query as a number (any base strtoull knows); absent: otherwise. */
uint64_t number_of(struct mayfly_event *event, const char *name, uint64_t otherwise);

/* Said when an act that should have killed us did not. */
void survived(struct mayfly_reply *reply);

#endif
