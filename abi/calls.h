/*
 * calls.h: the system calls that the library OS adds to Linux's, for the SDK.
 * Outside mayfly Linux answers each with ENOSYS, by which the SDK knows where it
 * runs. Arguments as in any Linux system call; results >= 0, or -errno.
 *
 * One event at a time: `next` makes an event the current one, the others work on
 * it, and `reply` or `write` with MF_CALL_END, or `fail`, ends it. Calling `next`
 * with the current event unanswered fails it. A small event with a small reply is
 * two calls: `next`, which brings the body along, and `reply` with MF_CALL_END (and
 * MF_CALL_NEXT from a loop that does nothing else).
 */
#ifndef MF_ABI_CALLS_H
#define MF_ABI_CALLS_H

#include <stdint.h>

#define MF_CALL_BASE 0x6d6600
#define MF_CALL_END 1u
#define MF_CALL_RESTORED 2u
#define MF_CALL_NEXT 4u /* with MF_CALL_END: the caller goes on to `next` at once, so whoever
                           waits for the reply may hear of it then */

/* Auxiliary vector entry: the address where a `syscall` instruction arrives (trap.h). A
 * program may jump there instead, with RCX and R11 as the instruction would set them: a
 * system call for the price of a function call. Not there: outside mayfly. */
#define MF_AUX_SYSCALL 0x6d66u

/* X(offset, name, arguments, meaning) */
#define MF_CALLS(X)                                                                          \
    X(0, next, "(struct mf_call_event *event, void *buffer, size_t capacity)",               \
      "wait for an event; its fields (event.h) go to the buffer, then what is there of its "  \
      "body and fits. E2BIG: the fields did not fit, the event failed")                      \
    X(1, body, "(void *buffer, size_t capacity)",                                            \
      "read more of the event's body; 0 at its end")                                         \
    X(2, reply, "(unsigned status, const void *fields, size_t field_bytes, const void *data, " \
      "size_t bytes, unsigned flags)",                                                       \
      "begin the reply: fields, then the start of its body. EINVAL: bad status or fields; "  \
      "EALREADY: begun before; EFBIG: past MF_BODY_BYTES_MAX")                               \
    X(3, write, "(const void *data, size_t bytes, unsigned flags)",                          \
      "more of the reply's body. EFBIG: past MF_BODY_BYTES_MAX")                             \
    X(4, fail, "(const char *message, size_t bytes)", "the handler failed: 500")             \
    X(5, log, "(unsigned level, const char *text, size_t bytes)", "a log record")            \
    X(6, cancelled, "()", "1 if nobody waits for the current event any more, else 0")        \
    X(7, operation, "(unsigned operation, const void *request, size_t request_bytes, "       \
      "const void *data, size_t data_bytes, struct mf_call_result *result)",                 \
      "ask the node (operation.h) and wait: request, then data, are the message. ENOENT: no " \
      "event has begun. E2BIG: more than MF_CHUNK_BYTES_MAX")                                \
    X(8, result, "(void *buffer, size_t capacity)",                                          \
      "data of the last operation's result, of this event; how much it was")

#define MF_CALL_ENUM(offset, name, arguments, meaning) MF_CALL_##name = MF_CALL_BASE + offset,
enum mf_call { MF_CALLS(MF_CALL_ENUM) };

struct mf_call_event {
    uint64_t id;          /* out */
    uint64_t deadline_ns; /* out: CLOCK_MONOTONIC; 0 = none */
    uint32_t field_bytes; /* out: how much of the buffer is fields */
    uint32_t body_bytes;  /* out: how much after them is body */
    uint32_t flags;       /* out: MF_CALL_END: that is the whole body; else `body` gives the rest.
                             MF_CALL_RESTORED: the first event since this instance came from a
                             snapshot: what it knows that is random, its clones know, too */
    uint32_t reserved;    /* out: 0 */
};
_Static_assert(sizeof(struct mf_call_event) == 32, "ABI: mf_call_event");

/* What a result says (operation.h, struct mf_result) beside its data. */
struct mf_call_result {
    uint32_t error;      /* out */
    uint32_t data_bytes; /* out: `result` gives them */
    uint32_t head_bytes; /* out */
    uint32_t flags;      /* out */
    int64_t value;       /* out */
};
_Static_assert(sizeof(struct mf_call_result) == 24, "ABI: mf_call_result");

#endif
