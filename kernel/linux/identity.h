/*
 * identity.h: who a program is: the only process there, nobody in particular, and not
 * process 1, of which programs think that it reaps and reboots.
 *
 * Its number is as after a fork: an instance that goes on from a snapshot has another one
 * than the program had when it was frozen, by which programs tell that they are a copy, and
 * than its clones: starts differ until there were IDENTITY_PIDS of them, rollbacks of one
 * instance likewise (a generation is monitor/common/boot.c's). What the program keeps of the
 * time before (the C library does, for raise()) is still its own: nobody else has
 * IDENTITY_PID_FROZEN.
 */
#ifndef KERNEL_LINUX_IDENTITY_H
#define KERNEL_LINUX_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/core/boot.h"

#define IDENTITY_PID_FROZEN 2 /* of one that is to be frozen  */
#define IDENTITY_PID_FIRST 3  /* of all others                */
#define IDENTITY_PIDS 4194301 /* up to Linux's last one, 2^22 - 1; a prime, so that generations
                                 that are multiples of something use all of them, too */
#define IDENTITY_PARENT 1

static inline int32_t identity_pid_of(const struct mf_boot *boot)
{
    if (boot->flags & MF_BOOT_FREEZE)
        return IDENTITY_PID_FROZEN;
    return (int32_t)(IDENTITY_PID_FIRST + boot->generation % IDENTITY_PIDS);
}

static inline int32_t identity_pid(void)
{
    return identity_pid_of(boot_page());
}

/* Does the program mean itself by this number, of process or thread? */
static inline bool identity_is_self(int64_t pid)
{
    return pid == identity_pid() || pid == IDENTITY_PID_FROZEN;
}

#endif
