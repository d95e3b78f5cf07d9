/*
 * function_log.h: what functions say, and what the node says about them: a file of
 * lines for each function, in JSON, with rotation. Loop thread only.
 *
 * A line: {"timestamp","function","instance","level","text","call"}; instance and call
 * where there is one. Files: NAME.log, then NAME.log.1 and so on, older with each.
 */
#ifndef MF_NODE_LOGS_FUNCTION_LOG_H
#define MF_NODE_LOGS_FUNCTION_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/log.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"

struct image_file;
struct node;

/* The logs of a node. */
struct logs {
    struct node *node;
    int dir_fd;        /* -1: nowhere to write */
    struct link dirty; /* with lines not yet written */
    uint32_t open;     /* files                      */
    int64_t stamp_s;   /* CLOCK_REALTIME, and as it is written; 0: not yet */
    char stamp[sizeof "2026-01-01T00:00:00."];
};

struct log_rate {
    uint64_t tokens_ns; /* time already paid for, in lines */
    uint64_t dropped;
};

/* One that waits for new lines. */
struct log_follower {
    struct link link;
    void (*more)(struct log_follower *follower); /* may remove itself */
};

struct function_log {
    struct logs *logs;
    struct link dirty;
    struct link followers;
    struct timer notice;      /* says how many lines were dropped             */
    struct log_rate rate;
    struct mf_buf pending;    /* whole lines                                  */
    int fd;                   /* NAME.log; -1: not open                       */
    bool discarded;
    uint64_t bytes;           /* of it                                        */
    uint64_t serial;          /* of NAME.log; one less is NAME.log.1          */
    char name[MF_NAME_BYTES_MAX + 1];
};

void logs_init(struct logs *logs, struct node *node, int dir_fd);
void logs_flush(struct logs *logs); /* before the loop sleeps */

MF_CHECKED mf_err function_log_create(struct node *node, const char *name,
                                      struct function_log **log);
void function_log_destroy(struct function_log *log); /* writes what is pending */

/* The function is removed: its files go, and what comes after goes nowhere. */
void function_log_discard(struct function_log *log);

/* A guest's line: rate-limited, made harmless. call may be NULL. image: whose addresses
 * get their names; may be NULL. */
void function_log_write(struct function_log *log, enum mf_log_level level, uint64_t instance,
                        const char *call, const char *text, size_t bytes,
                        const struct image_file *image);
/* May it have a line that its guest causes? As with those of a guest, how many there were not room for
 * is said once there is. */
bool function_log_may(struct function_log *log);
/* The node's own line about the function. instance 0: none. */
void function_log_node(struct function_log *log, enum mf_log_level level, uint64_t instance,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Pending lines to the file. */
void function_log_flush(struct function_log *log);

/* Let those that follow look again. */
void function_log_tell(struct function_log *log);

/* Take one line of credit at now_ns. False: there is none; counted as dropped. */
bool log_rate_take(struct log_rate *rate, uint64_t now_ns);

#endif
