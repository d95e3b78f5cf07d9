/*
 * sealed.h: calls from a child under the process sandbox's filter, through the gate's one
 * `syscall` instruction, and what became of them. The gate must be mapped (gate_map()).
 */
#ifndef MF_TESTS_SEALED_H
#define MF_TESTS_SEALED_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define ALLOWED 1       /* child's status: the call reached the kernel and did not fail */
#define ALLOWED_ERRNO 2 /* it did, and returned an error: the filter is not what said no */
#define HANDLED 3       /* the call trapped to a SIGSYS handler */
#define DIED 256        /* by SIGSYS; by another signal: DIED + its number */

/* Sanitizers make system calls of their own, before a call that does not return too:
 * they must not look at what runs sealed. Nor may canaries, which stand where FS points. */
#define SEALED __attribute__((no_sanitize("address", "undefined"), no_stack_protector))

SEALED long through_gate(long number, const uint64_t a[6]);
SEALED void leave(int status);
int outcome(pid_t pid);

/* Under this filter from now on, or the child ends; length: 0 if it could not be compiled. */
void seal_by(struct sock_filter *code, uint32_t length);

/* Private, anonymous, read-write memory at [from, to), or the child ends. */
void map_fixed(uint64_t from, uint64_t to, int flags);

#endif
