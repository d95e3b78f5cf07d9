/*
 * node_world.h: a node with one function, and the clock in the test's hand. Pool,
 * dispatcher, exchange and channel are the real ones; the test plays the other side: the
 * spawner on its socket, every monitor on its control socket, every guest on its channel.
 */
#ifndef MF_TESTS_NODE_WORLD_H
#define MF_TESTS_NODE_WORLD_H

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/pool/dispatch.h"
#include "node/pool/outgoing.h"
#include "node/node.h"

#define MS MF_NS_PER_MS
#define PEERS_MAX 64
#define CALLS_MAX 256
#define TIMEOUT_MS 1000 /* of reusing_version() */
#define WAIT_MS 200
#define IDLE_MS 5000

/* The other side of one instance: its process, monitor and guest. */
struct peer {
    uint64_t id;
    uint32_t window_mib; /* asked for; 0: the usual       */
    pid_t pid; /* of a child that stands for its process; 0: none */
    int control, console, bell;
    uint8_t *channel;    /* MF_CHANNEL_FILE_BYTES      */
    uint32_t head, tail; /* of to_guest, of to_node    */
    bool killed;         /* the node has asked for it  */
    bool exited;         /* the node has been told     */
};

struct test_call {
    struct call call;
    enum situation situation;
    uint32_t status;
    unsigned done, released;
    char cause[32];
    char message[BACKOFF_WORDS_BYTES];
    uint64_t instance;
};

extern struct node *node;
extern struct function *function; /* with reusing_version(4) */
extern int spawner_end;           /* -1: closed by the test  */
extern struct peer peer[PEERS_MAX]; /* in the order in which they were spawned */
extern unsigned peers;
extern struct test_call test_call[CALLS_MAX];
extern unsigned calls;

/* ---- the world: setup and teardown of every test ---- */

/* Its end checks that each call was answered or cancelled once and let go once, that no
 * byte of the budget is held and no timer set. */
int world_open(void **state);
int world_close(void **state);
#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

/* A version whose image is open, as if something else had it open, checked. */
struct version *world_version(const struct settings *settings, enum mf_sandbox sandbox);
/* One whose instances serve event after event under process, with the times above. */
struct version *reusing_version(uint32_t max_instances);

/* ---- time and turns of the loop ---- */

void turn(void);
void advance(uint64_t ms);
/* What the node has asked of its spawner since: new peers, and who is killed. turn() does. */
void hear_node(void);

/* ---- the spawner's part; the node hears of it, its turn is the caller's ---- */

void say(const struct peer *at, enum mf_spawn_type type, pid_t pid, int status);
void end_process(struct peer *at, int status); /* as of waitpid(2) */

/* ---- the guests' part ---- */

struct mf_channel_head *head_of(const struct peer *at);
/* The next message for the guest, taken; false: none. */
bool guest_takes(struct peer *at, struct mf_desc *desc);
void guest_gets_nothing(struct peer *at);
uint64_t guest_gets(struct peer *at, enum mf_message type); /* it must be this; its id */
/* Into the ring, for the node to find. */
void guest_writes(struct peer *at, struct mf_desc desc);
/* The doorbell, and the node's turn. */
void guest_rings(const struct peer *at);
void guest_says(struct peer *at, struct mf_desc desc); /* writes and rings */
void guest_replies(struct peer *at, uint64_t event);   /* 200, all of it   */

/* ---- calls ---- */

struct test_call *submit(void);
struct test_call *submit_unheard(void); /* without the node's turn */
struct test_call *submit_body(const uint8_t *body, size_t bytes);
void cancel(struct test_call *at);
void was_answered(const struct test_call *at, enum situation situation);
void is_pending(const struct test_call *at);
/* Events of the function take so long, as far as the dispatcher knows. */
void takes(uint64_t event_ns);
/* One instance that has served one event and is idle; events take so long from then on. */
struct peer *warm(uint64_t service_ns);

#endif
