/* cmd_usage.c: mayfly usage: what functions and tenants have used. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/listing.h"

enum { KEY_JSON = CLI_LONG + 1, KEY_TENANT, KEY_TENANTS };

static const struct cli_option options[] = {
    {"tenant", KEY_TENANT, "NAME", "only what is this tenant's"},
    {"tenants", KEY_TENANTS, NULL, "a sum for each tenant, not each function"},
    {"json", KEY_JSON, NULL, "print as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

static void print(const json_t *rows, bool tenants)
{
    static const char *const heading[] = {"TENANT", "FUNCTION", "EVENTS", "MS", "MIB-MS", "COLD STARTS",
                                          "CPU MS"};
    static const char *const key[] = {"events", "ms", "memory_mib_ms", "cold_starts", "cpu_ms"};
    struct cli_table table;
    size_t i;
    const json_t *row;
    cli_table_open(&table, tenants ? 6 : 7);
    for (i = 0; i < 7; i++)
        if (i != 1 || !tenants)
            cli_table_add(&table, "%s", heading[i]);
    json_array_foreach(rows, i, row) {
        cli_table_add(&table, "%s", listing_text(row, "tenant"));
        if (!tenants)
            cli_table_add(&table, "%s", listing_text(row, "function"));
        for (size_t j = 0; j < sizeof key / sizeof key[0]; j++) {
            const json_t *value = json_object_get(row, key[j]);
            cli_table_add(&table, json_is_integer(value) ? "%.0f" : "%.1f", json_number_value(value));
        }
    }
    cli_table_close(&table);
}

static int show(struct client *client, const char *tenant, bool tenants, bool json)
{
    json_t *answer = NULL, *row;
    const struct request request = {.method = "GET", .path = "/v1/usage"};
    size_t i;
    int code = client_json(client, &request, "usage", &answer);
    if (code != CLI_OK)
        return code;
    json_t *rows = json_array();
    json_array_foreach(json_object_get(answer, tenants ? "tenants" : "functions"), i, row)
        if (!tenant || strcmp(listing_text(row, "tenant"), tenant) == 0)
            json_array_append(rows, row);
    json_decref(answer);
    if (json)
        return cli_print_json(rows);
    if (json_array_size(rows) == 0)
        cli_note("nothing was used yet");
    else
        print(rows, tenants);
    json_decref(rows);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    const char *node = NULL, *tenant = NULL;
    bool json = false, tenants = false;
    int key;
    while ((key = cli_getopt(&cmd_usage, argc, argv)) != -1) {
        if (key == KEY_JSON)
            json = true;
        if (key == KEY_TENANT)
            tenant = optarg;
        if (key == KEY_TENANTS)
            tenants = true;
        if (key == CLIENT_KEY_NODE)
            node = optarg;
    }
    if (optind < argc)
        cli_usage(&cmd_usage, "nothing more belongs here");
    struct client client;
    int code = client_open(&client, node);
    if (code == CLI_OK)
        code = show(&client, tenant, tenants, json);
    client_close(&client);
    return code;
}

const struct command cmd_usage = {
    .name = "usage",
    .arguments = "",
    .summary = "show what functions and tenants have used",
    .details = "Since the first event: events that instances began, the time they took there, starts\n"
               "included, the memory of an instance times that, in MiB-ms, cold starts, processor time.\n"
               "It survives the node; of a node that was killed the last seconds are missing.",
    .options = options,
    .run = run,
};
