/*
 * event_rig.h: for tests of the library OS's events against the node's end of the same channel. The
 * kernel's code runs here as it is; its hypercalls are the rig's: a `wait` lets the node's side of the
 * test go on, `halt` and `fault` come back to the test.
 */
#ifndef TEST_EVENT_RIG_H
#define TEST_EVENT_RIG_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/boot.h"
#include "abi/cause.h"
#include "abi/event.h"
#include "channel_ends.h"
#include "kernel/event/event.h"

#define END_HALT 1
#define END_FAULT 2
#define LOG_MAX 16

extern unsigned rings, waits, idle_waits;
extern uint64_t rig_clock_ns;      /* the program's, and the host's */
extern void (*node_turn)(void);    /* what the node does while the guest waits */
extern jmp_buf end;                /* where the kernel goes that halts or has a fault: END_… */
extern enum mf_cause end_cause;    /* of the fault                     */
extern uint64_t bad_from, bad_to;  /* addresses that are not there     */
extern uint8_t buffer[MF_BODY_BYTES_MAX + 16]; /* of the program       */
extern uint8_t body[MF_BODY_BYTES_MAX + 16];   /* a pattern            */
extern struct mf_call_event current;           /* what next() has got  */

/* What the node has received, event by event. */
struct got {
    unsigned messages, replies, errors, logs, ends;
    uint64_t id, status;
    size_t bytes;
    char log[LOG_MAX][64];
    uint64_t log_id[LOG_MAX], log_level[LOG_MAX];
    char error[128];
    uint8_t body[MF_BODY_BYTES_MAX];
    uint8_t head[MF_HEAD_BYTES_MAX];
    uint32_t head_bytes;
};
extern struct got got;

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
int open_pair(void **state);
int close_pair(void **state);

/* The node. node_takes: what is there, and it goes to sleep again. */
void put(uint64_t id, enum mf_message type, uint32_t head_bytes, const void *data, uint32_t bytes,
         bool last);
void invoke(uint64_t id, const char *text);
void take_all(void);
void node_takes(void);

/* The program, whose calls these are. */
int64_t next(size_t capacity);
struct event_data run_of(const void *data, size_t bytes);
int64_t reply(unsigned status, const void *data, size_t bytes, unsigned flags);
int64_t more(const void *data, size_t bytes, unsigned flags);
int64_t read_body(size_t capacity);

#endif
