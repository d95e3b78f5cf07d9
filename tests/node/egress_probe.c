/*
 * egress_probe.c: one request of node/egress after another, or several at once, from the
 * command line; a line of JSON for each. What tests of egress drive, in the place of a node.
 *
 *   egress-probe [option value]... URL...
 *     --allow ENTRY, --splice NAME, --header 'NAME: VALUE'   may be repeated
 *     --reach public|any   --method M   --body BYTES   --deadline MS   --answer-max BYTES
 *     --ca FILE   --secrets DIR   --own-port N   --at-once N (of each URL)   --linger MS
 *     --cancel MS (all that has not ended by then)   --budget BYTES
 */
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/egress/egress.h"
#include "node/instance/event.h"

#define LIST_MAX 64
#define AT_ONCE_MAX 512

struct probe {
    struct loop loop;
    struct budget budget;
    struct egress egress;
    const char *allow[LIST_MAX], *splice[LIST_MAX], *url[LIST_MAX];
    size_t allows, splices, urls;
    struct field_writer fields;
    uint8_t head[MF_HEAD_BYTES_MAX];
    struct egress_request request;
    struct secret_names names;
    unsigned at_once;
    size_t next, left;
    uint32_t under_way;
    uint64_t linger_ms, cancel_ms, deadline_ms;
    uint64_t turns, longest_ns, since_ns;
    struct timer end, cancel;
    struct transfer *transfer[AT_ONCE_MAX];
};

static struct probe probe;

static void go_on(void);

static void print_err(const char *url, mf_err err, const char *words)
{
    json_t *line = json_pack("{s:s, s:i, s:s}", "url", url, "err", err, "words", words);
    json_dumpf(line, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(line);
}

static void put_field(json_t *headers, const struct field *field)
{
    char name[MF_FIELD_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)field->name_bytes, field->name);
    (void)json_object_set_new(headers, name, json_stringn_nocheck(field->value, field->value_bytes));
}

static void done(void *context, const struct egress_answer *answer)
{
    size_t slot = (size_t)(uintptr_t)context;
    probe.transfer[slot] = NULL;
    if (answer->err) {
        print_err("", answer->err, answer->words);
    } else {
        struct field_reader reader;
        struct field field;
        json_t *headers = json_object();
        field_reader_init(&reader, answer->fields, answer->field_bytes, true);
        while (field_next(&reader, &field) == MF_OK)
            put_field(headers, &field);
        size_t shown = answer->body_bytes < 2000 ? answer->body_bytes : 2000;
        json_t *line = json_pack("{s:i, s:I, s:s#, s:o, s:I}", "status", (int)answer->status, "bytes",
                                 (json_int_t)answer->body_bytes, "body",
                                 answer->body ? (const char *)answer->body : "", (int)shown,
                                 "headers", headers, "used", (json_int_t)probe.budget.used);
        if (line)
            json_dumpf(line, stdout, JSON_COMPACT);
        else
            (void)printf("{\"status\": %u, \"bytes\": %zu}", answer->status, answer->body_bytes);
        (void)putchar('\n');
        json_decref(line);
    }
    probe.left--;
    go_on();
}

static void end(struct timer *timer, uint64_t now_ns)
{
    (void)timer;
    (void)now_ns;
    loop_stop(&probe.loop);
}

static void cancel_all(struct timer *timer, uint64_t now_ns)
{
    (void)timer;
    (void)now_ns;
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        if (!probe.transfer[i])
            continue;
        egress_cancel(probe.transfer[i]);
        probe.transfer[i] = NULL;
        probe.left--;
        print_err("", MF_EDEAD, "cancelled");
    }
    go_on();
}

static void send_one(const char *url, size_t slot)
{
    struct mf_why why = {{0}};
    struct egress_request request = probe.request;
    request.url = url;
    request.url_bytes = strlen(url);
    request.context = (void *)(uintptr_t)slot;
    request.deadline_ns = mf_monotonic_ns() + probe.deadline_ms * MF_NS_PER_MS;
    mf_err err = egress_send(&probe.egress, &request, &probe.transfer[slot], &why);
    if (err)
        print_err(url, err, mf_why_text(&why, err));
    else
        probe.left++;
}

static void go_on(void)
{
    while (probe.left == 0 && probe.next < probe.urls) {
        for (unsigned i = 0; i < probe.at_once; i++)
            send_one(probe.url[probe.next], i);
        probe.next++;
    }
    if (probe.left == 0) {
        probe.turns = 0;
        timer_set(&probe.loop.timers, &probe.end,
                  mf_monotonic_ns() + probe.linger_ms * MF_NS_PER_MS + 1);
    }
}

static bool work(void *owner)
{
    (void)owner;
    return false;
}

/* How long the loop was busy between two sleeps shows whether anything blocked it. */
static void over(void *owner)
{
    (void)owner;
    probe.turns++;
}

static bool rest(void *owner)
{
    (void)owner;
    return true;
}

static void beat(uv_timer_t *timer)
{
    uint64_t now_ns = mf_monotonic_ns();
    (void)timer;
    if (now_ns - probe.since_ns > probe.longest_ns)
        probe.longest_ns = now_ns - probe.since_ns;
    probe.since_ns = now_ns;
}

static void put_header(const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        exit(2);
    const char *value = colon + 1 + strspn(colon + 1, " ");
    field_put(&probe.fields, MF_FIELD_HEADER, text, (size_t)(colon - text), value, strlen(value));
}

static void option(const char *name, const char *value)
{
    size_t number = strtoul(value, NULL, 10);
    if (strcmp(name, "--allow") == 0 && probe.allows < LIST_MAX)
        probe.allow[probe.allows++] = value;
    else if (strcmp(name, "--splice") == 0 && probe.splices < LIST_MAX)
        probe.splice[probe.splices++] = value;
    else if (strcmp(name, "--header") == 0)
        put_header(value);
    else if (strcmp(name, "--reach") == 0)
        probe.request.rule.reach = strcmp(value, "any") == 0 ? REACH_ANY : REACH_PUBLIC;
    else if (strcmp(name, "--method") == 0)
        probe.request.method = value, probe.request.method_bytes = strlen(value);
    else if (strcmp(name, "--body") == 0)
        probe.request.body = calloc(1, number + 1), probe.request.body_bytes = number;
    else if (strcmp(name, "--deadline") == 0)
        probe.deadline_ms = number;
    else if (strcmp(name, "--answer-max") == 0)
        probe.request.answer_bytes_max = number;
    else if (strcmp(name, "--ca") == 0)
        probe.egress.ca_file = value;
    else if (strcmp(name, "--secrets") == 0)
        probe.egress.secrets = value;
    else if (strcmp(name, "--own-port") == 0)
        egress_own_port(&probe.egress, (uint16_t)number);
    else if (strcmp(name, "--at-once") == 0 && number <= AT_ONCE_MAX)
        probe.at_once = (unsigned)number;
    else if (strcmp(name, "--linger") == 0)
        probe.linger_ms = number;
    else if (strcmp(name, "--cancel") == 0)
        probe.cancel_ms = number;
    else if (strcmp(name, "--budget") == 0)
        probe.budget.limit = number;
    else
        exit(2);
}

int main(int argc, char *argv[])
{
    static const struct loop_parts parts = {work, rest, over};
    struct mf_why why = {{0}};
    uv_timer_t heart;
    (void)signal(SIGPIPE, SIG_IGN);
    probe.budget.limit = 64 << 20;
    probe.at_once = 1;
    probe.deadline_ms = 20000;
    field_writer_init(&probe.fields, probe.head, sizeof probe.head);
    if (sodium_init() < 0 || loop_open(&probe.loop, &parts, &probe, &why))
        return 1;
    egress_open(&probe.egress, &probe.loop, &probe.budget, "", "");
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0 && probe.urls < LIST_MAX)
            probe.url[probe.urls++] = argv[i];
        else if (i + 1 < argc)
            option(argv[i], argv[i + 1]), i++;
    }
    probe.request.done = done;
    probe.request.fields = probe.head;
    probe.request.field_bytes = probe.fields.bytes;
    probe.request.rule.entries = probe.allow;
    probe.request.rule.count = probe.allows;
    probe.names = (struct secret_names){probe.splice, probe.splices, 0};
    probe.request.splice = probe.splices ? &probe.names : NULL;
    probe.request.under_way = &probe.under_way;
    probe.end.fire = end;
    probe.cancel.fire = cancel_all;
    if (probe.cancel_ms)
        timer_set(&probe.loop.timers, &probe.cancel,
                  mf_monotonic_ns() + probe.cancel_ms * MF_NS_PER_MS);
    if (probe.linger_ms == 0) { /* else it would be what wakes */
        (void)uv_timer_init(&probe.loop.uv, &heart);
        (void)uv_timer_start(&heart, beat, 10, 10);
        probe.since_ns = mf_monotonic_ns();
    }
    go_on();
    loop_run(&probe.loop);
    (void)printf("{\"turns\": %llu, \"longest_ms\": %llu, \"used\": %llu, \"under_way\": %u}\n",
                 (unsigned long long)probe.turns, (unsigned long long)(probe.longest_ns / MF_NS_PER_MS),
                 (unsigned long long)probe.budget.used, probe.under_way);
    egress_close(&probe.egress);
    loop_close(&probe.loop);
    return 0;
}
