/* cmd_workflows.c: mayfly workflows: what was deployed together, and its versions. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/listing.h"

static const struct cli_option options[] = {
    LISTING_OPTIONS,
    {0},
};

static void print_all(const json_t *workflows)
{
    static const char *const heading[] = {"NAME", "VERSION", "FUNCTIONS", "DEPLOYED", "VERSIONS KEPT"};
    struct cli_table table;
    const json_t *workflow;
    size_t i;
    listing_table_open(&table, heading, 5);
    json_array_foreach(workflows, i, workflow) {
        const json_t *versions = json_object_get(workflow, "versions");
        const json_t *now = json_array_get(versions, 0);
        cli_table_add(&table, "%s", listing_text(workflow, "name"));
        cli_table_add(&table, "%lld", listing_number(workflow, "version"));
        cli_table_add(&table, "%zu", json_object_size(json_object_get(now, "functions")));
        cli_table_add(&table, "%s", listing_text(now, "deployed_at"));
        cli_table_add(&table, "%zu", json_array_size(versions));
    }
    cli_table_close(&table);
}

static void add_functions(struct cli_table *table, json_t *functions)
{
    char text[512] = "";
    size_t used = 0;
    const char *name;
    json_t *ignored;
    json_object_foreach(functions, name, ignored) {
        int bytes = snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "", name);
        used += (size_t)bytes;
        if (used >= sizeof text - 4) { /* cut; --json has all of them */
            (void)snprintf(text + sizeof text - 4, 4, "...");
            break;
        }
    }
    cli_table_add(table, "%s", text);
}

static void print_one(const json_t *workflow)
{
    static const char *const heading[] = {"VERSION", "DEPLOYED", "AS", "FUNCTIONS"};
    const json_t *versions = json_object_get(workflow, "versions"), *version;
    struct cli_table table;
    size_t i;
    listing_table_open(&table, heading, 4);
    json_array_foreach(versions, i, version) {
        cli_table_add(&table, "%lld%s", listing_number(version, "version"), i == 0 ? " in force" : "");
        cli_table_add(&table, "%s", listing_text(version, "deployed_at"));
        if (listing_number(version, "back_to"))
            cli_table_add(&table, "back to %lld", listing_number(version, "back_to"));
        else
            cli_table_add(&table, "deployed");
        add_functions(&table, json_object_get(version, "functions"));
    }
    cli_table_close(&table);
}

static int show(struct client *client, const char *name, bool json, bool quiet)
{
    char path[128];
    json_t *answer = NULL;
    (void)snprintf(path, sizeof path, "/v1/workflows%s%s", name ? "/" : "", name ? name : "");
    const struct request request = {.method = "GET", .path = path};
    int code = client_json(client, &request, name ? name : "workflows", &answer);
    if (code != CLI_OK)
        return code;
    const json_t *all = json_object_get(answer, "workflows");
    if (json)
        return cli_print_json(answer);
    if (name)
        print_one(answer);
    else if (quiet)
        listing_names(all);
    else if (json_array_size(all) == 0)
        cli_note("no workflows yet; 'mayfly deploy -f mayfly.yml' puts one here");
    else
        print_all(all);
    json_decref(answer);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    struct listing listing;
    listing_options(&listing, &cmd_workflows, argc, argv);
    if (argc - optind > 1)
        cli_usage(&cmd_workflows, "one workflow, or none, belongs here");
    if (optind < argc)
        client_check_name(argv[optind]);
    struct client client;
    int code = client_open(&client, listing.node);
    if (code == CLI_OK)
        code = show(&client, argv[optind], listing.json, listing.quiet);
    client_close(&client);
    return code;
}

const struct command cmd_workflows = {
    .name = "workflows",
    .arguments = "[NAME] [--json]",
    .summary = "list the node's workflows, or the versions of one",
    .options = options,
    .run = run,
};
