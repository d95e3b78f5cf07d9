/*
 * exchange.h: events and their replies, for contracts that speak for a program: what
 * event/event.h is to a program that asks itself, without waiting and from the kernel's own
 * memory. One event at a time.
 */
#ifndef KERNEL_CONTRACT_EXCHANGE_H
#define KERNEL_CONTRACT_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/io.h"

struct exchange_event {
    uint64_t id;
    uint64_t deadline_ns;  /* CLOCK_MONOTONIC; 0 = none */
    const uint8_t *fields; /* abi/event.h; there until the first part of the body is let go */
    uint32_t field_bytes;
    uint64_t body_bytes;   /* of the whole body */
};

/* Take the oldest event, if there is one. A drain ends the instance here. */
bool exchange_begin(struct exchange_event *event);

/* What is here of the body and was not used yet: its bytes; 0: none now. The first part, which
 * came with the fields, is held, and may be read again, until it is let go; nothing of the
 * others comes before. */
uint32_t exchange_body(const uint8_t **data);
void exchange_body_use(uint32_t bytes);
void exchange_body_again(void);
void exchange_body_let_go(void);

/* Nobody waits for the event any more. */
bool exchange_cancelled(void);

/* The reply: its head, then its body bit by bit, then its end. What was put goes out when
 * it fills a message, and with exchange_flush(). */
void exchange_reply(uint32_t status, const uint8_t *fields, uint32_t field_bytes);
void exchange_put(const void *data, uint64_t bytes);
/* The same of a transfer's next bytes; how many were put: fewer only if there is a bad buffer. */
uint64_t exchange_put_io(struct io *io, uint64_t bytes);
void exchange_flush(void);
void exchange_end(void);
/* In the place of the reply, or of its rest. error: MF_ERROR_… (abi/channel.h). */
void exchange_fail(uint64_t error, const char *message);

#endif
