/* inspect_function.c: mayfly inspect NAME: a function of the node. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/inspect_more.h"

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "-";
}

static void print_snapshot(const json_t *snapshot)
{
    char bytes[16];
    const char *state = text(snapshot, "state");
    if (json_object_get(snapshot, "bytes"))
        printf("snapshot   %s, %lld pages, made %s\n",
               cli_bytes((uint64_t)json_integer_value(json_object_get(snapshot, "bytes")), bytes),
               json_integer_value(json_object_get(snapshot, "pages")), text(snapshot, "made_at"));
    else if (json_object_get(snapshot, "reason"))
        printf("snapshot   %s: %s\n", state, text(snapshot, "reason"));
    else
        printf("snapshot   %s\n", state);
}

static void print_touched(const json_t *touched)
{
    const char *state = text(touched, "state");
    if (strcmp(state, "prepared") == 0)
        printf("touched    an event touches %lld pages, prepared at start\n",
               json_integer_value(json_object_get(touched, "pages")));
    else if (strcmp(state, "wanted") == 0)
        printf("touched    not known yet: the first instances tell\n");
}

static void print_reasoned(const char *name, const json_t *choice)
{
    printf("%-10s %s (%s)\n", name, text(choice, "in_force"), text(choice, "why"));
}

static void print_instances(const json_t *instances)
{
    struct cli_table table;
    size_t i;
    const json_t *instance;
    if (json_array_size(instances) == 0) {
        printf("instances  none\n");
        return;
    }
    printf("\n%sInstances%s\n", cli_colour(CLI_BOLD), cli_colour(CLI_PLAIN));
    cli_table_open(&table, 4);
    cli_table_add(&table, "ID");
    cli_table_add(&table, "PROCESS");
    cli_table_add(&table, "STATE");
    cli_table_add(&table, "FOR");
    json_array_foreach (instances, i, instance) {
        cli_table_add(&table, "%lld", json_integer_value(json_object_get(instance, "id")));
        cli_table_add(&table, "%lld", json_integer_value(json_object_get(instance, "pid")));
        cli_table_add(&table, "%s", text(instance, "state"));
        cli_table_add(&table, "%.1f s",
                      json_number_value(json_object_get(instance, "since_seconds")));
    }
    cli_table_close(&table);
}

static void print_settings(const json_t *settings)
{
    const char *key;
    json_t *value;
    printf("\n%sSettings%s\n", cli_colour(CLI_BOLD), cli_colour(CLI_PLAIN));
    json_object_foreach ((json_t *)(uintptr_t)settings, key, value) {
        bool strange = json_is_object(value) || json_is_array(value); /* may hold anything */
        size_t ascii = strange ? JSON_ENSURE_ASCII : 0;
        char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | ascii);
        printf("%-16s %s\n", key, shown ? shown : "?");
        free(shown);
    }
}

static void print(const json_t *function)
{
    const json_t *starts = json_object_get(json_object_get(function, "counters"), "starts");
    printf("%s%s%s, deployed %s\n", cli_colour(CLI_BOLD), text(function, "name"),
           cli_colour(CLI_PLAIN), text(function, "deployed_at"));
    if (json_object_get(function, "stopped"))
        printf("%sstopped%s    %s\n", cli_colour(CLI_RED), cli_colour(CLI_PLAIN), text(function, "stopped"));
    printf("image      %s\n", text(function, "image"));
    print_reasoned("sandbox", json_object_get(function, "sandbox"));
    print_reasoned("isolation", json_object_get(function, "isolation"));
    print_snapshot(json_object_get(function, "snapshot"));
    print_touched(json_object_get(json_object_get(function, "snapshot"), "touched"));
    printf("starts     %lld restored, %lld booted\n",
           json_integer_value(json_object_get(starts, "restore")),
           json_integer_value(json_object_get(starts, "boot")));
    print_instances(json_object_get(function, "instances"));
    print_settings(json_object_get(function, "settings"));
}

int inspect_function(const char *node, const char *name, bool json)
{
    struct client client = {0};
    char path[128];
    json_t *function = NULL;
    (void)snprintf(path, sizeof path, "/v1/functions/%s", name);
    const struct request request = {.method = "GET", .path = path};
    int code = client_open(&client, node);
    if (code == CLI_OK)
        code = client_json(&client, &request, name, &function);
    client_close(&client);
    if (code != CLI_OK)
        return code;
    if (json)
        return cli_print_json(function);
    print(function);
    json_decref(function);
    return CLI_OK;
}
