/*
 * contract_rig.h: for tests of contracts (kernel/contract/): the node's end of a channel, and a
 * program's sockets. The test is the node, and the program.
 */
#ifndef TEST_CONTRACT_RIG_H
#define TEST_CONTRACT_RIG_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/boot.h"
#include "abi/event.h"
#include "base/limits.h"
#include "channel_ends.h"
#include "kernel/contract/parts.h"
#include "kernel/event/event.h"
#include "kernel/socket/socket.h"
#include "node/instance/event.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"

/* What the node has heard since the last event was sent. */
struct got {
    unsigned replies, errors, ends, logs;
    uint64_t status, error_arg, log_id;
    uint32_t head_bytes;
    size_t bytes;
    char error[MF_ERROR_BYTES_MAX + 1], log[256];
    uint8_t head[MF_HEAD_BYTES_MAX], body[MF_BODY_BYTES_MAX + 1];
};
extern struct got got;

/* The event that is being sent. */
struct pushed {
    uint64_t id;
    size_t bytes, sent;
    uint8_t fields[512];
    uint32_t field_bytes;
};
extern struct pushed event;

extern struct mf_boot *boot;
extern const char *warm_up;      /* the environment's */
extern jmp_buf rig_end;          /* where the kernel goes that halts or has a fault */
extern struct socket *listener;  /* the program's; NULL: none */
extern uint8_t body[MF_BODY_BYTES_MAX];
extern char request[MF_BODY_BYTES_MAX + 70000]; /* what the program has read */
extern size_t request_bytes;

/* Before the tests: the boot page, at its own address. False: it cannot be there, which is said. */
bool contract_rig_boot(void);
int contract_rig_open(void **state);
int contract_rig_close(void **state);

/* The node. push: as much of the event as the channel has room for. */
void push(void);
void take_all(void);
void invoke(const char *method, size_t bytes);
bool turn(void);
void send_message(enum mf_message type, uint64_t id);

/* The program. reads: adds what is there of the request. */
void listens(void);
struct socket *accepts(void);
int64_t reads(struct socket *server);
int64_t writes_bytes(struct socket *server, const void *data, size_t bytes);
void writes(struct socket *server, const char *text);
void closes(struct socket *server);

#endif
