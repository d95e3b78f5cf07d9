/*
 * attempt.h: one attempt to connect to the broker, in a thread of its own: names are looked up,
 * files of certificates read and a connection made by calls that may block for minutes. It ends
 * with a post to the loop, or nobody waits for it any more and it cleans up after itself.
 */
#ifndef MF_NODE_MQTT_ATTEMPT_H
#define MF_NODE_MQTT_ATTEMPT_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/loop/inbox.h"
#include "node/mqtt/late.h"
#include "node/mqtt/url.h"

#define MQTT_WORDS_BYTES 192
#define MQTT_CLIENT_BYTES (MF_NAME_BYTES_MAX + 32) /* a name, and what is around it */

/* The broker, as the node's options have it. */
struct mqtt_broker {
    struct mqtt_url url;
    char ca[PATH_MAX];             /* "": what the system trusts              */
    char cert[PATH_MAX], key[PATH_MAX]; /* "": none                           */
};

struct mqtt_attempt {
    struct post post;
    pthread_mutex_t lock;
    struct inbox *inbox;           /* NULL: nobody waits any more             */
    bool posted;
    void (*done)(struct mqtt_attempt *attempt); /* in the loop's thread       */
    void *owner;

    struct mqtt_broker broker;     /* a copy                                  */
    char client[MQTT_CLIENT_BYTES];
    bool keeps;                    /* a session that outlives the connection  */
    bool old;                      /* MQTT 3.1.1, else 5                      */
    struct mosquitto *client_handle; /* the result; connected if words is ""  */
    char words[MQTT_WORDS_BYTES];  /* why not                                 */
};

/* Begin one. done() comes later, from the loop, unless it is abandoned before. client:
 * MQTT_CLIENT_BYTES. */
MF_CHECKED mf_err mqtt_attempt_begin(const struct mqtt_broker *broker, const char *client,
                                     bool keeps, bool old, struct inbox *inbox,
                                     void (*done)(struct mqtt_attempt *attempt), void *owner,
                                     struct mqtt_attempt **attempt);
/* Nobody waits for it any more. In the loop's thread, while the loop is open. */
void mqtt_attempt_abandon(struct mqtt_attempt *attempt);
/* Once done() was called: frees it, and the client unless it was taken (set to NULL). */
void mqtt_attempt_free(struct mqtt_attempt *attempt);

#endif
