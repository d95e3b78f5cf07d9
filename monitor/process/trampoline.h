/*
 * trampoline.h: the code by which a blank becomes its guest. It is all that a waiting
 * blank consists of: the spawner's image, stack and libraries are unmapped before it
 * waits, the filter is in force, and the only host calls are the trampoline's own
 * (filter.h, trampoline_lines), each for its one purpose. When the window stands, the
 * gate page unmaps the trampoline, and with it the address at which those calls were
 * allowed: nothing can be mapped there again.
 *
 * It is a program of its own (trampoline/), linked at a fixed address from the monitor's
 * ordinary sources, without a C library. This header is what both sides know of it.
 */
#ifndef MF_MONITOR_PROCESS_TRAMPOLINE_H
#define MF_MONITOR_PROCESS_TRAMPOLINE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "monitor/common/boot.h"
#include "monitor/monitor.h"
#include "monitor/process/filter.h"
#include "monitor/process/trampoline_layout.h"

/* At TRAMPOLINE_DATA: what the monitor tells it beforehand. */
struct trampoline_order {
    struct boot_host host; /* for the boot page                                 */
    uint64_t vdso;   /* its address, 0 = none                                    */
    uint64_t seal;   /* address of the gate's last steps; the same in both pages */
    int32_t nice;    /* as the spawner left it                                   */
    uint32_t probe;  /* 1: start is filled in already; nobody is waited for      */
    uint32_t length; /* of filter; 0: one is in force already                    */
    uint32_t jit;    /* 1: it is for functions with jit only                     */
    uint64_t window_bytes; /* that it is for; only the usual blank takes others, too */
    struct monitor_start start;
    struct sock_filter filter[FILTER_PROCESS_MAX]; /* to be in force while it waits */
};

/* Put the other gate page, its text and its variables in their places, which must be free
 * for it (MAP_FIXED). */
MF_CHECKED mf_err trampoline_map(struct mf_why *why);

/* Fill in its order. since: the spawner's start. sealed: the filter is in force already. probe: NULL, or the start of a
 * guest that is not ordered by packet. */
void trampoline_arm(const struct monitor_blank *blank, bool sealed, const struct tsc_moment *since,
                    const struct monitor_start *probe);

/* Go there: it unmaps all above a window of the usual size, our own text and stack
 * included. What fails in there ends the process with MF_CAUSE_HOST. */
_Noreturn void trampoline_enter(void);

#endif
