/*
 * cmd_run.c: mayfly run: one image without a node. A spawner of our own, one
 * instance, events from standard input, replies to standard output; what the
 * function says and why it died to standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/run.h"
#include "image/image.h"
#include "image/settings.h"
#include "node/instance/report.h"
#include "node/operations/permit.h"
#include "sdk/local_serve.h"

#define DRAIN_NS MF_NS_PER_S /* for its last words, after the last reply */

struct run {
    const char *path;
    int image_fd;
    struct image_file image;
    struct settings settings;
    struct mf_buf env;
    uint32_t env_count;
    struct session_host host;
    struct session session;
    bool head, events;
};

enum { KEY_SANDBOX = CLI_LONG, KEY_ENV, KEY_TIMEOUT, KEY_JIT, KEY_EVENTS };

#define STATUS_ERROR 400u

static const struct cli_option options[] = {
    {"sandbox", KEY_SANDBOX, "NAME", "kvm, process or auto; default: as the image says"},
    {"env", KEY_ENV, "NAME=VALUE", "add to the function's environment; may be repeated"},
    {"timeout", KEY_TIMEOUT, "MS", "milliseconds for one event; default: as the image says"},
    {"jit", KEY_JIT, "WHETHER", "true or false: may it run code that it made itself? default: as the image says"},
    {"include", 'i', NULL, "print the reply's status and headers, too"},
    {"events", KEY_EVENTS, NULL, "read one JSON event a line, print one JSON reply a line"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_run = {
    .name = "run",
    .arguments = "FILE.mf [options] < EVENT",
    .summary = "run an image here, without a node",
    .details =
        "Standard input is one event: the head of an HTTP/1.1 request, an empty line and its\n"
        "body; or just a body, which is sent as POST /. The reply's body goes to standard\n"
        "output; the function's log, and a report if it faults, to standard error.\n"
        "\n"
        "With --events each line of input is an event,\n"
        "  {\"method\": \"GET\", \"path\": \"/\", \"query\": \"a=1\", \"headers\": {}, \"body\": \"\"}\n"
        "every key of which may be left out, and each line of output a reply,\n"
        "  {\"status\": 200, \"headers\": {}, \"body\": \"\"}, or {\"error\": …, \"cause\": …}.\n"
        "A body that is not UTF-8 stands in \"body_base64\". One instance serves them all; if\n"
        "it dies, the next event gets a new one.",
    .options = options,
    .run = run,
};

static void hear_log(void *context, enum mf_log_level level, const char *text, size_t bytes);
static void hear_console(void *context, const char *line, size_t bytes);
static mf_err serve_operation(void *context, uint32_t operation, const uint8_t *request,
                              uint32_t bytes, struct mf_result *result, uint8_t *data,
                              struct mf_why *why);
static int open_image(struct run *run);
static int add_env(struct run *run, const char *pair);
static int merge_env(struct run *run);
static int serve_one(struct run *run);
static int serve_lines(struct run *run);
static void close_all(struct run *run);

/* Options that overlay the image's own settings are kept until those are read. */
struct asked {
    enum mf_sandbox sandbox;
    bool has_sandbox, jit, has_jit;
    uint32_t timeout_ms;
};

static void parse(int argc, char **argv, struct run *run, struct asked *asked)
{
    int key;
    while ((key = cli_getopt(&cmd_run, argc, argv)) != -1) {
        if (key == KEY_SANDBOX) {
            asked->has_sandbox = sandbox_from_name(optarg, &asked->sandbox);
            if (!asked->has_sandbox)
                cli_usage(&cmd_run, "--sandbox '%s': kvm, process or auto belongs here", optarg);
        } else if (key == KEY_ENV) {
            if (add_env(run, optarg))
                cli_usage(&cmd_run, "--env '%s': NAME=VALUE belongs here", optarg);
        } else if (key == KEY_TIMEOUT) {
            asked->timeout_ms = (uint32_t)cli_number("--timeout", optarg, 1, MF_TIMEOUT_MS_MAX);
        } else if (key == KEY_JIT) {
            asked->has_jit = true;
            asked->jit = cli_whether("--jit", optarg);
        } else if (key == 'i') {
            run->head = true;
        } else if (key == KEY_EVENTS) {
            run->events = true;
        }
    }
    if (argc - optind != 1)
        cli_usage(&cmd_run, argc == optind ? "which image?" : "one image at a time");
    if (run->head && run->events)
        cli_usage(&cmd_run, "--include is for one event; JSON replies have it all");
    run->path = argv[optind];
}

static int run(int argc, char **argv)
{
    struct run run = {.image_fd = -1, .host.spawner.fd = -1};
    struct asked asked = {0};
    settings_init(&run.settings);
    parse(argc, argv, &run, &asked);
    int code = open_image(&run);
    if (!code) {
        if (asked.has_sandbox)
            run.settings.sandbox = asked.sandbox;
        if (asked.has_jit)
            run.settings.jit = asked.jit;
        if (asked.timeout_ms)
            run.settings.timeout_ms = asked.timeout_ms;
        code = merge_env(&run);
    }
    char path[PATH_MAX];
    struct mf_why why = {{0}};
    if (!code && !cli_beside("mayfly-spawner", path, sizeof path))
        code = cli_fail(CLI_FAILED, "mayfly-spawner does not stand beside this program; "
                                    "install it there, or build it with ./up --build");
    if (!code) {
        mf_err err = session_host_open(path, &run.host, &why);
        code = err ? cli_fail_why(&why, err) : CLI_OK;
    }
    if (!code)
        code = run.events ? serve_lines(&run) : serve_one(&run);
    close_all(&run);
    return code;
}

static int open_image(struct run *run)
{
    struct mf_why why = {{0}};
    run->image_fd = open(run->path, O_RDONLY | O_CLOEXEC);
    if (run->image_fd < 0)
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s", run->path,
                        strerror(errno));
    mf_err err = image_open(run->image_fd, true, &run->image, &why);
    if (!err)
        err = settings_parse((const char *)run->image.data + run->image.image.manifest_offset,
                             run->image.image.info.manifest_bytes, &run->settings, &why);
    return err ? cli_fail(CLI_FAILED, "%s: %s", run->path, mf_why_text(&why, err)) : CLI_OK;
}

static int add_env(struct run *run, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair || mf_buf_add(&run->env, pair, strlen(pair) + 1))
        return -1;
    run->env_count++;
    return 0;
}

static bool asked_for(const struct run *run, const char *pair)
{
    size_t name_bytes = strcspn(pair, "=") + 1;
    const char *at = (const char *)run->env.data;
    for (uint32_t i = 0; i < run->env_count; i++, at += strlen(at) + 1)
        if (strncmp(at, pair, name_bytes) == 0)
            return true;
    return false;
}

/* The image's environment behind ours, where ours does not replace it. */
static int merge_env(struct run *run)
{
    const char *at = run->settings.guest_env;
    uint32_t asked_count = run->env_count;
    struct mf_buf rest = {0};
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < run->settings.guest_env_count && !err; i++, at += strlen(at) + 1) {
        if (asked_for(run, at))
            continue;
        err = mf_buf_add(&rest, at, strlen(at) + 1);
        asked_count++;
    }
    if (!err && rest.bytes)
        err = mf_buf_add(&run->env, rest.data, rest.bytes);
    mf_buf_close(&rest);
    run->env_count = asked_count;
    if (err)
        return cli_fail_why(NULL, err);
    if (run->env.bytes > MF_ENV_BYTES_MAX || run->env_count > MF_ENV_COUNT_MAX)
        return cli_fail(CLI_FAILED, "the environment has %u entries of %zu bytes; %d of %d are "
                        "allowed: pass less with --env", run->env_count, run->env.bytes,
                        MF_ENV_COUNT_MAX, MF_ENV_BYTES_MAX);
    return CLI_OK;
}

static mf_err start(struct run *run, struct mf_why *why)
{
    if (run->session.state != SESSION_CLOSED && run->session.state != SESSION_ENDED)
        return MF_OK;
    session_close(&run->session);
    struct session_options with = {
        .sandbox = run->settings.sandbox,
        .image_fd = run->image_fd,
        .flags = run->settings.jit ? MF_START_JIT : 0,
        .window_bytes = (uint64_t)run->settings.memory_mib << 20,
        .env = (const char *)run->env.data,
        .env_bytes = (uint32_t)run->env.bytes,
        .env_count = run->env_count,
        .ears = {.log = hear_log,
                 .console = hear_console,
                 .operation = serve_operation,
                 .context = run},
    };
    return session_open(&run->host, &with, &run->session, why);
}

/* Give it the event and wait. MF_EDEAD: it had died before, so try a new one. */
static mf_err serve(struct run *run, const struct run_event *from, struct mf_why *why)
{
    mf_err err = start(run, why);
    if (err)
        return err;
    struct session_event event = {
        .head = from->head,
        .head_bytes = from->head_bytes,
        .body = from->body,
        .body_bytes = from->body_bytes,
        .deadline_ns = mf_monotonic_ns() + run->settings.timeout_ms * MF_NS_PER_MS,
    };
    err = session_invoke(&run->session, &event);
    if (!err)
        (void)session_wait(&run->session);
    return err;
}

/* The words for an event that got no reply, and the exit code. */
static int explain(const struct run *run)
{
    const struct session *session = &run->session;
    if (session->outcome == SESSION_REPLIED)
        return CLI_OK;
    if (session->outcome == SESSION_FAILED) {
        struct mf_buf text = {0};
        mf_err err = report_add(&text, (const char *)session->body.data, session->body.bytes, NULL);
        int code = cli_fail(CLI_FUNCTION, "%s: the handler failed: %s", run->settings.name,
                            err || !text.bytes ? "no message" : (const char *)text.data);
        mf_buf_close(&text);
        return code;
    }
    bool start_failed = strcmp(session->cause, "start-failed") == 0;
    return cli_fail(start_failed ? CLI_FAILED : CLI_FUNCTION, "%s: no reply: %s%s%s",
                    run->settings.name, session->cause, session->why.text[0] ? ": " : "",
                    session->why.text);
}

static int serve_one(struct run *run)
{
    static struct run_event event;
    struct mf_buf input = {0};
    struct mf_why why = {{0}};
    if (isatty(STDIN_FILENO))
        cli_note("an event, please: an HTTP/1.1 request or just a body, then Ctrl-D");
    mf_err err = run_read_all(stdin, &input, &why);
    if (!err)
        err = run_event_from_text(&input, &event, &why);
    if (!err)
        err = serve(run, &event, &why);
    int code = err ? cli_fail_why(&why, err) : explain(run);
    if (!err && run->session.outcome == SESSION_REPLIED) {
        run_print_reply(&run->session, run->head);
        if (run->session.status >= STATUS_ERROR) /* as `invoke` and a function run by hand */
            code = cli_fail(CLI_FUNCTION, "%s answered %u", run->settings.name,
                            run->session.status);
    } else if (!err) {
        run_print_partial(&run->session); /* what a program printed before it failed */
    }
    run_event_close(&event);
    mf_buf_close(&input);
    return code;
}

static int serve_lines(struct run *run)
{
    static struct run_event event;
    struct mf_buf line = {0};
    struct mf_why why = {{0}};
    mf_err err;
    int code = CLI_OK;
    unsigned long number = 0;
    while ((err = run_read_line(stdin, &line, &why)) == MF_OK) {
        number++;
        if (line.bytes == 0)
            continue;
        why.text[0] = 0;
        err = run_event_from_json(&line, &event, &why);
        if (!err)
            err = serve(run, &event, &why);
        if (!err)
            err = run_print_reply_json(&run->session, &why);
        run_event_close(&event);
        if (err)
            break;
        if (run->session.outcome != SESSION_REPLIED)
            code = explain(run);
    }
    mf_buf_close(&line);
    if (err != MF_ENOENT)
        return cli_fail(err == MF_EUNSUPPORTED ? CLI_UNSUPPORTED : CLI_FAILED, "event %lu: %s",
                        number, mf_why_text(&why, err));
    return code;
}

static void hear_log(void *context, enum mf_log_level level, const char *text, size_t bytes)
{
    static const char *const names[] = {
#define NAME(nr, NAME_, name) [nr] = name,
        MF_LOG_LEVELS(NAME)
#undef NAME
    };
    (void)context;
    struct mf_buf out = {0};
    if (report_add(&out, text, bytes, NULL) == MF_OK)
        fprintf(stderr, "%s: %s\n", names[level], out.bytes ? (const char *)out.data : "");
    mf_buf_close(&out);
}

static void hear_console(void *context, const char *line, size_t bytes)
{
    const struct run *run = context;
    struct mf_buf out = {0};
    if (report_add(&out, line, bytes, &run->image) == MF_OK)
        fprintf(stderr, "%s\n", out.bytes ? (const char *)out.data : "");
    mf_buf_close(&out);
}

/* As a node would, by the image's own `allow`, but in memory (sdk/local_serve.h). */
static mf_err serve_operation(void *context, uint32_t operation, const uint8_t *request,
                              uint32_t bytes, struct mf_result *result, uint8_t *data,
                              struct mf_why *why)
{
    const struct run *run = context;
    struct operation_request decoded;
    struct mf_why words = {{0}};
    const char *list;
    mf_err err = operation_decode(operation, request, bytes, &decoded, why);
    if (err)
        return err;
    enum mf_result_error error = operation_check(&decoded, &words);
    if (!error && !operation_permitted(&run->settings.allow, &decoded, &list)) {
        error = MF_RESULT_DENIED;
        (void)mf_why(&words, MF_EDENIED, "%s is denied: allow.%s of the function's settings does "
                     "not name it", operation_name(decoded.kind), list);
    }
    if (!error) {
        local_serve(operation, request, bytes, result, data);
        return MF_OK;
    }
    *result = (struct mf_result){.error = (uint32_t)error,
                                 .data_bytes = (uint32_t)strlen(words.text)};
    memcpy(data, words.text, result->data_bytes);
    return MF_OK;
}

static void close_all(struct run *run)
{
    if (run->session.state == SESSION_IDLE)
        session_drain(&run->session, mf_monotonic_ns() + DRAIN_NS);
    session_close(&run->session);
    session_host_close(&run->host);
    image_close(&run->image);
    if (run->image_fd >= 0)
        (void)close(run->image_fd);
    settings_close(&run->settings);
    mf_buf_close(&run->env);
}
