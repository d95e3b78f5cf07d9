/*
 * protocol.h: what node and spawner, and node and blank, say to each other. Both
 * over AF_UNIX SOCK_SEQPACKET, one struct a packet, descriptors by SCM_RIGHTS.
 * Both ends are ours, yet a blank is reached by the guest's faults: the node
 * treats what comes from it like anything from a guest.
 *
 *   spawner → node   first MF_SUPPORT for PROCESS, then for KVM; or MF_REFUSED, and it ends
 *   node → spawner   MF_SPAWN + 4 descriptors, in the order of enum mf_blank_fd
 *   spawner → node   MF_SPAWNED | MF_SPAWN_FAILED, later MF_EXITED, by the node's id
 *   node → spawner   MF_KILL, MF_STOP, MF_CONTINUE: that signal for the blank with this id;
 *                    an unknown id is no error
 *   node → blank     MF_START + descriptors: the image, read-only; with MF_START_RESTORE
 *                    the snapshot, read-only; with MF_START_RESET the blank's pagemap;
 *                    with MF_START_TOUCHED the snapshot's touched pages (abi/touched.h)
 *   blank → node     MF_BLANK_FAILED, before it has taken an order, or MF_START_FAILED, before
 *                    lock-down only; else nothing
 *
 * Signals go through the spawner, since only the parent knows whether a pid is still
 * its child's: between the reaping and MF_EXITED's arrival a kill(2) by the node
 * could hit a stranger.
 *
 * A blank whose control socket closes before MF_START ends itself. The spawner
 * ends, and all blanks and instances with it, when its own socket closes.
 */
#ifndef MF_SPAWNER_PROTOCOL_H
#define MF_SPAWNER_PROTOCOL_H

#include <stdint.h>

#include "abi/channel.h"
#include "base/err.h"

#define MF_SPAWN_MAGIC 0x4d465350u

/* Where the spawner finds its end of the socket when the node has exec'd it. */
#define MF_SPAWNER_FD 3

enum mf_sandbox { MF_SANDBOX_AUTO = 0, MF_SANDBOX_PROCESS = 1, MF_SANDBOX_KVM = 2 };

enum mf_spawn_type {
    MF_SPAWN = 1,
    MF_SPAWNED,
    MF_SPAWN_FAILED,
    MF_EXITED,
    MF_START,
    MF_START_FAILED,
    MF_SUPPORT,
    MF_REFUSED,
    MF_KILL,
    MF_STOP,
    MF_CONTINUE,
    MF_BLANK_FAILED,
};

/* Descriptors of MF_SPAWN; the monitor keeps them at the numbers it likes. */
enum mf_blank_fd {
    MF_BLANK_CONTROL, /* the blank's end of the node-blank socket pair        */
    MF_BLANK_CHANNEL, /* memfd of MF_CHANNEL_FILE_BYTES, sealed against resizing */
    MF_BLANK_BELL,    /* eventfd, non-blocking at the node: `ring`            */
    MF_BLANK_CONSOLE, /* write end of a pipe: `console`                       */
    MF_BLANK_FD_COUNT
};

/* Every packet but MF_START is one of these. */
struct mf_spawn_packet {
    uint32_t magic;   /* MF_SPAWN_MAGIC                                              */
    uint32_t type;    /* enum mf_spawn_type                                          */
    uint64_t id;      /* the node's number of the blank                              */
    uint32_t sandbox; /* MF_SPAWN, MF_SUPPORT: PROCESS or KVM                        */
    int32_t pid;      /* MF_SPAWNED: in the node's pid namespace                     */
    int32_t status;   /* MF_EXITED: as of waitpid(2); *_FAILED, MF_REFUSED: an mf_err;
                         MF_SUPPORT: 0 = usable, else an mf_err                      */
    uint32_t maxrss_kib;  /* MF_EXITED: of getrusage                                 */
    uint64_t cpu_ns;      /* MF_EXITED: user and system time                         */
    uint64_t features;    /* MF_SUPPORT: digest of all of the processor that a guest can
                             see there; a snapshot restores where it is the same     */
    uint32_t faults;      /* MF_EXITED: page faults that needed no reading           */
    uint32_t window_mib;  /* MF_SPAWN: the blank is for windows of this size; 0: the usual.
                             It takes other orders, too, at a price, but for a blank of the
                             process sandbox that is not the usual one                 */
    uint32_t jit;         /* MF_SPAWN: 1 = and for functions with jit                 */
    uint32_t reserved;    /* 0                                                       */
    struct mf_why why;    /* where status is an mf_err: what, where, what to do      */
};

/* Behind the channel in its memfd: one page between node and monitor alone, which no
 * guest can reach. Only an instance started with MF_START_RESET uses it. After the last
 * reply the guest says that it is idle (abi/hypercall.h, wait), and the monitor rolls it
 * back; `resets` tells the node that the guest is pristine and stands still. Then, and
 * only then, the node makes the channel as new, puts the next event and adds 1 to `go`. For a
 * guest that is idle the monitor rings, too (MF_BOOT_WAIT_RINGS): at once, or, while `notify`
 * is 1, for reply and rollback together. */
struct mf_control {
    uint32_t resets;      /* monitor: so many rollbacks are complete                   */
    uint32_t go;          /* node: adds 1: enter the guest                             */
    uint32_t notify;      /* node: 1 = ring when the next rollback is complete; the
                             monitor takes it                                      */
    uint32_t dirty_pages; /* monitor: brought back by the last rollback                */
    uint64_t reset_ns;    /* monitor: what it took                                     */
    uint32_t asleep;      /* monitor: 1 = FUTEX_WAKE `go`, too; the node takes it      */
    uint32_t reserved;    /* 0                                                         */
};
#define MF_CHANNEL_FILE_BYTES (MF_CHANNEL_BYTES + MF_PAGE_BYTES)

/* Where the guest's address 0 stands in its process. */
#define MF_WINDOW_HOST_PROCESS 0ull
#define MF_WINDOW_HOST_KVM 0x200000000000ull

#define MF_START_ENV_MAX 32768u

#define MF_START_FREEZE  1u /* park at the first wait for an event (abi/boot.h)          */
#define MF_START_RESTORE 2u /* from a snapshot of the image                              */
#define MF_START_RESET   4u /* KVM, with RESTORE: roll back after every event            */
#define MF_START_TOUCHED 8u /* with RESTORE: prepare the pages that the file names          */
#define MF_START_JIT     16u /* it may make memory executable (abi/boot.h)                */
#define MF_START_FLAGS \
    (MF_START_FREEZE | MF_START_RESTORE | MF_START_RESET | MF_START_TOUCHED | MF_START_JIT)
#define MF_START_FD_MAX 4u
#define MF_NICE_MAX 19

struct mf_start {
    uint32_t magic; /* MF_SPAWN_MAGIC */
    uint32_t type;  /* MF_START       */
    uint64_t instance_id;
    uint64_t window_bytes; /* layout.h's bounds; 0 = as the image says */
    int32_t nice;          /* 0 to 19 steps below the node: its CPU share as a weight */
    uint32_t env_count;
    uint32_t env_bytes;    /* NAME=value strings, each with its NUL, right behind */
    uint32_t flags;        /* MF_START_… */
    char env[];
};

#endif
