/*
 * event.h: events and log records, one event at a time. Sleeps by the
 * hypercall `wait` and wakes the node by `ring`, each as seldom as can be: an idle
 * instance costs one of each for an event, a busy one neither.
 */
#ifndef KERNEL_EVENT_EVENT_H
#define KERNEL_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/calls.h"
#include "abi/log.h"

/* boot_flags: MF_BOOT_… */
void event_start(uint64_t channel_base, uint32_t boot_flags);

/* A run of the program's memory, as it came with a call: not checked. */
struct event_data {
    uint64_t address, bytes;
};
/* Is all of it where the program may have memory? */
bool event_data_there(const struct event_data *data);

/* Calls of abi/calls.h, with pointers of the program's. Result or -errno. */
int64_t event_next(uint64_t event, const struct event_data *buffer);
int64_t event_body(const struct event_data *buffer);
int64_t event_fail(const struct event_data *message);
int64_t event_cancelled(void);

/* No event is begun and no message is there: freeze, or wait for one (0: look again), or let
 * `next` wait (WAIT) or be interrupted. event/await.c and contract/sdk.c. */
int64_t event_await(void);

/* The current event; 0: none. */
uint64_t event_current(void);
/* A contract has begun one, or ended it (0): what is logged belongs to it. */
void event_current_set(uint64_t id);

/* The current event's last message is in the ring. next_follows: so is the call `next`, at once. */
void event_end(bool next_follows);

/* A log record of the current event, from the kernel's memory; at most
 * MF_LOG_BYTES_MAX. Waits for room. The node hears of a warning or an
 * error at once, of others 20 ms later than of the one before at the earliest; at the latest with what
 * comes next: a reply, a sleep, the end. */
void event_log(enum mf_log_level level, const void *text, size_t bytes);

/* Does somebody wait for an answer: to the current event, or to one in the ring? */
bool event_is_owed(void);

/* Sleep until CLOCK_MONOTONIC reaches this; 0: for ever. */
void event_sleep(uint64_t deadline_ns);

/* Let the node have everything: before the end, and in a fault (then without
 * waiting, and without minding nonsense). */
void event_flush(void);
void event_flush_now(void);

#endif
