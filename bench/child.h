/*
 * child.h: programs that a bench starts and ends. What they print goes to a file
 * without a name, so that a failure can say why. One thread.
 */
#ifndef MF_BENCH_CHILD_H
#define MF_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define CHILD_START_MS 20000   /* until it listens */
#define CHILD_END_MS 5000      /* from the polite signal to SIGKILL */
#define CHILD_ANSWER_S 60      /* a read on a connection to it gives up then */

struct child {
    pid_t pid; /* 0: none */
    int log;   /* its standard output and error; -1: none */
};
#define CHILD_NONE ((struct child){.pid = 0, .log = -1})

/* How to start one. Descriptors are borrowed; -1: /dev/null, or not passed. */
struct child_plan {
    const char *const *argv; /* argv[0] is looked for in PATH */
    char *const *env;        /* NULL: ours */
    const char *directory;   /* NULL: ours */
    int in;                  /* standard input */
    int out;                 /* standard output; -1: the log */
    int passed;              /* descriptor 3: a listening socket */
    bool holds_usr1;         /* starts with SIGUSR1 blocked      */
};

MF_CHECKED mf_err child_start(const struct child_plan *plan, struct child *child,
                              struct mf_why *why);

/* Signal it, wait, SIGKILL if need be. usage (may be NULL): of it and all it waited for. */
void child_end(struct child *child, int signal, struct rusage *usage);

/* All that it has printed so far, added to *text. */
MF_CHECKED mf_err child_log(const struct child *child, struct mf_buf *text, struct mf_why *why);

/* Run to its end. MF_EIO and the last line it printed if its status is not 0. */
MF_CHECKED mf_err child_run(const struct child_plan *plan, struct mf_why *why);

/* The last line in its log, for a message. Returns text. */
const char *child_last_words(const struct child *child, char *text, size_t room);

/* A socket that listens on a free port of 127.0.0.1, inherited only by child_start(). */
MF_CHECKED mf_err listen_anywhere(int *fd, uint16_t *port);

/* Connect to 127.0.0.1:port, blocking, without Nagle's delay. */
MF_CHECKED mf_err connect_to(uint16_t port, int *fd);

/* A port of 127.0.0.1 that nobody listens on at this moment. */
MF_CHECKED mf_err free_port(uint16_t *port);

/* Connect as soon as somebody listens on port. MF_EIO, and child's last words, when
 * nobody does within CHILD_START_MS or child has ended. */
MF_CHECKED mf_err connect_when_up(uint16_t port, struct child *child, int *connection,
                                  struct mf_why *why);

#endif
