/* raw.h: what the pieces of the hostile kernel share. */
#ifndef MF_TESTS_RAW_RAW_H
#define MF_TESTS_RAW_RAW_H

#include <stdint.h>

#include "abi/boot.h"
#include "abi/hypercall.h"
#include "raw/orders.h"
#include "raw/ring.h"

extern struct raw_ring raw_ring;
extern const struct mf_boot *raw_boot;
extern struct mf_trap raw_trap; /* the last exception */
extern uint64_t raw_syscalls;   /* arrivals at kernel_syscall */
extern uint32_t raw_compat;     /* a far return came back through 32-bit code */

/* 0; and 1 again when an exception came instead of what followed. */
int raw_try(void) __attribute__((returns_twice));
uint64_t raw_call_at(const struct order *order);
uint64_t raw_syscall(const struct order *order, uint64_t number);
void raw_selector(unsigned which, unsigned selector);
void raw_compat_call(unsigned selector, unsigned which);

/* The gate, without a look at the argument. */
static inline void raw_hypercall(uint32_t number, uint64_t argument)
{
    ((void (*)(uint64_t))mf_gate_address(number))(argument);
}

void raw_bytes(void *to, const void *from, uint64_t bytes);
void raw_ring_node(void);
_Noreturn void raw_unexpected(void);

/* marks.c */
_Noreturn void raw_leave_marks(const struct order *order);
void raw_look(uint64_t id);

/* Do it; false: no answer is wanted. id: of the event that brought it. */
int raw_obey(const struct order *order, uint64_t id, struct answer *answer);

extern void (*const raw_snippets[])(void);

#endif
