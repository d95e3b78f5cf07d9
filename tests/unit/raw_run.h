/* raw_run.h: guests of a few instructions (raw_image.h), each in a blank of its own, to their ends. */
#ifndef MF_TESTS_RAW_RUN_H
#define MF_TESTS_RAW_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "blanks.h"
#include "raw_image.h"

struct raw_run {
    struct raw_entries entries;
    enum mf_sandbox sandbox;
    const struct blank_fit *fit; /* of the blank; NULL: any      */
    uint64_t window_bytes;       /* 0: of the usual size         */
    uint32_t flags;              /* the image's (abi/image.h)    */
};

/* How its process ended, as of waitpid; what it wrote to the console, NUL-ended. */
int raw_run(struct spawner *spawner, const struct raw_run *run, char *console, size_t room);

/* Those of raw_preempt.S, whose image wants preempts, and one whose does not: all of them halt. */
void raw_run_preempted(struct spawner *spawner, enum mf_sandbox sandbox);

#endif
