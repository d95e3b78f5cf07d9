/*
 * socket_rig.h: for tests of sockets: sockets by one line each, and the node's end of the channel.
 * What waits is the kernel's scheduler's matter, and not here.
 */
#ifndef TEST_SOCKET_RIG_H
#define TEST_SOCKET_RIG_H

#include <stdint.h>

#include "kernel/socket/socket.h"
#include "node/instance/channel.h"

extern unsigned socket_lines; /* that the kernel has said         */
extern unsigned socket_rings; /* that the node was rung           */
extern char got[256];         /* what receive_text() has received */

struct socket *open_socket(int family, int type);
void close_socket(struct socket *socket);
struct socket *listener_at(int family, struct address address);
int64_t send_text(struct socket *socket, const char *text);
int64_t send_bytes(struct socket *socket, const void *bytes, size_t count);
int64_t receive_text(struct socket *socket);
void assert_received(struct socket *socket, const char *text);

/* A connection, and its end: then nothing is left. */
extern struct socket *listener, *client, *server;
void join(int family);
void close_all(void);

/* The channel, with the node's end in the test's hand: a test's setup and teardown. */
#define WITH_CHANNEL(name) cmocka_unit_test_setup_teardown(name, open_channel, close_channel)
extern struct channel node;
extern struct channel_message said;
int open_channel(void **state);
int close_channel(void **state);
void node_says(enum mf_message type, uint64_t id, uint64_t arg, uint16_t flags, const void *data,
               size_t bytes);
/* The next thing that the kernel has said is this; or there is none. */
void assert_said(enum mf_message type, uint64_t id);
void assert_silent(void);

#endif
