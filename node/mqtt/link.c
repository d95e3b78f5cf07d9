/*
 * link.c: see link.h.
 * Guarantees: the loop never waits for the broker; a link that is withheld sends and reads
 * nothing; a broker that is silent for too long is lost; no libmosquitto client is ended from
 * within one of its callbacks.
 * Leaves to others: what messages mean, what libmosquitto calls (link_events.c). Owns the libmosquitto client and the attempt.
 */
#include "node/mqtt/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/loop/list.h"
#include "node/mqtt/guard.h"
#include "node/mqtt/link_events.h"

#define READS_PER_TURN 64

static void begin(struct mqtt_link *link);
static void attempted(struct mqtt_attempt *attempt);
static void fired(struct timer *timer, uint64_t now_ns);
static void ready(struct watch *watch, uint32_t events);
static void read_some(struct mqtt_link *link);
static void part(struct mqtt_link *link);

const char *mqtt_link_state_word(enum mqtt_link_state state)
{
    static const char *const word[] = {
#define WORD(NAME, word) [LINK_##NAME] = word,
        MQTT_LINK_STATES(WORD)
#undef WORD
    };
    return word[state];
}

void mqtt_link_open(struct mqtt_link *link, struct loop *loop, const struct mqtt_broker *broker,
                    const char *role, const char *client, bool keeps,
                    const struct mqtt_link_parts *parts, void *owner)
{
    *link = (struct mqtt_link){.parts = parts, .owner = owner, .loop = loop, .broker = broker,
                               .role = role, .keeps = keeps, .watch = {.fd = -1},
                               .timer = {.fire = fired}};
    (void)snprintf(link->client, sizeof link->client, "%s", client);
}

static void say_goodbye(struct mqtt_link *link)
{
    mosquitto_property *properties = NULL;
    if (link->forgets && !link->old)
        (void)mosq.property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
    (void)mosq.disconnect_v5(link->handle, 0, properties);
    mosq.property_free_all(&properties);
    (void)mosq.loop_write(link->handle, 1);
}

void mqtt_link_want(struct mqtt_link *link, bool wanted)
{
    if (!link->parts || link->wanted == wanted)
        return;
    link->wanted = wanted;
    if (wanted) {
        begin(link);
        return;
    }
    if (link->state == LINK_UP && !link->withheld) /* else it would acknowledge too much */
        say_goodbye(link);
    part(link);
    link->state = LINK_OFF;
}

void mqtt_link_close(struct mqtt_link *link)
{
    mqtt_link_want(link, false);
}

void mqtt_link_flush(struct mqtt_link *link)
{
    if ((link->state != LINK_UP && link->state != LINK_GREETING) || link->withheld)
        return;
    if (mosq.want_write(link->handle)) {
        int rc = mosq.loop_write(link->handle, 1);
        link->out_ns = link->loop->now_ns;
        if (rc || mosq.socket(link->handle) < 0) {
            mqtt_link_lose(link, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosq.strerror(rc));
            return;
        }
    }
    uint32_t events = EPOLLIN | (mosq.want_write(link->handle) ? (uint32_t)EPOLLOUT : 0);
    if (link->watch.events != events) {
        link->watch.events = events;
        watch_pause(&link->loop->watcher, &link->watch, false);
    }
}

/* libmosquitto writes each acknowledgement by itself, and TCP would send each by itself. */
static void gather(const struct mqtt_link *link, bool on)
{
    const int value = on;
    int fd = mosq.socket(link->handle);
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void mqtt_link_withhold(struct mqtt_link *link, bool withhold)
{
    if (link->withheld == withhold)
        return;
    link->withheld = withhold;
    if (link->state != LINK_UP)
        return;
    watch_pause(&link->loop->watcher, &link->watch, withhold);
    if (withhold)
        return;
    link->due = true; /* libmosquitto or OpenSSL may hold what no descriptor tells of */
    gather(link, true);
    mqtt_link_flush(link);
    if (link->state == LINK_UP)
        gather(link, false);
}

bool mqtt_link_turn(struct mqtt_link *link)
{
    if (!link->due || link->withheld || link->state != LINK_UP)
        return false;
    read_some(link);
    return true;
}

/* ---- connecting ---- */

static void set_timer(struct mqtt_link *link, uint64_t ms)
{
    timer_set(&link->loop->timers, &link->timer, mf_monotonic_ns() + ms * MF_NS_PER_MS);
}

/* The pause after so many failures: doubled each time, of that a random half to all, so that
 * many nodes do not come back together. */
static uint64_t pause_ms(uint32_t failures)
{
    uint64_t ms = MF_MQTT_RETRY_MS_FIRST;
    for (uint32_t i = 1; i < failures && ms < MF_MQTT_RETRY_MS_MAX; i++)
        ms *= 2;
    if (ms > MF_MQTT_RETRY_MS_MAX)
        ms = MF_MQTT_RETRY_MS_MAX;
    return ms / 2 + randombytes_uniform((uint32_t)(ms / 2 + 1));
}

static void begin(struct mqtt_link *link)
{
    link->state = LINK_CONNECTING;
    link->heard[0] = 0;
    mf_err err = mqtt_attempt_begin(link->broker, link->client, link->keeps, link->old,
                                    &link->loop->inbox, attempted, link, &link->attempt);
    if (err)
        mqtt_link_lose(link, mf_err_words(err));
}

static void attempted(struct mqtt_attempt *attempt)
{
    struct mqtt_link *link = attempt->owner;
    char words[MQTT_WORDS_BYTES];
    link->attempt = NULL;
    if (attempt->words[0]) {
        memcpy(words, attempt->words, sizeof words);
        mqtt_attempt_free(attempt);
        mqtt_link_lose(link, words);
        return;
    }
    struct mosquitto *handle = link->handle = attempt->client_handle;
    attempt->client_handle = NULL;
    mqtt_attempt_free(attempt);
    mqtt_link_listen(link);
    link->state = LINK_GREETING;
    link->withheld = link->asked = link->due = link->again = false;
    link->unmarked = 0;
    link->in_ns = link->out_ns = link->loop->now_ns;
    mf_err err = watch_add(&link->loop->watcher, &link->watch, mosq.socket(handle), EPOLLIN,
                           ready);
    if (err) {
        mqtt_link_lose(link, mf_err_words(err));
        return;
    }
    set_timer(link, MF_MQTT_ANSWER_MS);
    mqtt_link_flush(link);
}

/* Whatever there is of a connection, ended; nothing is sent. */
static void part(struct mqtt_link *link)
{
    bool was_up = link->state == LINK_UP;
    timer_stop(&link->loop->timers, &link->timer);
    watch_remove(&link->loop->watcher, &link->watch);
    if (link->attempt)
        mqtt_attempt_abandon(link->attempt);
    link->attempt = NULL;
    mosq.destroy(link->handle);
    link->handle = NULL;
    link->withheld = link->due = false;
    link->state = LINK_AWAY;
    if (was_up)
        link->parts->down(link);
}

void mqtt_link_lose(struct mqtt_link *link, const char *words)
{
    char text[MQTT_WORDS_BYTES];
    bool was_up = link->state == LINK_UP;
    if (link->state == LINK_OFF || link->state == LINK_AWAY)
        return;
    (void)snprintf(text, sizeof text, "%s", link->heard[0] ? link->heard : words);
    if (was_up && link->loop->now_ns - link->up_ns >= MF_MQTT_STEADY_MS * MF_NS_PER_MS)
        link->failures = 0;
    link->failures++;
    link->losses += was_up;
    part(link);
    if (!link->wanted) {
        link->state = LINK_OFF;
        return;
    }
    memcpy(link->words, text, sizeof text);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == '"')
            *at = '\'';
    uint64_t ms = pause_ms(link->failures);
    mf_log(MF_LOG_WARN, was_up ? "mqtt.lost" : "mqtt.refused",
           "broker=%s:%u link=%s why=\"%s\" again_ms=%llu", link->broker->url.host,
           (unsigned)link->broker->url.port, link->role, text, (unsigned long long)ms);
    set_timer(link, ms);
}

/* ---- keeping alive ---- */

uint64_t mqtt_link_alive_until_ns(const struct mqtt_link *link)
{
    uint64_t last_ns = link->in_ns < link->out_ns ? link->in_ns : link->out_ns;
    return last_ns + (link->keep_alive_s + 1ull) * MF_NS_PER_S;
}

static void keep_alive(struct mqtt_link *link, uint64_t now_ns)
{
    if (link->asked) {
        mqtt_link_lose(link, "it does not answer");
        return;
    }
    if (now_ns < mqtt_link_alive_until_ns(link)) {
        timer_set(&link->loop->timers, &link->timer, mqtt_link_alive_until_ns(link));
        return;
    }
    set_timer(link, MF_MQTT_ANSWER_MS);
    if (link->withheld) /* who withholds it gives it up before the broker would (batch.c) */
        return;
    int rc = mosq.loop_misc(link->handle); /* a PINGREQ */
    if (rc) {
        mqtt_link_lose(link, mosq.strerror(rc));
        return;
    }
    link->asked = mosq.want_write(link->handle);
    mqtt_link_flush(link);
}

static void fired(struct timer *timer, uint64_t now_ns)
{
    struct mqtt_link *link = list_of(timer, struct mqtt_link, timer);
    if (link->state == LINK_AWAY)
        begin(link);
    else if (link->state == LINK_GREETING)
        mqtt_link_lose(link, "it took the connection, and does not greet");
    else if (link->state == LINK_UP)
        keep_alive(link, now_ns);
}

/* ---- reading ---- */

static void ready(struct watch *watch, uint32_t events)
{
    struct mqtt_link *link = list_of(watch, struct mqtt_link, watch);
    if (link->withheld) {
        mqtt_link_lose(link, "the broker closed the connection");
        return;
    }
    if (events & EPOLLOUT)
        mqtt_link_flush(link);
    if ((link->state == LINK_UP || link->state == LINK_GREETING) && (events & ~(uint32_t)EPOLLOUT))
        read_some(link);
}

/* libmosquitto takes an end in the middle of TLS's greeting for nothing there yet. */
static bool ended(const struct mqtt_link *link)
{
    char byte;
    return link->state == LINK_GREETING &&
           recv(mosq.socket(link->handle), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void read_some(struct mqtt_link *link)
{
    bool drained = false, was_up = link->state == LINK_UP;
    link->due = false;
    for (unsigned i = 0; i < READS_PER_TURN && !drained; i++) {
        if (link->state == LINK_UP && (link->withheld || link->parts->full(link)))
            break; /* also where it has just come up: messages may follow the greeting at once */
        errno = 0;
        int rc = mqtt_guarded_read(link->handle);
        drained = errno == EAGAIN || link->state == LINK_GREETING;
        int error = errno;
        if (rc || mosq.socket(link->handle) < 0 || ended(link)) {
            mqtt_link_lose(link, rc == MOSQ_ERR_ERRNO && error ? strerror(error)
                                 : rc && rc != MOSQ_ERR_ERRNO  ? mosq.strerror(rc)
                                                               : "the broker closed the connection");
            return;
        }
        link->in_ns = link->loop->now_ns;
        link->asked = false;
    }
    link->due = !drained || (link->state == LINK_UP) != was_up;
    if (link->state == LINK_UP)
        link->parts->read(link);
    mqtt_link_flush(link);
    if (link->state == LINK_UP && !link->asked && !link->withheld)
        timer_set(&link->loop->timers, &link->timer, mqtt_link_alive_until_ns(link));
}
