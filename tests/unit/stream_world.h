/*
 * stream_world.h: node_world.h with clients, servers and rings of streams: the test is the other end of
 * each connection, too. What is opened here is closed with the world.
 */
#ifndef MF_TESTS_STREAM_WORLD_H
#define MF_TESTS_STREAM_WORLD_H

#include "node_world.h"

#define FDS_MAX 256   /* descriptors of a test are below it */
#define GUEST_ID 1u   /* of connects()                      */

int open_streams(void **state);
int close_streams(void **state);
#define STREAM_TEST(test) cmocka_unit_test_setup_teardown(test, open_streams, close_streams)

/* Another version of the function: where it listens, or ""; the one entry of allow.http, or NULL. */
void deploy(enum isolation isolation, const char *listens, const char *allowed);

/* ---- clients and servers; descriptors are the world's ---- */

int keep(int fd);
int listener(void); /* the node's socket that listens; -1: none */
uint16_t port_of(int fd);
int connect_to(uint16_t port);
int client(void);   /* of the function, and the node's turn */
int server(uint16_t *port);
void leave(int fd, bool rudely); /* closed, or reset */

/* ---- the guests' part ---- */

/* The next message of streams, taken; false: none. gets(): it must be this. */
bool takes_stream(struct peer *at, struct mf_desc *desc);
struct mf_desc gets(struct peer *at, enum mf_message type);
void gets_none(struct peer *at);
/* Into the ring, for the node to find; says() and connects() ring. */
void writes(struct peer *at, struct mf_desc desc, const void *data);
void sends(struct peer *at, uint64_t id, const void *data, uint32_t bytes);
void says(struct peer *at, enum mf_message type, uint64_t id, uint64_t arg);
void connects(struct peer *at, uint16_t port);
/* A client whose connection the first instance has: its id. */
uint64_t opened(int *fd);

#endif
