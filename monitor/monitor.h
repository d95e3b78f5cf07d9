/*
 * monitor.h: what the spawner asks of a monitor. Each of the two runs one
 * instance in the blank process that the spawner forked and confined: namespaces,
 * empty root, no capabilities, no-new-privileges, rlimits, Landlock are in force
 * before any of these functions is called; only the system call filter is still to come
 * (KVM), or to close around what a blank keeps (process). No guest runs before it.
 *
 *   monitor_survey, monitor_process_survey, _seal
 *                      in the spawner, once, at its start: what is the same for all blanks
 *   monitor_features   the same
 *   monitor_X_probe    in a confined child of its own, once, at the spawner's start
 *   monitor_kvm_prepare, _run   in a blank, before and after MF_START:
 *                      prepare → wait → parse → open → map → lock down → run
 *   monitor_process_wait        in a blank, all of it, in the order
 *                      prepare → leave the spawner's image, by which the filter is
 *                      in force → wait → parse → map → seal → run
 *
 * The blank is single-threaded, small and statically linked; malloc works but
 * should not be needed. Nothing is allocated or opened after lock-down. What goes
 * wrong before it is returned with a reason (the blank then sends MF_START_FAILED
 * and ends); afterwards the process ends with a status of abi/cause.h.
 */
#ifndef MF_MONITOR_MONITOR_H
#define MF_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"
#include "image/snapshot.h"
#include "image/touched.h"
#include "spawner/protocol.h"

/* Where the spawner puts a blank's descriptors: fixed, so that filters can name them. */
#define MONITOR_FD_BASE 3
enum monitor_fd {
    MONITOR_FD_CONTROL = MONITOR_FD_BASE + MF_BLANK_CONTROL,
    MONITOR_FD_CHANNEL = MONITOR_FD_BASE + MF_BLANK_CHANNEL,
    MONITOR_FD_BELL = MONITOR_FD_BASE + MF_BLANK_BELL,
    MONITOR_FD_CONSOLE = MONITOR_FD_BASE + MF_BLANK_CONSOLE,
    MONITOR_FD_KVM = MONITOR_FD_BASE + MF_BLANK_FD_COUNT, /* in a KVM blank only */
    MONITOR_FD_END
};

/* What a blank holds, at the numbers above. At the lock-down a monitor keeps only
 * those that the guest's calls need. */
struct monitor_blank {
    enum mf_sandbox sandbox;
    int control; /* MF_BLANK_CONTROL; the monitors leave it to common/, close it at lock-down */
    int channel; /* MF_BLANK_CHANNEL: to be mapped shared at channel_base, then closed        */
    int bell;    /* MF_BLANK_BELL: `ring` writes the 8 bytes of a 1                           */
    int console; /* MF_BLANK_CONSOLE: `console` writes at most MF_CONSOLE_MAX                 */
    int kvm;     /* /dev/kvm, opened by the spawner; -1 where it is closed to us              */
    uint64_t window_bytes; /* of the start that it is for: layout.h's bounds and step          */
    bool jit;              /* the same                                                         */
    int nice;              /* the spawner's own: this process's may have been set meanwhile    */
};

/* A decoded MF_START (common/start.c): every field checked against abi/ and the image. */
struct monitor_start {
    uint32_t flags;        /* MF_START_…                                             */
    int image_fd;          /* read-only, to be mapped private; the lock-down closes
                              it, as the next two                                    */
    int snapshot_fd;       /* the same; -1: no MF_START_RESTORE                      */
    int pagemap_fd;        /* of this process; -1: no MF_START_RESET                 */
    struct image image;    /* parsed; segments end at or before channel_base         */
    struct snapshot snapshot; /* parsed, of this image and window; its head lies in a
                              static buffer                                          */
    struct touched touched; /* parsed, of this window; head NULL: none, or nothing that one
                              could use. In a static buffer, too                     */
    uint64_t window_bytes; /* layout.h's bounds and step                             */
    uint64_t channel_base; /* window_bytes - MF_CHANNEL_BYTES                        */
    uint64_t instance_id;
    int32_t nice;          /* 0 to 19 steps down, already gone when run is called    */
    uint32_t env_count;
    uint32_t env_bytes;
    const char *env;       /* env_count strings, each with its NUL                   */
};

/* Really try whether this sandbox can work here. MF_OK, or the process ends itself
 * with status 0: usable. Anything else: not, with the reason and what to do. The blank
 * is a whole one, as for prepare and run; its other ends are nobody's. */
MF_CHECKED mf_err monitor_process_probe(struct monitor_blank *blank, struct mf_why *why);
MF_CHECKED mf_err monitor_kvm_probe(struct monitor_blank *blank, struct mf_why *why);

/* In the spawner itself, once, before probes and blanks, which inherit the result: ask
 * /dev/kvm what each KVM blank would have to ask again. No guest runs. A failure: no KVM. */
MF_CHECKED mf_err monitor_survey(int kvm, struct mf_why *why);
MF_CHECKED mf_err monitor_kvm_survey(int kvm, struct mf_why *why);

/* The same for the process sandbox: gate, trampoline and window stand in their places, where
 * all blanks have them. A failure: there is no such sandbox. */
MF_CHECKED mf_err monitor_process_survey(struct mf_why *why);
/* After it: from now on this process and its children call the host from the spawner's own
 * text, by the trampoline and by the gate, and from nowhere else: not from the vDSO either. */
MF_CHECKED mf_err monitor_process_seal(struct mf_why *why);

/* A digest of all that a guest there can see of the processor: a snapshot made where it
 * is the same finds here what it found there. After the survey; 0: not usable at all. */
uint64_t monitor_features(enum mf_sandbox sandbox);
uint64_t monitor_kvm_features(void);

/* Once per blank. What the monitor must remember it keeps in statics of its own:
 * a blank is a process. */
MF_CHECKED mf_err monitor_kvm_prepare(struct monitor_blank *blank, struct mf_why *why);

/* All that the spawner calls, in the child that is to be the blank. main: prepare,
 * MF_START, run. probe: the sandbox's probe; status 0 if usable. What fails is reported
 * on control (MF_BLANK_FAILED, MF_START_FAILED), and the process ends with MF_CAUSE_HOST. */
_Noreturn void monitor_main(struct monitor_blank *blank);
_Noreturn void monitor_probe(struct monitor_blank *blank);
_Noreturn void monitor_give_up(int control, enum mf_spawn_type type, mf_err err,
                               const struct mf_why *why);

/* Prepare, wait for MF_START and run the guest; with probe, that start is taken instead, and
 * nobody waited for. Returns only a failure from before the lock-down; what fails later is
 * said as MF_START_FAILED. */
MF_CHECKED mf_err monitor_process_wait(struct monitor_blank *blank,
                                       const struct monitor_start *probe, struct mf_why *why);
/* Run the guest. Returns only a failure from before the lock-down. */
MF_CHECKED mf_err monitor_kvm_run(struct monitor_blank *blank, const struct monitor_start *start,
                                  struct mf_why *why);

#endif
