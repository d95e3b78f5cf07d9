/*
 * attempt.c: see attempt.h.
 * Guarantees: the loop's thread waits for nothing; the attempt is freed once, by whoever is
 * last. Leaves to others: what is said on the connection (link.c), when to try again.
 * Owns the libmosquitto client until it is taken.
 */
#include "node/mqtt/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"

static void *run(void *argument);

static void arrived(struct post *post)
{
    struct mqtt_attempt *attempt = (struct mqtt_attempt *)post; /* its first member */
    (void)pthread_mutex_lock(&attempt->lock); /* its thread is done with it after this */
    (void)pthread_mutex_unlock(&attempt->lock);
    if (attempt->inbox)
        attempt->done(attempt);
    else
        mqtt_attempt_free(attempt);
}

mf_err mqtt_attempt_begin(const struct mqtt_broker *broker, const char *client, bool keeps,
                          bool old, struct inbox *inbox,
                          void (*done)(struct mqtt_attempt *attempt), void *owner,
                          struct mqtt_attempt **attempt)
{
    struct mqtt_attempt *new = calloc(1, sizeof *new);
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (!new)
        return MF_ENOMEM;
    *new = (struct mqtt_attempt){.inbox = inbox, .done = done, .owner = owner,
                                 .broker = *broker, .keeps = keeps, .old = old};
    (void)snprintf(new->client, sizeof new->client, "%s", client);
    (void)pthread_mutex_init(&new->lock, NULL);
    if (pthread_attr_init(&attributes) != 0) {
        mqtt_attempt_free(new);
        return MF_ENOMEM;
    }
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, MF_MQTT_STACK_BYTES);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    *attempt = new;
    int error = pthread_create(&thread, &attributes, run, new);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (!error)
        return MF_OK;
    *attempt = NULL;
    mqtt_attempt_free(new);
    return mf_err_from_errno(error);
}

void mqtt_attempt_abandon(struct mqtt_attempt *attempt)
{
    (void)pthread_mutex_lock(&attempt->lock);
    struct inbox *inbox = attempt->inbox;
    bool posted = attempt->posted;
    attempt->inbox = NULL;
    (void)pthread_mutex_unlock(&attempt->lock);
    if (posted) /* the loop may have no further round: let it arrive, and free itself */
        (void)inbox_take(inbox);
}

void mqtt_attempt_free(struct mqtt_attempt *attempt)
{
    mosq.destroy(attempt->client_handle);
    sodium_memzero(attempt->broker.url.password, sizeof attempt->broker.url.password);
    (void)pthread_mutex_destroy(&attempt->lock);
    free(attempt);
}

/* ---- in the thread ---- */

/* OpenSSL's reasons come by this way only. */
static void heard(struct mosquitto *client, void *owner, int level, const char *text)
{
    struct mqtt_attempt *attempt = owner;
    (void)client;
    if (level == MOSQ_LOG_ERR)
        (void)snprintf(attempt->words, sizeof attempt->words, "%s", text);
}

/* A key with a pass phrase: nobody is there to be asked for it. */
static int no_phrase(char *room, int bytes, int writing, void *context)
{
    (void)room;
    (void)bytes;
    (void)writing;
    (void)context;
    return 0;
}

static int prepare_tls(struct mqtt_attempt *attempt)
{
    struct mosquitto *client = attempt->client_handle;
    const struct mqtt_broker *broker = &attempt->broker;
    int rc = MOSQ_ERR_SUCCESS;
    if (!broker->url.tls)
        return rc;
    if (!broker->ca[0])
        rc = mosq.int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    if (!rc && (broker->ca[0] || broker->cert[0]))
        rc = mosq.tls_set(client, broker->ca[0] ? broker->ca : NULL,
                               broker->ca[0] ? NULL : "/etc/ssl/certs",
                               broker->cert[0] ? broker->cert : NULL,
                               broker->key[0] ? broker->key : NULL, no_phrase);
    if (!rc)
        rc = mosq.tls_opts_set(client, 1, NULL, NULL);
    return rc;
}

static int prepare(struct mqtt_attempt *attempt)
{
    const struct mqtt_url *url = &attempt->broker.url;
    attempt->client_handle = mosq.new(attempt->client, !attempt->keeps, attempt);
    struct mosquitto *client = attempt->client_handle;
    if (!client)
        return MOSQ_ERR_NOMEM;
    mosq.log_callback_set(client, heard);
    (void)mosq.threaded_set(client, true); /* nothing is sent but by mosquitto_loop_write() */
    (void)mosq.int_option(client, MOSQ_OPT_PROTOCOL_VERSION,
                               attempt->old ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5);
    (void)mosq.int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    (void)mosq.int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, MF_MQTT_IN_FLIGHT_MAX);
    (void)mosq.int_option(client, MOSQ_OPT_SEND_MAXIMUM, MF_MQTT_OUT_WINDOW);
    int rc = MOSQ_ERR_SUCCESS;
    if (url->user[0])
        rc = mosq.username_pw_set(client, url->user, url->password[0] ? url->password : NULL);
    return rc ? rc : prepare_tls(attempt);
}

static int join(struct mqtt_attempt *attempt)
{
    const struct mqtt_url *url = &attempt->broker.url;
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;
    if (!attempt->old) {
        rc = mosq.property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                          MF_MQTT_PACKET_BYTES_MAX);
        if (!rc && attempt->keeps)
            rc = mosq.property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                              MF_MQTT_SESSION_S);
    }
    if (!rc)
        rc = mosq.connect_bind_v5(attempt->client_handle, url->host, url->port,
                                       MF_MQTT_KEEP_ALIVE_S, NULL, properties);
    int error = errno;
    mosq.property_free_all(&properties);
    int fd = mosq.socket(attempt->client_handle);
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    errno = error;
    return rc;
}

static void explain(struct mqtt_attempt *attempt, int rc, int error)
{
    if (attempt->words[0]) /* OpenSSL said it */
        return;
    const char *words = rc == MOSQ_ERR_ERRNO  ? strerror(error)
                        : rc == MOSQ_ERR_EAI  ? gai_strerror(error)
                        : rc == MOSQ_ERR_INVAL ? "a file of certificates or keys cannot be read"
                                               : mosq.strerror(rc);
    (void)snprintf(attempt->words, sizeof attempt->words, "%s", words);
}

static void *run(void *argument)
{
    struct mqtt_attempt *attempt = argument;
    int rc = prepare(attempt);
    if (!rc)
        rc = join(attempt);
    if (rc)
        explain(attempt, rc, errno);
    else
        attempt->words[0] = 0;
    (void)pthread_mutex_lock(&attempt->lock);
    bool wanted = attempt->inbox != NULL;
    if (wanted) {
        attempt->posted = true;
        inbox_post(attempt->inbox, &attempt->post, arrived);
    }
    (void)pthread_mutex_unlock(&attempt->lock); /* posted: the loop may free it from here on */
    if (!wanted)
        mqtt_attempt_free(attempt);
    return NULL;
}
