/*
 * cmd_logs.c: mayfly logs. The node sends one JSON object a line (NDJSON); for a
 * person each becomes a line of time, level, instance and text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/client.h"
#include "cli/command.h"
#include "node/instance/report.h"

#define LINE_BYTES_MAX (256u << 10)
#define TAIL_MAX 1000000
#define TAIL_DEFAULT 100

static const struct cli_option options[] = {
    {"follow", 'f', NULL, "stay, and print what comes"},
    {"tail", 'n', "N", "only the last N records (default: 100)"},
    {"json", CLI_LONG + 1, NULL, "one JSON object a line, as the node sends them"},
    CLIENT_OPTION_NODE,
    {0},
};

struct printer {
    struct mf_buf line; /* begun, not ended yet */
    bool json;
};

/* What a function wrote must not steer the terminal, whatever node it came from: control
 * characters are shown, not sent, as `mayfly run` does it. Further lines are indented. */
static void print_text(const char *text)
{
    struct mf_buf out = {0};
    const char *at = report_add(&out, text, strlen(text), NULL) == MF_OK && out.bytes
                         ? (const char *)out.data
                         : "";
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
        printf("%.*s\n    ", (int)(end - at), at);
    printf("%s\n", at);
    mf_buf_close(&out);
}

static enum cli_colour colour_of(const char *level)
{
    if (strcmp(level, "error") == 0)
        return CLI_RED;
    if (strcmp(level, "warn") == 0)
        return CLI_YELLOW;
    return strcmp(level, "debug") == 0 ? CLI_DIM : CLI_PLAIN;
}

static void print_record(const char *line, size_t bytes)
{
    json_t *record = json_loadb(line, bytes, 0, NULL);
    const char *time = json_string_value(json_object_get(record, "timestamp"));
    const char *level = json_string_value(json_object_get(record, "level"));
    const char *text = json_string_value(json_object_get(record, "text"));
    const json_t *instance = json_object_get(record, "instance");
    if (!time || !level || !text) {
        print_text(line);
    } else {
        printf("%s%s%s %s%-5s%s ", cli_colour(CLI_DIM), time, cli_colour(CLI_PLAIN),
               cli_colour(colour_of(level)), level, cli_colour(CLI_PLAIN));
        if (json_is_integer(instance))
            printf("%s#%lld%s ", cli_colour(CLI_DIM), (long long)json_integer_value(instance),
                   cli_colour(CLI_PLAIN));
        print_text(text);
    }
    json_decref(record);
}

static void print_line(const struct printer *printer, const char *line, size_t bytes)
{
    if (!bytes)
        return; /* the node's sign of life while nothing happens */
    if (printer->json)
        printf("%.*s\n", (int)bytes, line);
    else
        print_record(line, bytes);
}

static bool on_piece(void *context, const char *data, size_t bytes)
{
    struct printer *printer = context;
    if (bytes > LINE_BYTES_MAX || printer->line.bytes > LINE_BYTES_MAX ||
        mf_buf_add(&printer->line, data, bytes)) {
        (void)cli_fail(CLI_FAILED, "the node sends a line of more than %u KiB",
                       LINE_BYTES_MAX >> 10);
        return false;
    }
    size_t from = 0;
    const char *all = (const char *)printer->line.data, *end;
    while ((end = memchr(all + from, '\n', printer->line.bytes - from))) {
        size_t length = (size_t)(end - all) - from;
        printer->line.data[from + length] = 0;
        print_line(printer, all + from, length);
        from += length + 1;
    }
    mf_buf_drop(&printer->line, from);
    return fflush(stdout) == 0;
}

static int print_logs(struct client *client, const char *name, uint64_t tail, bool follow, bool json)
{
    char path[192];
    struct printer printer = {.json = json};
    struct answer answer;
    (void)snprintf(path, sizeof path, "/v1/functions/%s/logs?tail=%llu%s", name,
                   (unsigned long long)tail, follow ? "&follow=1" : "");
    const struct request request = {
        .method = "GET", .path = path, .piece = on_piece, .context = &printer};
    int code = client_call(client, &request, &answer);
    if (code == CLI_OK && answer.status == 404)
        code = cli_fail(CLI_NOT_FOUND, "no function '%s'; 'mayfly ls' lists them", name);
    else if (code == CLI_OK && answer.status >= 400)
        code = client_refused(&answer, name);
    mf_buf_close(&answer.body);
    mf_buf_close(&printer.line);
    return code;
}

static int run(int argc, char **argv)
{
    const char *node = NULL;
    uint64_t tail = TAIL_DEFAULT;
    bool follow = false, json = false;
    int key;
    while ((key = cli_getopt(&cmd_logs, argc, argv)) != -1) {
        if (key == 'f')
            follow = true;
        else if (key == 'n')
            tail = cli_number("--tail", optarg, 0, TAIL_MAX);
        else if (key == CLIENT_KEY_NODE)
            node = optarg;
        else
            json = true;
    }
    if (argc - optind != 1)
        cli_usage(&cmd_logs, "one function's name belongs here");
    client_check_name(argv[optind]);
    struct client client;
    int code = client_open(&client, node);
    if (code == CLI_OK)
        code = print_logs(&client, argv[optind], tail, follow, json);
    client_close(&client);
    return code;
}

const struct command cmd_logs = {
    .name = "logs",
    .arguments = "[-f] [-n N] NAME",
    .summary = "print what a function logged, and why instances died",
    .options = options,
    .run = run,
};
