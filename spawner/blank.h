/* blank.h: fork the child that becomes a blank. */
#ifndef MF_SPAWNER_BLANK_H
#define MF_SPAWNER_BLANK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "spawner/protocol.h"

struct blank_plan {
    enum mf_sandbox sandbox;
    const int *fd; /* by enum mf_blank_fd; the caller closes them afterwards */
    int kvm;       /* /dev/kvm or -1; the child keeps it in a KVM blank only */
    int self;      /* a pidfd of the spawner                                 */
    int follows;   /* a pipe that gets id when the child will die with the spawner; -1: none */
    uint64_t id;
    uint64_t window_bytes; /* that it is for: layout.h's bounds and step       */
    bool jit;      /* it is for functions with jit                           */
    bool probe;    /* try the sandbox out instead of waiting for a start     */
};

/* In a pid namespace of its own, with its descriptors in place, locked down. The
 * child reports what fails in it by MF_START_FAILED on its control socket. */
MF_CHECKED mf_err blank_fork(const struct blank_plan *plan, pid_t *pid, struct mf_why *why);

#endif
