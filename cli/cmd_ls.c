/* cmd_ls.c: mayfly ls: the functions of the node and how each is doing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/listing.h"

#define HASH_SHOWN 12 /* characters of an image's hash, as much as people compare */

static const struct cli_option options[] = {
    LISTING_OPTIONS,
    {0},
};

static size_t count_state(const json_t *instances, const char *state)
{
    size_t count = 0, i;
    const json_t *instance;
    json_array_foreach(instances, i, instance)
        count += strcmp(listing_text(instance, "state"), state) == 0;
    return count;
}

/* What keeps clients from the port that its settings name; NULL: nothing, or there is none. */
static const char *no_port(const json_t *function)
{
    return json_string_value(json_object_get(json_object_get(function, "listening"), "why"));
}

/* In one or two words: whether the next request finds an instance. */
static const char *state_of(const json_t *function)
{
    const json_t *instances = json_object_get(function, "instances");
    if (strcmp(listing_text(json_object_get(function, "sandbox"), "in_force"), "none") == 0)
        return "unusable";
    if (json_object_get(function, "stopped"))
        return "stopped";
    if (no_port(function))
        return "no port";
    if (count_state(instances, "idle") + count_state(instances, "resetting"))
        return "warm";
    return json_array_size(instances) ? "busy" : "cold";
}

static void add_snapshot(struct cli_table *table, const json_t *snapshot)
{
    char bytes[16];
    json_int_t size = json_integer_value(json_object_get(snapshot, "bytes"));
    cli_table_add(table, "%s", size > 0 ? cli_bytes((uint64_t)size, bytes)
                                        : listing_text(snapshot, "state"));
}

/* Their kinds, each once: what calls the function beside HTTP. */
static void add_triggers(struct cli_table *table, const json_t *triggers)
{
    static const char *const kind[] = {"mqtt", "every", "cron", "key", "queue"};
    char text[64] = "";
    for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
        size_t j, used = strlen(text);
        const json_t *trigger;
        bool has = false;
        json_array_foreach(triggers, j, trigger)
            has |= json_object_get(trigger, kind[i]) != NULL;
        if (has)
            (void)snprintf(text + used, sizeof text - used, "%s%s", used ? "," : "", kind[i]);
    }
    cli_table_add(table, "%s", text[0] ? text : "-");
}

static void add_row(struct cli_table *table, const json_t *function)
{
    const json_t *sandbox = json_object_get(function, "sandbox");
    const json_t *instances = json_object_get(function, "instances");
    const json_t *counters = json_object_get(function, "counters");
    json_int_t memory = json_integer_value(json_object_get(function, "memory_bytes"));
    size_t busy = count_state(instances, "busy") + count_state(instances, "restoring");
    char bytes[16] = "-";
    if (memory > 0)
        cli_bytes((uint64_t)memory, bytes);
    cli_table_add(table, "%s", listing_text(function, "name"));
    cli_table_add(table, "%s", state_of(function));
    cli_table_add(table, "%zu (%zu busy)", json_array_size(instances), busy);
    cli_table_add(table, "%s", listing_text(sandbox, "in_force"));
    cli_table_add(table, "%s", listing_text(json_object_get(function, "isolation"), "in_force"));
    add_snapshot(table, json_object_get(function, "snapshot"));
    cli_table_add(table, "%s", bytes);
    cli_table_add(table, "%lld",
                  (long long)json_integer_value(json_object_get(counters, "started")));
    add_triggers(table, json_object_get(json_object_get(function, "settings"), "triggers"));
    cli_table_add(table, "%s", listing_text(function, "workflow"));
    cli_table_add(table, "%.*s", HASH_SHOWN, listing_text(function, "image"));
    cli_table_add(table, "%s", listing_text(sandbox, "why"));
}

static void print_table(const json_t *functions)
{
    static const char *const heading[] = {"NAME",   "STATE",       "INSTANCES", "SANDBOX",
                                          "ISOLATION", "SNAPSHOT", "MEMORY", "INVOCATIONS", "TRIGGERS",
                                          "WORKFLOW", "IMAGE",
                                          "WHY THIS SANDBOX"};
    const size_t columns = sizeof heading / sizeof heading[0];
    struct cli_table table;
    size_t i;
    const json_t *function;
    listing_table_open(&table, heading, columns);
    json_array_foreach(functions, i, function)
        add_row(&table, function);
    cli_table_close(&table);
    json_array_foreach(functions, i, function) {
        if (no_port(function))
            cli_note("%s does not listen: %s", listing_text(function, "name"), no_port(function));
        if (json_object_get(function, "stopped"))
            cli_note("%s is stopped: %s", listing_text(function, "name"), listing_text(function, "stopped"));
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(listing_text(*(json_t *const *)a, "name"), listing_text(*(json_t *const *)b, "name"));
}

/* A new array in the order of names; the node keeps none. */
static json_t *sorted(const json_t *functions)
{
    size_t count = json_array_size(functions), i;
    json_t **each = calloc(count + 1, sizeof(json_t *));
    json_t *all = each ? json_array() : NULL;
    for (i = 0; all && i < count; i++)
        each[i] = json_array_get(functions, i);
    if (all)
        qsort(each, count, sizeof(json_t *), by_name);
    for (i = 0; all && i < count; i++)
        json_array_append(all, each[i]);
    free(each);
    return all;
}

static int list(struct client *client, bool json, bool quiet)
{
    json_t *answer = NULL;
    const struct request request = {.method = "GET", .path = "/v1/functions"};
    int code = client_json(client, &request, "ls", &answer);
    if (code != CLI_OK)
        return code;
    json_t *functions = json_object_get(answer, "functions");
    bool is_list = json_is_array(functions);
    functions = is_list ? sorted(functions) : NULL;
    json_decref(answer);
    if (!is_list)
        return cli_fail(CLI_FAILED, "ls: the node at %s does not speak this API", client->name);
    if (json || !functions)
        return cli_print_json(functions);
    if (quiet)
        listing_names(functions);
    else if (json_array_size(functions) == 0)
        cli_note("no functions yet; 'mayfly deploy' puts one here");
    else
        print_table(functions);
    json_decref(functions);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    struct listing listing;
    listing_options(&listing, &cmd_ls, argc, argv);
    if (optind != argc)
        cli_usage(&cmd_ls, "'%s' is one argument too many", argv[optind]);
    struct client client;
    int code = client_open(&client, listing.node);
    if (code == CLI_OK)
        code = list(&client, listing.json, listing.quiet);
    client_close(&client);
    return code;
}

const struct command cmd_ls = {
    .name = "ls",
    .arguments = "[--json]",
    .summary = "list the node's functions",
    .options = options,
    .run = run,
};
