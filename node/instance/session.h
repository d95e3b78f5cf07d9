/*
 * session.h: instances served from a plain poll loop, one event at a time each:
 * for `mayfly run` and for the tests that expect an instance to die. The daemon
 * serves many from its own loop and does not use this. One thread.
 *
 * A host holds a spawner and the sessions open on it; whoever waits for one of
 * them serves all. What a guest does wrong ends its session, with the cause and a
 * sentence, and never the host.
 */
#ifndef MF_NODE_INSTANCE_SESSION_H
#define MF_NODE_INSTANCE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/log.h"
#include "abi/operation.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/instance/spawner.h"

#define SESSIONS_MAX 8u
#define SESSION_LINE_MAX 1024u /* of the console; a longer one is broken */

enum session_state {
    SESSION_CLOSED,
    SESSION_IDLE, /* serves nothing now; its instance may still be starting */
    SESSION_BUSY, /* an event is in the guest                               */
    SESSION_ENDED /* its process is gone; cause and why say how             */
};

/* How the last event ended. */
enum session_outcome {
    SESSION_PENDING,
    SESSION_REPLIED, /* status, fields and body stand in the session         */
    SESSION_FAILED,  /* the handler said so; its message stands in body      */
    SESSION_LOST     /* the instance ended first                             */
};

/* Called for everything the guest says; text is any bytes, not terminated. */
struct session_ears {
    void (*log)(void *context, enum mf_log_level level, const char *text, size_t bytes);
    void (*console)(void *context, const char *line, size_t bytes); /* without its newline */
    /* An operation (abi/operation.h) to be answered at once: into *result, all but its number,
     * and data, room for MF_CHUNK_BYTES_MAX. MF_EPROTO: nonsense, which ends the session. NULL:
     * UNAVAILABLE is the answer to all. */
    mf_err (*operation)(void *context, uint32_t operation, const uint8_t *request, uint32_t bytes,
                        struct mf_result *result, uint8_t *data, struct mf_why *why);
    void *context;
};

struct session_options {
    enum mf_sandbox sandbox; /* AUTO: the better one that works here           */
    int image_fd;            /* stays the caller's                             */
    uint32_t flags;          /* MF_START_FREEZE: session.frozen follows; or MF_START_RESTORE */
    int snapshot_fd;         /* with MF_START_RESTORE; stays the caller's      */
    int touched_fd;          /* with MF_START_TOUCHED; stays the caller's      */
    uint64_t window_bytes;   /* 0: as the image says                           */
    const char *env;         /* NAME=value strings, each with its NUL          */
    uint32_t env_bytes;
    uint32_t env_count;
    struct session_ears ears;
};

struct session_event {
    const void *head; /* fields (event.h); head and body are borrowed until the outcome */
    uint32_t head_bytes;
    const void *body;
    size_t body_bytes;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; the instance is killed then; 0: never */
};

struct session {
    enum session_state state;
    enum session_outcome outcome;
    uint16_t status;    /* of the reply                                        */
    struct mf_buf head; /* of the reply: fields                                */
    struct mf_buf body; /* of the reply, or of the failure; LOST: what had come */
    struct mf_buf partial; /* SESSION_FAILED: what had come of a reply before  */
    const char *cause;  /* SESSION_ENDED: abi/cause.h's names, "halted", "timeout", "killed", … */
    struct mf_why why;  /* SESSION_ENDED: more about it, or empty              */
    int exit_status;    /* SESSION_ENDED: as of waitpid(2)                     */
    uint64_t log_bytes; /* how much the guest has said so far                  */
    uint64_t bells;     /* how often it rang                                   */
    bool frozen;        /* it is parked for good (abi/channel.h, FROZEN)       */
    struct mf_buf ranges; /* what it said then: struct mf_range, not yet checked */

    /* The rest is session.c's own. */
    struct session_host *host;
    struct blank blank;
    struct session_ears ears;
    struct session_event event;
    uint64_t event_id;     /* the last one given out                         */
    uint64_t announced_id; /* the last one put into the ring                 */
    uint64_t ended_id;     /* the last one that the guest has ended          */
    uint64_t abandoned_id; /* ended before its body, which is to be ended; 0 */
    size_t body_sent;
    bool reply_begun;      /* of ended_id + 1                                */
    bool control_open, console_open;
    char line[SESSION_LINE_MAX];
    size_t line_bytes;
};

struct session_host {
    struct spawner spawner;
    struct session *session[SESSIONS_MAX];
    uint64_t last_id;
};

/* Start the spawner program at path. */
MF_CHECKED mf_err session_host_open(const char *path, struct session_host *host,
                                    struct mf_why *why);
void session_host_close(struct session_host *host); /* ends everything it started */

/* Which sandbox AUTO means here, or whether the one asked for works. MF_EUNSUPPORTED with why. */
MF_CHECKED mf_err session_sandbox(const struct session_host *host, enum mf_sandbox *sandbox,
                                  struct mf_why *why);

/* Start an instance. It starts while the caller goes on; a failure shows as SESSION_ENDED. */
MF_CHECKED mf_err session_open(struct session_host *host, const struct session_options *options,
                               struct session *session, struct mf_why *why);
void session_close(struct session *session); /* kills what still runs, waits for its end */

/* Give it an event. MF_EAGAIN: has one. MF_EDEAD: ended. */
MF_CHECKED mf_err session_invoke(struct session *session, const struct session_event *event);
/* Nobody waits for the event any more: tells the guest, outcome is SESSION_LOST. */
void session_cancel(struct session *session);

/* Serve all sessions until something happened or until_ns (CLOCK_MONOTONIC) passed. */
void session_step(struct session_host *host, uint64_t until_ns);
/* Serve all until this one's event has an outcome; deadlines bound it. */
enum session_outcome session_wait(struct session *session);
/* Ask it to end in good order; what has not ended by until_ns is killed. */
void session_drain(struct session *session, uint64_t until_ns);

#endif
