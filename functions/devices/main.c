/*
 * main.c: mayfly-devices: plays the devices of a workflow over an MQTT broker, in one of the
 * patterns of the paper behind UniFaaS (single, repetitive, burst), and ends when the broker has
 * acknowledged all of it. With --print it prints what it sends, one JSON object a line, so that a
 * script can say what should come of it; without a broker it only prints.
 */
#include <errno.h>
#include <getopt.h>
#include <mosquitto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices.h"

#define IN_FLIGHT_MAX 200
#define BURST 20
#define COUNT_MAX 100000000ul

enum pattern { SINGLE, REPETITIVE, BURSTS };
static const char *const patterns[] = {"single", "repetitive", "burst"};

struct play {
    const struct workload *workload;
    struct scene scene;
    enum pattern pattern;
    uint64_t count; /* messages of each device */
    uint64_t interval_ms;
    const char *host;
    int port, qos;
    bool print;
};

static atomic_uint_fast64_t sent, acknowledged;

static void usage(FILE *out)
{
    fprintf(out, "usage: mayfly-devices WORKLOAD [options]\n\nplay the devices of a workflow\n\nWorkloads:\n");
    for (size_t i = 0; workload_at(i); i++)
        fprintf(out, "  %-12s %s\n", workload_at(i)->name, workload_at(i)->what);
    fputs("\nOptions:\n"
          "  --broker HOST:PORT   (default: none, print only)\n"
          "  --pattern NAME       single: one message each; repetitive: one each interval; burst: 20 at\n"
          "                       once, then a pause of 20 intervals (default repetitive)\n"
          "  --count N            messages of each device (default 30)\n"
          "  --interval MS        between them (default 1000)\n"
          "  --devices N          (default 1; cold-chain 50)\n"
          "  --step S             between them in the devices' own time (default 60)\n"
          "  --start S            of their time, seconds since 1970 (default: so that their last\n"
          "                       message is of now)\n"
          "  --seed N             (default 1)\n"
          "  --qos N              0, 1 or 2 (default 1)\n"
          "  --print              print what is sent, a JSON object a line\n", out);
}

static _Noreturn void refuse(const char *what, const char *value)
{
    fprintf(stderr, "mayfly-devices: %s%s; see mayfly-devices --help\n", what, value);
    exit(2);
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || text[0] < '0' || text[0] > '9' || *end || value < least || value > most) {
        fprintf(stderr, "mayfly-devices: --%s: %s; %llu to %llu are allowed\n", name, text,
                (unsigned long long)least, (unsigned long long)most);
        exit(2);
    }
    return value;
}

static void broker(struct play *play, char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        refuse("--broker takes HOST:PORT, not ", text);
    *colon = 0;
    play->host = text;
    play->port = (int)number("broker", colon + 1, 1, 65535);
}

static enum pattern pattern_from(const char *text)
{
    for (int i = SINGLE; i <= BURSTS; i++)
        if (strcmp(patterns[i], text) == 0)
            return (enum pattern)i;
    refuse("no such pattern: ", text);
}

/* What fell silent among them did so in the past, as whoever looks at the clock has it. */
static int64_t ending_now(const struct play *play)
{
    const int64_t now_s = time(NULL), lasts_s = (int64_t)(play->count - 1) * play->scene.step_s;
    return lasts_s < now_s ? now_s - lasts_s : 0;
}

static struct play parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"broker", 1, 0, 'b'}, {"pattern", 1, 0, 'p'}, {"count", 1, 0, 'c'}, {"interval", 1, 0, 'i'},
        {"devices", 1, 0, 'd'}, {"step", 1, 0, 't'}, {"start", 1, 0, 's'}, {"seed", 1, 0, 'r'},
        {"qos", 1, 0, 'q'}, {"print", 0, 0, 'P'}, {"help", 0, 0, 'h'}, {0}};
    struct play play = {.pattern = REPETITIVE, .count = 30, .interval_ms = 1000, .qos = 1,
                        .scene = {.seed = 1, .start_s = -1, .step_s = 60}};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'b': broker(&play, optarg); break;
        case 'p': play.pattern = pattern_from(optarg); break;
        case 'c': play.count = number("count", optarg, 1, COUNT_MAX); break;
        case 'i': play.interval_ms = number("interval", optarg, 0, 86400000); break;
        case 'd': play.scene.devices = (uint32_t)number("devices", optarg, 1, 100000); break;
        case 't': play.scene.step_s = (int64_t)number("step", optarg, 0, 86400); break;
        case 's': play.scene.start_s = (int64_t)number("start", optarg, 0, 253402300799u); break;
        case 'r': play.scene.seed = number("seed", optarg, 0, UINT64_MAX); break;
        case 'q': play.qos = (int)number("qos", optarg, 0, 2); break;
        case 'P': play.print = true; break;
        case 'h': usage(stdout); exit(0);
        default: exit(2);
        }
    }
    if (optind + 1 != argc)
        refuse("one workload is needed", "");
    play.workload = workload_find(argv[optind]);
    if (!play.workload)
        refuse("no such workload: ", argv[optind]);
    if (play.scene.devices == 0)
        play.scene.devices = strcmp(play.workload->name, "cold-chain") == 0 ? 50 : 1;
    if (play.pattern == SINGLE)
        play.count = 1;
    if (play.scene.start_s < 0)
        play.scene.start_s = ending_now(&play);
    return play;
}

static void pause_ms(uint64_t ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static void published(struct mosquitto *client, void *context, int mid)
{
    (void)client;
    (void)context;
    (void)mid;
    atomic_fetch_add(&acknowledged, 1);
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print(const struct message *message)
{
    printf("{\"topic\":");
    print_string(message->topic);
    printf(",\"payload\":");
    print_string(message->payload);
    printf("}\n");
}

/* False: the broker is gone, and libmosquitto does not come back to it. */
static bool send_message(struct mosquitto *client, const struct play *play, const struct message *m)
{
    if (play->print)
        print(m);
    if (!client)
        return true;
    while (atomic_load(&sent) - atomic_load(&acknowledged) >= IN_FLIGHT_MAX)
        pause_ms(1);
    int failed = mosquitto_publish(client, NULL, m->topic, (int)strlen(m->payload), m->payload, play->qos,
                                   false);
    if (failed == MOSQ_ERR_NO_CONN && play->qos > 0)
        failed = 0; /* kept by the library, which sends it when it is connected again */
    if (failed) {
        fprintf(stderr, "mayfly-devices: %s: %s\n", m->topic, mosquitto_strerror(failed));
        return false;
    }
    atomic_fetch_add(&sent, 1);
    return true;
}

static bool play_all(struct mosquitto *client, const struct play *play)
{
    for (uint64_t k = 0; k < play->count; k++) {
        for (uint32_t device = 0; device < play->scene.devices; device++) {
            struct message message;
            if (play->workload->message(&play->scene, device, k, &message) &&
                !send_message(client, play, &message))
                return false;
        }
        bool last = k + 1 == play->count;
        if (!client || last)
            continue;
        if (play->pattern == REPETITIVE)
            pause_ms(play->interval_ms);
        else if (k % BURST == BURST - 1)
            pause_ms(BURST * play->interval_ms);
    }
    return true;
}

static struct mosquitto *connect_to(const struct play *play)
{
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    if (!client) {
        fprintf(stderr, "mayfly-devices: no memory\n");
        exit(1);
    }
    mosquitto_publish_callback_set(client, published);
    int failed = mosquitto_connect(client, play->host, play->port, 60);
    if (!failed)
        failed = mosquitto_loop_start(client);
    if (failed) {
        fprintf(stderr, "mayfly-devices: %s:%d: %s; is a broker there?\n", play->host, play->port,
                failed == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(failed));
        exit(1);
    }
    return client;
}

int main(int argc, char **argv)
{
    struct play play = parse(argc, argv);
    if (!play.host) {
        play.print = true;
        return play_all(NULL, &play) ? 0 : 1;
    }
    struct mosquitto *client = connect_to(&play);
    bool well = play_all(client, &play);
    while (well && atomic_load(&acknowledged) < atomic_load(&sent))
        pause_ms(1);
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
    fprintf(stderr, "%llu messages, acknowledged %llu\n", (unsigned long long)atomic_load(&sent),
            (unsigned long long)atomic_load(&acknowledged));
    return well ? 0 : 1;
}
