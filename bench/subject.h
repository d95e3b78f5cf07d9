/*
 * subject.h: something that is measured: mayfly itself, or what it is compared
 * with. A bench drives all subjects alike, through this table of operations.
 *
 * An instance is named by a number below the count given to prepare(). connect()
 * makes the connection on which its reply will come, and everything else that is not
 * part of a start; begin() is the start: from before it to the reply's first byte is
 * a cold start. Every request carries a nonce, which the reply must have transformed by
 * the instance's own data (nonce.h). The connection is the caller's; the instance lives
 * until end().
 */
#ifndef MF_BENCH_SUBJECT_H
#define MF_BENCH_SUBJECT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/err.h"
#include "bench/child.h"
#include "bench/http_reply.h"
#include "bench/load.h"
#include "bench/usage.h"

#define SUBJECT_NAME_BYTES 64
#define SUBJECT_PATH_BYTES 64 /* of a request */
#define ISOLATION_BYTES 16

struct subject;

/* One request for a start. */
struct subject_call {
    uint32_t instance;
    uint64_t nonce;
    int connection; /* -1: not connected yet */
};

/* Whether instances may be copies of one program. */
enum subject_content {
    CONTENT_SAME,
    CONTENT_DISTINCT, /* each has data of its own; the kind may know no such thing */
};

/* What instances are made of, beside the mayfly command, where it is not the bench's usual small
 * server in C: one program as an image of ours, and as it is. Both have OWN_MARK (nonce.h). */
struct subject_program {
    const char *image;  /* for ours                                                       */
    const char *server; /* a static one: takes --passed, as peers/static_http.c           */
    const char *folder; /* in which it runs, with the files it reads; NULL: no matter     */
    /* Of a script: then server is a file of data, which the script gets as an argument. */
    const char *interpreter; /* a command of the system, and a path in root; NULL: no script */
    const char *root;        /* a folder with the interpreter, and the script as /SCRIPT     */
    const char *script;
    bool streams; /* ours: further requests go to a port of the machine that is the program's (`listen`), of one
                     instance, and not through the gateway */
};

struct subject_kind {
    /* Make it ready. MF_EUNSUPPORTED and why: it cannot run here. */
    mf_err (*open)(struct subject *subject, struct mf_why *why);
    void (*close)(struct subject *subject);
    /* Ends and forgets all earlier instances; from now on there are `count`, to be made. */
    mf_err (*prepare)(struct subject *subject, uint32_t count, enum subject_content content,
                      struct mf_why *why);
    /* What must exist before the instance can begin; nothing of it runs. */
    mf_err (*make)(struct subject *subject, uint32_t instance, struct mf_why *why);
    /* Is nothing of the instances made anywhere but on disk? NULL: it cannot be otherwise. */
    mf_err (*is_cold)(struct subject *subject, struct mf_why *why);
    mf_err (*connect)(struct subject *subject, struct subject_call *call, struct mf_why *why);
    /* call->connection is set here where there was nothing to connect to before. */
    mf_err (*begin)(struct subject *subject, struct subject_call *call, struct mf_why *why);
    /* What the reply must be. NULL: its body is not looked at. */
    uint64_t (*answer)(const struct subject *subject, const struct subject_call *call);
    /* cost (may be NULL): of everything the instance was, where only its end tells. */
    mf_err (*end)(struct subject *subject, uint32_t instance, struct rusage *cost,
                  struct mf_why *why);
    /* A further request to an instance that runs. NULL: the kind has no place for one. */
    mf_err (*target)(struct subject *subject, uint32_t instance, const char *path,
                     struct load_target *target);
    /* A server that stays, for load. */
    mf_err (*serve)(struct subject *subject, struct load_target *target, struct mf_why *why);
    /* The last line the instance, or what runs it, has said, for a message. NULL: none has. */
    const char *(*last_words)(struct subject *subject, uint32_t instance, char *text, size_t room);
    /* All processes that serve it now. */
    mf_err (*processes)(struct subject *subject, struct processes *list);
    bool cost_at_end; /* the cost of a start is known from end() only */
};

extern const struct subject_kind subject_mayfly;  /* functions on a private node     */
extern const struct subject_kind subject_program; /* an HTTP server, started as it is */
extern const struct subject_kind subject_oci;     /* the same in a container          */

/* Of subject_mayfly only: another function beside the one that serve() deploys, and a request
 * for it. Deploying it again is harmless. */
struct mayfly_function {
    const char *image;      /* beside the mayfly command                  */
    const char *name;
    const char *path;       /* of the request, behind the name: "/spin"   */
    uint32_t max_instances; /* 0: the default                             */
};
MF_CHECKED mf_err subject_mayfly_deploy(struct subject *subject,
                                        const struct mayfly_function *function,
                                        struct load_target *target, struct mf_why *why);

/* Of it, too: stop the node and start it again on the same state, with subject->options as they are
 * now. fronts: what --fronts says; NULL: the default. took_us: from before the command to the node's first answer. */
MF_CHECKED mf_err subject_mayfly_restart(struct subject *subject, const char *fronts,
                                         double *took_us,
                                         struct mf_why *why);

/* Of it, too: run the mayfly command on its node. arguments: NULL behind the last. */
MF_CHECKED mf_err subject_mayfly_command(const struct subject *subject,
                                         const char *const *arguments, struct mf_why *why);
/* Where its node listens: the gateway's port, the path of the API's socket (node_api.h). */
#define SUBJECT_API_BYTES 128
void subject_mayfly_places(const struct subject *subject, uint16_t *port,
                           char api[static SUBJECT_API_BYTES]);

struct subject {
    char name[SUBJECT_NAME_BYTES]; /* as in the rows: "mayfly/kvm" */
    const struct subject_kind *kind;
    const char *detail;            /* sandbox, program or run-time, by kind; borrowed */
    char isolation[ISOLATION_BYTES]; /* "": the default; mayfly's only            */
    const struct subject_program *program; /* by the next prepare(); NULL: the usual one */
    const char *const *options;    /* of mayfly's node, NULL behind the last; NULL: none */
    bool left_out;                 /* cannot run here, or failed on the way           */
    bool rests;                    /* takes no part in the cold starts to come        */
    void *state;                   /* the kind's own                                  */
};

/* A call of an instance, with a nonce that nobody has seen before. */
struct subject_call subject_call(uint32_t instance);

/* Read the reply to a call that has begun, and look whether it is the right one.
 * MF_EPROTO: it is not. */
MF_CHECKED mf_err subject_reply(struct subject *subject, const struct subject_call *call,
                                uint64_t *first_byte_ns, struct mf_why *why);

/* The request for a call of path, by a subject that listens on port. */
MF_CHECKED mf_err subject_request(const struct subject_call *call, uint16_t port, const char *path,
                                  struct load_target *target);

/* One cold start: connect, rest for settle_ms, begin, read the reply. took_us (may be
 * NULL): from begin() to the reply's first byte. */
MF_CHECKED mf_err subject_start(struct subject *subject, uint32_t instance, uint32_t settle_ms,
                                double *took_us, struct mf_why *why);

/* Start instances from … to-1 and leave them. */
MF_CHECKED mf_err subject_start_range(struct subject *subject, uint32_t from, uint32_t to,
                                      struct mf_why *why);

/* MF_EDEAD: it has fewer processes than instances that should be alive. */
MF_CHECKED mf_err subject_alive(struct subject *subject, uint32_t instances, struct mf_why *why);

/* All its processes, in the caller's *list, and what they hold now. */
MF_CHECKED mf_err subject_memory(struct subject *subject, struct processes *list, struct memory *memory);

/* What all its processes have used so far. */
MF_CHECKED mf_err subject_usage(struct subject *subject, struct usage *usage);

/* Write the whole request. */
MF_CHECKED mf_err request_send(int connection, const struct load_target *target,
                               struct mf_why *why);

/* Read a whole reply from a blocking connection. MF_EPROTO: no 200. */
MF_CHECKED mf_err reply_read(int connection, struct http_reply *reply, uint64_t *first_byte_ns,
                             struct mf_why *why);

/* Path of a program in the folder of our own. False: not there. */
bool beside_us(const char *name, char path[static PATH_MAX]);

#endif
