/*
 * subject.h: something that is measured: mayfly itself, or what it is compared
 * with. A bench drives all subjects alike, through this table of operations.
 *
 * An instance is named by a number below the count given to prepare(). connect()
 * makes the connection on which its reply will come, and everything else that is not
 * part of a start; begin() is the start: from before it to the reply's first byte is
 * a cold start. The connection is the caller's; the instance lives until end().
 */
#ifndef MF_BENCH_SUBJECT_H
#define MF_BENCH_SUBJECT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/err.h"
#include "bench/child.h"
#include "bench/load.h"
#include "bench/usage.h"

#define SUBJECT_NAME_BYTES 64

struct subject;

struct subject_kind {
    /* Make it ready. MF_EUNSUPPORTED and why: it cannot run here. */
    mf_err (*open)(struct subject *subject, struct mf_why *why);
    void (*close)(struct subject *subject);
    /* What must exist before `count` instances can begin, none of them running. */
    mf_err (*prepare)(struct subject *subject, uint32_t count, struct mf_why *why);
    mf_err (*connect)(struct subject *subject, uint32_t instance, int *connection,
                      struct mf_why *why);
    /* *connection is set here where there was nothing to connect to before. */
    mf_err (*begin)(struct subject *subject, uint32_t instance, int *connection,
                    struct mf_why *why);
    /* cost (may be NULL): of everything the instance was, where only its end tells. */
    mf_err (*end)(struct subject *subject, uint32_t instance, struct rusage *cost,
                  struct mf_why *why);
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

/* Of subject_mayfly only: the hostile function beside the one that serve() deploys; what a
 * request for it does. Deploying it again is harmless. */
MF_CHECKED mf_err subject_mayfly_hostile(struct subject *subject, const char *deed,
                                         struct load_target *target, struct mf_why *why);

struct subject {
    char name[SUBJECT_NAME_BYTES]; /* as in the rows: "mayfly/kvm" */
    const struct subject_kind *kind;
    const char *detail;            /* sandbox, program or run-time, by kind; borrowed */
    bool left_out;                 /* cannot run here, or failed on the way           */
    void *state;                   /* the kind's own                                  */
};

/* One cold start: connect, rest for settle_ms, begin, read the reply. took_us (may be
 * NULL): from begin() to the reply's first byte. */
MF_CHECKED mf_err subject_start(struct subject *subject, uint32_t instance, uint32_t settle_ms,
                                double *took_us, struct mf_why *why);

/* Write the whole request. */
MF_CHECKED mf_err request_send(int connection, const struct load_target *target,
                               struct mf_why *why);

/* Read a whole reply from a blocking connection. MF_EPROTO: no 200. */
MF_CHECKED mf_err reply_read(int connection, uint64_t *first_byte_ns, struct mf_why *why);

/* Path of a program in the folder of our own. False: not there. */
bool beside_us(const char *name, char path[static PATH_MAX]);

#endif
