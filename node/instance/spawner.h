/*
 * spawner.h: the node's side of spawner/protocol.h: start the spawner, ask for
 * blanks, start an instance on one, learn of ends. Never blocks but in
 * spawner_open(). One thread.
 */
#ifndef MF_NODE_INSTANCE_SPAWNER_H
#define MF_NODE_INSTANCE_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "node/instance/channel.h"
#include "spawner/protocol.h"

/* Which sandboxes work here: probed by the spawner at its start. why: for each one
 * that does not, the reason. */
struct sandbox_support {
    bool usable[3];            /* by enum mf_sandbox */
    struct mf_why why[3];
    uint64_t features[3];      /* of the processor, as a guest there sees it */
};

struct spawner {
    int fd;    /* our end; -1: not open. Readable: call spawner_read() */
    pid_t pid;
    struct sandbox_support support;
};

/* What the node holds of one blank or instance. All descriptors close-on-exec. */
struct blank {
    uint64_t id;
    enum mf_sandbox sandbox;
    pid_t pid;     /* 0 until MF_SPAWNED came */
    int control;   /* -1 when started or closed */
    int bell;      /* eventfd; readable: the guest rang */
    int console;   /* pipe, non-blocking: console lines */
    bool unready;  /* it ended before it took an order to start (blank_start_failed) */
    struct channel channel;
    struct spawner *spawner; /* borrowed */
};

/* Run the program at path as the spawner; it locks itself in. Waits until it says
 * that it is ready or why not. It dies with the thread that calls this. */
MF_CHECKED mf_err spawner_open(const char *path, struct spawner *spawner, struct mf_why *why);
void spawner_close(struct spawner *spawner); /* ends it and all it started */

/* Which starts a blank is for. NULL where one is asked for: the usual ones. */
struct blank_fit {
    uint64_t window_bytes; /* layout.h's bounds and step */
    bool jit;
};

/* Make the descriptors of a blank and ask for it. MF_SPAWNED or MF_SPAWN_FAILED follows. */
MF_CHECKED mf_err blank_open(struct spawner *spawner, uint64_t id, enum mf_sandbox sandbox,
                             const struct blank_fit *fit, struct blank *blank, struct mf_why *why);
/* What a blank is to become. All borrowed for the call. */
struct start_order {
    uint32_t flags;        /* MF_START_…                                  */
    int image_fd;
    int snapshot_fd;       /* with MF_START_RESTORE                       */
    int pagemap_fd;        /* with MF_START_RESET: /proc/PID/pagemap      */
    int touched_fd;        /* with MF_START_TOUCHED                       */
    uint64_t window_bytes; /* 0: as the image says                        */
    int nice;
    const char *env;       /* NAME=value strings, each with its NUL       */
    uint32_t env_bytes;
    uint32_t env_count;
};

/* Let it be that and go. May be called before MF_SPAWNED, but for RESET. */
MF_CHECKED mf_err blank_start(struct blank *blank, const struct start_order *order,
                              struct mf_why *why);
/* A pending MF_BLANK_FAILED (then blank->unready) or MF_START_FAILED of this blank: true and
 * the reason. */
bool blank_start_failed(struct blank *blank, struct mf_why *why);
void blank_kill(struct blank *blank);  /* SIGKILL, by the spawner; MF_EXITED follows */
/* Stop or continue it, by the spawner. False: the spawner takes no more at the moment. */
bool blank_pause(struct blank *blank, bool stop);
void blank_close(struct blank *blank); /* descriptors and mapping; an unstarted blank ends */

/* Next packet of the spawner. MF_EAGAIN: none. MF_EDEAD: the spawner is gone. */
MF_CHECKED mf_err spawner_read(struct spawner *spawner, struct mf_spawn_packet *packet);

void spawner_support(const struct spawner *spawner, struct sandbox_support *support);

/* Words for a waitpid status of an instance: cause name as in logs and answers. */
const char *exit_cause(int status);

#endif
