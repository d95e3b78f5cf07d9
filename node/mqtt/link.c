/*
 * link.c: see link.h.
 * Guarantees: the loop never waits for the broker; a link that is withheld sends and reads
 * nothing; a broker that is silent for too long is lost; no libmosquitto client is ended from
 * within one of its callbacks.
 * Leaves to others: what messages mean. Owns the libmosquitto client and the attempt.
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

#define READS_PER_TURN 64
#define RECEIVED " received PUBLISH (d" /* then '0' or '1' */

static void begin(struct mqtt_link *link);
static void attempted(struct mqtt_attempt *attempt);
static void fired(struct timer *timer, uint64_t now_ns);
static void ready(struct watch *watch, uint32_t events);
static void read_some(struct mqtt_link *link);
static void part(struct mqtt_link *link);
static void greeted(struct mosquitto *handle, void *owner, int reason, int flags,
                    const mosquitto_property *properties);
static void dismissed(struct mosquitto *handle, void *owner, int reason,
                      const mosquitto_property *properties);
static void arrived(struct mosquitto *handle, void *owner,
                    const struct mosquitto_message *message,
                    const mosquitto_property *properties);
static void granted(struct mosquitto *handle, void *owner, int mid, int count, const int *reasons,
                    const mosquitto_property *properties);
static void left(struct mosquitto *handle, void *owner, int mid,
                 const mosquitto_property *properties);
static void sent(struct mosquitto *handle, void *owner, int mid, int reason,
                 const mosquitto_property *properties);
static void said(struct mosquitto *handle, void *owner, int level, const char *text);

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
    mosq.user_data_set(handle, link);
    mosq.log_callback_set(handle, said);
    mosq.connect_v5_callback_set(handle, greeted);
    mosq.disconnect_v5_callback_set(handle, dismissed);
    mosq.message_v5_callback_set(handle, arrived);
    mosq.subscribe_v5_callback_set(handle, granted);
    mosq.unsubscribe_v5_callback_set(handle, left);
    mosq.publish_v5_callback_set(handle, sent);
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

/* When the broker has to hear of us, or we have not heard of it for so long. One second more:
 * libmosquitto counts whole ones. */
static uint64_t alive_until(const struct mqtt_link *link)
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
    if (now_ns < alive_until(link)) {
        timer_set(&link->loop->timers, &link->timer, alive_until(link));
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
        timer_set(&link->loop->timers, &link->timer, alive_until(link));
}

/* ---- what libmosquitto calls; none of these may end the client ---- */

static void greeted(struct mosquitto *handle, void *owner, int reason, int flags,
                    const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    uint16_t seconds = MF_MQTT_KEEP_ALIVE_S;
    uint8_t numbers = 1;
    (void)handle;
    if (reason) {
        bool version = reason == (link->old ? 1 : MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION);
        (void)snprintf(link->heard, sizeof link->heard, "%s",
                       version && !link->old ? "it has no MQTT 5; 3.1.1 is tried"
                       : link->old           ? mosq.connack_string(reason)
                                             : mosq.reason_string(reason));
        link->old ^= version;
        return; /* an error of mosquitto_loop_read() follows */
    }
    if (link->state != LINK_GREETING)
        return; /* twice */
    (void)mosq.property_read_int16(properties, MQTT_PROP_SERVER_KEEP_ALIVE, &seconds, false);
    (void)mosq.property_read_byte(properties, MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, &numbers,
                                       false);
    link->numbers = !link->old && numbers;
    link->keep_alive_s = seconds ? seconds : MF_MQTT_KEEP_ALIVE_S;
    link->state = LINK_UP;
    link->connections++;
    link->up_ns = link->loop->now_ns;
    timer_set(&link->loop->timers, &link->timer, alive_until(link));
    link->packet_bytes_max = UINT32_MAX;
    (void)mosq.property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                        &link->packet_bytes_max, false);
    bool resumed = flags & 1;
    mf_log(MF_LOG_INFO, "mqtt.connected", "broker=%s:%u link=%s client=%s version=%s session=%s",
           link->broker->url.host, (unsigned)link->broker->url.port, link->role, link->client,
           link->old ? "3.1.1" : "5", resumed ? "resumed" : "new");
    mqtt_guard_pause();
    link->parts->up(link, resumed);
    mqtt_guard_resume();
}

/* Its state is changed where mosquitto_loop_read() returns. */
static void dismissed(struct mosquitto *handle, void *owner, int reason,
                      const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    if (link->heard[0] || reason < 128 || link->old)
        return;
    (void)snprintf(link->heard, sizeof link->heard, "%s%s", mosq.reason_string(reason),
                   reason == MQTT_RC_SESSION_TAKEN_OVER && !link->inherited
                       ? ": another client has this one's id; give each node its own --node-name" : "");
}

/* libmosquitto's lines cost a tenth of what an event does. What a broker of MQTT 5 sends again it had sent before this
 * connection (MQTT 5, 4.4); after so many others its id is not known any more (session.c), so nobody need say. */
static void listen_less(struct mqtt_link *link, const struct mqtt_incoming *incoming)
{
    if (!link->old && incoming->qos && !incoming->again && ++link->unmarked == MF_MQTT_SEEN_MAX)
        mosq.log_callback_set(link->handle, NULL);
}

static void arrived(struct mosquitto *handle, void *owner,
                    const struct mosquitto_message *message,
                    const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    const struct mqtt_incoming incoming = {
        .topic = message->topic,
        .payload = message->payload,
        .bytes = message->payloadlen > 0 ? (size_t)message->payloadlen : 0,
        .mid = (uint16_t)message->mid,
        .qos = (uint8_t)message->qos,
        .retain = message->retain,
        .again = link->again,
        .properties = properties,
    };
    mqtt_guard_pause();
    link->parts->message(link, &incoming);
    mqtt_guard_resume();
    listen_less(link, &incoming);
    errno = 0; /* read_some() looks at what reading leaves there */
}

static void granted(struct mosquitto *handle, void *owner, int mid, int count, const int *reasons,
                    const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    if (count > 0)
        link->parts->granted(link, mid, reasons[0]);
}

static void left(struct mosquitto *handle, void *owner, int mid,
                 const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    link->parts->left(link, mid);
}

static void sent(struct mosquitto *handle, void *owner, int mid, int reason,
                 const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    link->parts->sent(link, mid, reason);
}

/* Two things are told by this way only: what OpenSSL minds, and that a message is sent again. */
static void said(struct mosquitto *handle, void *owner, int level, const char *text)
{
    struct mqtt_link *link = owner;
    (void)handle;
    if (level == MOSQ_LOG_ERR && !link->heard[0])
        (void)snprintf(link->heard, sizeof link->heard, "%s", text);
    const char *received = level == MOSQ_LOG_DEBUG ? strstr(text, RECEIVED) : NULL;
    if (received)
        link->again = received[sizeof RECEIVED - 1] != '0';
}
