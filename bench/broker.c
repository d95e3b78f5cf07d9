/* broker.c: a private mosquitto, and clients of it by libmosquitto (broker.h). */
#include "bench/broker.h"

#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/subject.h"

#define KEEP_ALIVE_S 60
#define REST_NS 20000 /* between two looks at a counter */
#define AWAIT_NS (20 * MF_NS_PER_S)

/* Debian's package puts it where only root's PATH leads; ./check only unpacks it. */
static bool find_program(char path[static PATH_MAX])
{
    static const char *const places[] = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(path, PATH_MAX, "%s", places[i]);
        if (access(path, X_OK) == 0)
            return true;
    }
    return beside_us("tools/usr/sbin/mosquitto", path) && access(path, X_OK) == 0;
}

static mf_err write_config(const struct broker *broker, const char *path, const char *more,
                           struct mf_why *why)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return mf_why(why, MF_EIO, "%s cannot be written", path);
    fprintf(file,
            "listener %u 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            "persistence false\nset_tcp_nodelay true\n%s%s",
            broker->port, geteuid() == 0 ? "user root\n" : "", more);
    return fclose(file) == 0 ? MF_OK : mf_why(why, MF_EIO, "%s cannot be written", path);
}

mf_err broker_open(struct broker *broker, const char *more, struct mf_why *why)
{
    char program[PATH_MAX], config[SCRATCH_BYTES + 32];
    *broker = (struct broker){.child = CHILD_NONE};
    if (!find_program(program))
        return mf_why(why, MF_EUNSUPPORTED, "there is no mosquitto here (Debian: apt-get install mosquitto)");
    mf_err err = scratch_open(&broker->folder, why);
    if (!err)
        err = free_port(&broker->port);
    if (err)
        return err;
    (void)snprintf(broker->url, sizeof broker->url, "mqtt://127.0.0.1:%u", broker->port);
    (void)snprintf(config, sizeof config, "%s/mosquitto.conf", broker->folder.path);
    err = write_config(broker, config, more, why);
    const char *const argv[] = {program, "-c", config, NULL};
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    if (!err)
        err = child_start(&plan, &broker->child, why);
    int connection = -1;
    if (!err)
        err = connect_when_up(broker->port, &broker->child, &connection, why);
    if (connection >= 0)
        close(connection);
    if (!err)
        mosquitto_lib_init();
    return err;
}

void broker_close(struct broker *broker)
{
    if (broker->child.pid > 0)
        child_end(&broker->child, SIGTERM, NULL);
    scratch_close(&broker->folder);
}

mf_err broker_pings(const struct broker *broker, uint64_t *count, struct mf_why *why)
{
    static const char word[] = "Received PINGREQ from ";
    struct mf_buf log = {0};
    mf_err err = child_log(&broker->child, &log, why);
    *count = 0;
    const char *text = log.data ? (const char *)log.data : ""; /* it has printed nothing yet */
    for (const char *at = text; !err && (at = strstr(at, word)); at += sizeof word - 1)
        ++*count;
    mf_buf_close(&log);
    return err;
}

static void published(struct mosquitto *mosquitto, void *context, int id)
{
    (void)mosquitto;
    (void)id;
    struct broker_client *client = context;
    atomic_fetch_add(&client->acknowledged, 1);
}

static void came(struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message)
{
    (void)mosquitto;
    (void)message;
    struct broker_client *client = context;
    atomic_store(&client->heard_ns, mf_monotonic_ns());
    atomic_fetch_add(&client->heard, 1);
}

static void subscribed(struct mosquitto *mosquitto, void *context, int id, int count, const int *qos)
{
    (void)mosquitto;
    (void)id;
    (void)count;
    (void)qos;
    struct broker_client *client = context;
    atomic_fetch_add(&client->acknowledged, 1);
}

mf_err broker_connect(const struct broker *broker, const char *filter, struct broker_client *client,
                      struct mf_why *why)
{
    *client = (struct broker_client){.client = mosquitto_new(NULL, true, client)};
    if (!client->client)
        return MF_ENOMEM;
    mosquitto_publish_callback_set(client->client, published);
    mosquitto_message_callback_set(client->client, came);
    mosquitto_subscribe_callback_set(client->client, subscribed);
    (void)mosquitto_int_option(client->client, MOSQ_OPT_TCP_NODELAY, 1);
    int failed = mosquitto_connect(client->client, "127.0.0.1", broker->port, KEEP_ALIVE_S);
    if (!failed)
        failed = mosquitto_loop_start(client->client);
    if (!failed && filter)
        failed = mosquitto_subscribe(client->client, NULL, filter, 1);
    if (failed)
        return mf_why(why, MF_EIO, "the broker: %s", mosquitto_strerror(failed));
    if (!filter)
        return MF_OK;
    mf_err err = broker_await(&client->acknowledged, 1, AWAIT_NS, "a subscription", why);
    atomic_store(&client->acknowledged, 0);
    return err;
}

void broker_disconnect(struct broker_client *client)
{
    if (!client->client)
        return;
    (void)mosquitto_disconnect(client->client);
    (void)mosquitto_loop_stop(client->client, false);
    mosquitto_destroy(client->client);
    client->client = NULL;
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = REST_NS}, NULL);
}

mf_err broker_publish(struct broker_client *client, const char *topic, const char *payload,
                      uint64_t window, struct mf_why *why)
{
    uint64_t sent = atomic_load(&client->sent);
    mf_err err = sent < window ? MF_OK
                               : broker_await(&client->acknowledged, sent - window + 1, AWAIT_NS,
                                              "the broker", why);
    if (err)
        return err;
    atomic_fetch_add(&client->sent, 1); /* before it may be acknowledged */
    int failed = mosquitto_publish(client->client, NULL, topic, (int)strlen(payload), payload, 1, false);
    return failed ? mf_why(why, MF_EIO, "the broker: %s", mosquitto_strerror(failed)) : MF_OK;
}

mf_err broker_await(const atomic_uint_fast64_t *counter, uint64_t value, uint64_t timeout_ns,
                    const char *what, struct mf_why *why)
{
    uint64_t until_ns = mf_monotonic_ns() + timeout_ns;
    while (atomic_load(counter) < value) {
        if (mf_monotonic_ns() > until_ns)
            return mf_why(why, MF_ETIMEDOUT, "waited in vain for %s: %llu of %llu", what,
                          (unsigned long long)atomic_load(counter), (unsigned long long)value);
        rest();
    }
    return MF_OK;
}
