/* cmd_queue.c: mayfly queue: what waits for functions, and what could not be delivered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/verbs.h"

#define QUERY_BYTES_MAX 128
#define PATH_BYTES_MAX (256 + QUERY_BYTES_MAX)
#define COUNT_DEFAULT 20
#define COUNT_MAX 256
#define REASON_SHOWN 60

enum { KEY_DEAD = VERBS_OWN };

static const struct cli_option options[] = {
    {"tenant", VERBS_TENANT, "TENANT", "named queues of this tenant, not functions'"},
    {"dead", KEY_DEAD, NULL, "peek, purge: the dead letters, not what waits"},
    {"count", VERBS_COUNT, "N", "peek: so many at most (default: 20)"},
    {"after", VERBS_AFTER, "ID", "peek: those after the entry of this id"},
    {"data", 'd', "DATA", "push: the body; @FILE reads it from a file, @- from standard input"},
    {"json", VERBS_JSON, NULL, "print as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

struct queue_asked {
    struct asked asked;
    bool dead;
};

static bool of_dead(const struct asked *asked)
{
    return ((const struct queue_asked *)asked)->dead;
}

/* Of the command's queue, or of all; `what` begins with a slash, query with "&". */
static void path_of(const struct asked *asked, const char *what, const char *query,
                    char path[PATH_BYTES_MAX])
{
    (void)snprintf(path, PATH_BYTES_MAX, "/v1/queues%s%s%s?tenant=%s%s", asked->operand ? "/" : "",
                   asked->operand ? asked->operand : "", what, asked->tenant ? asked->tenant : "", query);
}

static int ask(struct client *client, const struct request *request, const struct asked *asked,
               json_t **answer)
{
    const char *doing = asked->operand ? asked->operand : "queues";
    struct answer raw;
    int code = client_call(client, request, &raw);
    if (code != CLI_OK)
        return code;
    json_error_t error;
    if (raw.status >= 400)
        code = client_refused(&raw, doing);
    else if (!(*answer = json_loadb((const char *)raw.body.data, raw.body.bytes, 0, &error)))
        code = cli_fail(CLI_FAILED, "%s: the node does not speak this API", doing);
    mf_buf_close(&raw.body);
    return code;
}

/* ---- ls ---- */

static void print_queues(const json_t *queues)
{
    static const char *const heading[] = {"NAME", "TENANT", "WAITING", "BYTES", "DEAD", "FUNCTION"};
    struct cli_table table;
    size_t i;
    const json_t *queue;
    char bytes[16];
    listing_table_open(&table, heading, 6);
    json_array_foreach(queues, i, queue) {
        cli_table_add(&table, "%s", listing_text(queue, "name"));
        cli_table_add(&table, "%s", listing_text(queue, "tenant")); /* "-": it is a function's */
        cli_table_add(&table, "%lld", listing_number(queue, "count"));
        cli_table_add(&table, "%s", cli_bytes((uint64_t)listing_number(queue, "bytes"), bytes));
        cli_table_add(&table, "%lld", listing_number(queue, "dead"));
        cli_table_add(&table, "%s", json_object_get(queue, "tenant")                   ? "-"
                                    : json_is_true(json_object_get(queue, "deployed")) ? "deployed"
                                                                                       : "removed");
    }
    cli_table_close(&table);
}

static int list(struct client *client, const struct asked *asked)
{
    char path[PATH_BYTES_MAX];
    json_t *answer = NULL;
    path_of(asked, "", "", path);
    const struct request request = {.method = "GET", .path = path};
    int code = ask(client, &request, asked, &answer);
    if (code != CLI_OK)
        return code;
    json_t *queues = asked->operand ? json_pack("[O]", answer)
                                    : json_incref(json_object_get(answer, "queues"));
    json_decref(answer);
    if (asked->json)
        return cli_print_json(queues);
    if (json_array_size(queues) == 0 && asked->tenant)
        cli_note("nothing was ever pushed to a queue of tenant '%s'", asked->tenant);
    else if (json_array_size(queues) == 0)
        cli_note("no function has a queue yet; 'mayfly invoke --async' makes one");
    else
        print_queues(queues);
    json_decref(queues);
    return CLI_OK;
}

/* ---- peek ---- */

static void print_entries(const json_t *entries, bool dead)
{
    const char *const heading[] = {"ID", "CALL", "SINCE", "ATTEMPTS", dead ? "REASON" : "NEXT",
                                   "BODY"};
    struct cli_table table;
    size_t i;
    const json_t *entry;
    listing_table_open(&table, heading, 6);
    json_array_foreach(entries, i, entry) {
        cli_table_add(&table, "%s", listing_text(entry, "id"));
        cli_table_add(&table, "%s", listing_text(entry, "call"));
        cli_table_add(&table, "%s", listing_text(entry, "enqueued_at"));
        cli_table_add(&table, "%lld", listing_number(entry, "attempts"));
        cli_table_add(&table, "%.*s", REASON_SHOWN, listing_text(entry, dead ? "reason" : "due_at"));
        cli_table_add(&table, "%lld bytes", listing_number(entry, "body_bytes"));
    }
    cli_table_close(&table);
}

/* Of those that ended in a fault. */
static void print_reports(const json_t *entries)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(entries, i, entry) {
        const char *report = json_string_value(json_object_get(entry, "report"));
        if (report)
            printf("\n%s\n%s\n", listing_text(entry, "id"), report);
    }
}

static int peek(struct client *client, const struct asked *asked)
{
    char path[PATH_BYTES_MAX], query[QUERY_BYTES_MAX];
    json_t *answer = NULL;
    (void)snprintf(query, sizeof query, "&dead=%d&count=%llu&after=%s", of_dead(asked),
                   (unsigned long long)asked->count, asked->after ? asked->after : "0");
    path_of(asked, "/entries", query, path);
    const struct request request = {.method = "GET", .path = path};
    int code = ask(client, &request, asked, &answer);
    if (code != CLI_OK)
        return code;
    if (asked->json)
        return cli_print_json(answer);
    const json_t *entries = json_object_get(answer, "entries");
    if (json_array_size(entries) == 0)
        cli_note(of_dead(asked) ? "no dead letters" : "nothing waits");
    else
        print_entries(entries, of_dead(asked));
    print_reports(entries);
    if (json_is_true(json_object_get(answer, "more")))
        cli_note("there are more: --after %s",
                 listing_text(json_array_get(entries, json_array_size(entries) - 1), "id"));
    json_decref(answer);
    return CLI_OK;
}

/* ---- push, redrive, purge ---- */

static int push(struct client *client, const struct asked *asked)
{
    char path[PATH_BYTES_MAX];
    json_t *answer = NULL;
    path_of(asked, "/entries", "", path);
    const struct request request = {.method = "POST",
                                    .path = path,
                                    .data = asked->data.data ? (const char *)asked->data.data : "",
                                    .bytes = asked->data.bytes,
                                    .content_type = "application/octet-stream"};
    int code = ask(client, &request, asked, &answer);
    if (code != CLI_OK)
        return code;
    if (asked->json)
        return cli_print_json(answer);
    printf("%s\n", listing_text(answer, "call"));
    json_decref(answer);
    return CLI_OK;
}

static int change(struct client *client, const struct asked *asked, const char *method,
                  const char *what, const char *query, const char *word)
{
    char path[PATH_BYTES_MAX];
    json_t *answer = NULL;
    path_of(asked, what, query, path);
    const struct request request = {.method = method, .path = path};
    int code = ask(client, &request, asked, &answer);
    if (code != CLI_OK)
        return code;
    if (asked->json)
        return cli_print_json(answer);
    cli_note("%s %lld", word, listing_number(answer, word));
    json_decref(answer);
    return CLI_OK;
}

static int redrive(struct client *client, const struct asked *asked)
{
    return change(client, asked, "POST", "/redrive", "", "redriven");
}

static int purge(struct client *client, const struct asked *asked)
{
    return change(client, asked, "DELETE", "/entries", of_dead(asked) ? "&dead=1" : "", "removed");
}

static const struct verb verb[] = {{"ls", NULL, list},
                                   {"peek", "of which function?", peek},
                                   {"push", "to which function?", push},
                                   {"redrive", "of which function?", redrive},
                                   {"purge", "of which function?", purge},
                                   {0}};

/* A number, or, of what waits for a function that was removed in the second of two files, one behind that one's name. */
static bool is_id(const char *text)
{
    static const char second[] = "process-crash:";
    if (strncmp(text, second, sizeof second - 1) == 0)
        text += sizeof second - 1;
    return *text && !text[strspn(text, "0123456789")];
}

static void option(struct asked *asked, int key)
{
    struct queue_asked *own = (struct queue_asked *)asked;
    if (key == VERBS_AFTER && !is_id(optarg))
        cli_usage(&cmd_queue, "--after '%.40s': an entry's id belongs here", optarg);
    own->dead |= key == KEY_DEAD;
}

static int run(int argc, char **argv)
{
    static const struct verbs verbs = {.command = &cmd_queue,
                                       .verb = verb,
                                       .count_max = COUNT_MAX,
                                       .of_names = true,
                                       .option = option};
    struct queue_asked own = {.asked = {.count = COUNT_DEFAULT}};
    return verbs_run(&verbs, &own.asked, argc, argv);
}

const struct command cmd_queue = {
    .name = "queue",
    .arguments = "ls [NAME] | peek NAME | push NAME | redrive NAME | purge NAME",
    .summary = "look at and repair the queues of asynchronous calls",
    .details =
        "Each function has a queue of the asynchronous calls that have not ended, and the dead\n"
        "letters: those that failed too often, or became too old. peek shows entries and takes\n"
        "none. push makes an asynchronous call and prints its id. redrive sends all dead letters\n"
        "on their way again; purge removes what waits, or with --dead the dead letters. What\n"
        "waits for a function that was removed stays, and is delivered when one of that name is\n"
        "deployed. With --tenant it is a named queue, to which functions push, and from which they\n"
        "pop or are triggered; what is pushed here reaches them as if a function had pushed it.\n"
        "ls lists functions' queues, also what waits for functions that were removed, and the named ones\n"
        "of the tenants that functions belong to; with --tenant those of that tenant. Callers who wait for\n"
        "word of what is purged get it: 'purged'.",
    .options = options,
    .run = run,
};
