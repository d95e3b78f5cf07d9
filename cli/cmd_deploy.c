/*
 * cmd_deploy.c: mayfly deploy: an image (or a project, built first) to the node,
 * under a name, with settings over those in its manifest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/layout.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/build.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/deploy_workflow.h"
#include "cli/upload.h"
#include "image/image.h"
#include "image/settings.h"

#define SNAPSHOT_WAIT_MS 5000
#define SNAPSHOT_LOOK_MS 2
#define SNAPSHOT_LOOK_MS_MAX 100

enum { KEY_DRY_RUN = CLI_LONG + 90, KEY_NAME = CLI_LONG + 1, KEY_SANDBOX, KEY_ISOLATION, KEY_KEEP_ALIVE, KEY_NEXT, KEY_TENANT, KEY_ALLOW, KEY_PRIORITY,
       KEY_SECRET, KEY_DURABILITY, KEY_OVERLOAD, KEY_OFFLOAD_URL, KEY_LISTEN, KEY_JIT, KEY_JSON, KEY_NUMBER };

/* Settings that are numbers: N(row, option, key of settings.h, unit, least, most, help). */
#define NUMBERS(N)                                                                             \
    N(0, "memory", "memory_mib", "MIB", MF_WINDOW_MIN >> 20, MF_WINDOW_MAX >> 20,              \
      "memory of one instance")                                                                \
    N(1, "timeout", "timeout_ms", "MS", 1, MF_TIMEOUT_MS_MAX, "what one request may take")     \
    N(2, "max-instances", "max_instances", "N", 1, MF_INSTANCES_MAX,                           \
      "instances at the same time")                                                            \
    N(3, "wait", "wait_ms", "MS", 0, MF_WAIT_MS_MAX, "how long a request waits for an instance") \
    N(4, "idle", "idle_ms", "MS", 0, MF_IDLE_MS_MAX, "as --keep-alive, in milliseconds")        \
    N(5, "cpu-share", "cpu_share", "N", 1, MF_CPU_SHARE_MAX,                                   \
      "weight against other functions; usual is 100")                                          \
    N(6, "cpu-ceiling", "cpu_ceiling_pct", "PERCENT", 0, 100, "of one processor; 0: no ceiling") \
    N(7, "attempts", "attempts_max", "N", 1, MF_ATTEMPTS_MAX,                                  \
      "at an asynchronous call, until it is a dead letter")                                    \
    N(8, "max-age", "max_age_s", "SECONDS", 0, MF_EVENT_AGE_S_MAX,                             \
      "of an asynchronous call that waits; 0: any")                                            \
    N(9, "queue-max", "queue_max", "N", 1, MF_QUEUE_EVENTS_MAX, "asynchronous calls that wait") \
    N(10, "grace", "grace_ms", "MS", 0, MF_GRACE_MS_MAX,                                       \
      "after the start of an instance, until another one is started")                          \
    N(11, "scale-threshold", "scale_threshold", "N", 0, MF_QUEUE_EVENTS_MAX,                   \
      "another instance is started only if more calls wait")                                   \
    N(12, "min-instances", "min_instances", "N", 0, MF_INSTANCES_MAX, "instances that are kept running")

struct number {
    const char *option, *key;
    uint64_t least, most;
};

static const struct number numbers[] = {
#define ROW(row, option, key, unit, least, most, help) [row] = {"--" option, key, least, most},
    NUMBERS(ROW)
#undef ROW
};

static const struct cli_option options[] = {
    {"file", 'f', "FILE", "the functions of a mayfly.yml, together: all or none"},
    {"dry-run", KEY_DRY_RUN, NULL, "of --file: say what would change, and change nothing"},
    {"name", KEY_NAME, "NAME", "deploy under this name (default: the image's own)"},
    {"env", 'e', "NAME=VALUE", "set in the function's environment; may be repeated"},
    {"sandbox", KEY_SANDBOX, "KIND", "kvm, process or auto"},
    {"isolation", KEY_ISOLATION, "KIND", "reset, reuse or fresh: what an event finds of earlier ones"},
    {"keep-alive", KEY_KEEP_ALIVE, "HOW", "of idle instances: none, a duration (60s, 10m), or hybrid"},
    {"next", KEY_NEXT, "NAME", "the function usually called after this one: started while this one runs"},
    {"tenant", KEY_TENANT, "NAME", "whose key-values and named queues it means"},
    {"allow", KEY_ALLOW, "LIST=ENTRY", "what it may ask for: read, write, push, pop, http, publish, "
                                       "secrets or splice; may be repeated"},
    {"secret", KEY_SECRET, "NAME", "a secret that it may read, as the file /run/secrets/NAME or by "
                                   "mayfly_secret(); as --allow secrets=NAME; may be repeated"},
    {"priority", KEY_PRIORITY, "CLASS", "bulk or urgent: whose events go first"},
    {"durability", KEY_DURABILITY, "HOW", "what an asynchronous call survives once it is accepted: power-loss or "
                                          "process-crash"},
    {"overload", KEY_OVERLOAD, "HOW", "when its queue is full: backpressure, drop-oldest, dead-letter, "
                                      "stop-workflow or offload"},
    {"offload-url", KEY_OFFLOAD_URL, "URL", "where offload posts what is too much"},
    {"listen", KEY_LISTEN, "PLACE", "PORT or ADDRESS:PORT, connections to which the program's port gets"},
    {"jit", KEY_JIT, "WHETHER", "true or false: may it run code that it made itself?"},
#define ROW(row, option, key, unit, least, most, help) {option, KEY_NUMBER + (row), unit, help},
    NUMBERS(ROW)
#undef ROW
    {"json", KEY_JSON, NULL, "print what was deployed as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

struct deploy {
    const char *node, *name;
    json_t *settings;    /* what the options say */
    json_t *environment; /* of them              */
    const char *file;    /* a mayfly.yml; NULL: one function */
    bool dry_run, json;
};

static int set_environment(struct deploy *deploy, const char *text)
{
    const char *equals = strchr(text, '=');
    char name[256];
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof name)
        cli_usage(&cmd_deploy, "--env '%.40s': NAME=VALUE belongs here", text);
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    json_t *value = json_string(equals + 1);
    if (!value)
        cli_usage(&cmd_deploy, "--env %s: the value is not UTF-8", name);
    return json_object_set_new(deploy->environment, name, value);
}

static void set_keep_alive(struct deploy *deploy, const char *text)
{
    enum keep_alive ignored;
    uint32_t ms;
    struct mf_why why = {{0}};
    mf_err err = keep_alive_from_text(text, &ignored, &ms, &why);
    if (err)
        cli_usage(&cmd_deploy, "--keep-alive: %s", mf_why_text(&why, err));
    json_object_set_new(deploy->settings, "keep_alive", json_string(text));
}

/* Words of which the node knows more, but for those that it cannot know. */
static void set_text(struct deploy *deploy, int key, const char *text)
{
    enum priority priority;
    enum overload overload;
    enum durability durability;
    if (key == KEY_DURABILITY && !durability_from_name(text, &durability))
        cli_usage(&cmd_deploy, "--durability '%s': power-loss or process-crash belongs here", text);
    if (key == KEY_PRIORITY && !priority_from_name(text, &priority))
        cli_usage(&cmd_deploy, "--priority '%s': bulk or urgent belongs here", text);
    if (key == KEY_OVERLOAD && !overload_from_name(text, &overload))
        cli_usage(&cmd_deploy, "--overload '%s': backpressure, drop-oldest, dead-letter, stop-workflow "
                  "or offload belongs here", text);
    json_t *value = json_string(text);
    if (!value)
        cli_usage(&cmd_deploy, "%s: not UTF-8", key == KEY_LISTEN ? "--listen" : "--offload-url");
    json_object_set_new(deploy->settings, key == KEY_PRIORITY     ? "priority"
                                          : key == KEY_DURABILITY ? "durability"
                                          : key == KEY_OVERLOAD   ? "overload"
                                          : key == KEY_LISTEN     ? "listen"
                                                                  : "offload_url", value);
}

/* One entry more; the node says which lists there are. */
static void add_entry(struct deploy *deploy, const char *list, const char *entry)
{
    json_t *allow = json_object_get(deploy->settings, "allow");
    if (!allow && json_object_set_new(deploy->settings, "allow", allow = json_object()) != 0)
        return;
    json_t *entries = json_object_get(allow, list);
    if (!entries && json_object_set_new(allow, list, entries = json_array()) != 0)
        return;
    json_array_append_new(entries, json_string(entry));
}

static void add_allowed(struct deploy *deploy, const char *text)
{
    const char *equals = strchr(text, '=');
    char list[16];
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof list || !equals[1])
        cli_usage(&cmd_deploy, "--allow '%.80s': LIST=ENTRY belongs here, as read=shop/", text);
    (void)snprintf(list, sizeof list, "%.*s", (int)(equals - text), text);
    add_entry(deploy, list, equals + 1);
}

static void add_secret(struct deploy *deploy, const char *name)
{
    if (strchr(name, '='))
        cli_usage(&cmd_deploy, "--secret '%.80s': a name belongs here; its value is a file of the node's "
                  "(mayfly-node --secrets DIR), and never a variable's", name);
    add_entry(deploy, "secrets", name);
}

static void parse(struct deploy *deploy, int argc, char **argv)
{
    int key;
    while ((key = cli_getopt(&cmd_deploy, argc, argv)) != -1) {
        enum mf_sandbox ignored;
        enum isolation no_matter;
        if (key == 'e' && set_environment(deploy, optarg))
            exit(cli_fail(CLI_FAILED, "out of memory"));
        if (key == KEY_NAME)
            deploy->name = optarg;
        if (key == KEY_SANDBOX && !sandbox_from_name(optarg, &ignored))
            cli_usage(&cmd_deploy, "--sandbox '%s': kvm, process or auto belongs here", optarg);
        if (key == KEY_SANDBOX)
            json_object_set_new(deploy->settings, "sandbox", json_string(optarg));
        if (key == KEY_KEEP_ALIVE)
            set_keep_alive(deploy, optarg);
        if (key == KEY_ISOLATION && !isolation_from_name(optarg, &no_matter))
            cli_usage(&cmd_deploy, "--isolation '%s': reset, reuse or fresh belongs here", optarg);
        if (key == KEY_ISOLATION)
            json_object_set_new(deploy->settings, "isolation", json_string(optarg));
        if (key == KEY_NEXT && optarg[0])
            client_check_name(optarg);
        if (key == KEY_NEXT)
            json_object_set_new(deploy->settings, "next", json_string(optarg));
        if (key == KEY_TENANT)
            client_check_name(optarg);
        if (key == KEY_TENANT)
            json_object_set_new(deploy->settings, "tenant", json_string(optarg));
        if (key == KEY_ALLOW)
            add_allowed(deploy, optarg);
        if (key == KEY_SECRET)
            add_secret(deploy, optarg);
        if (key == KEY_PRIORITY || key == KEY_DURABILITY || key == KEY_OVERLOAD || key == KEY_OFFLOAD_URL ||
            key == KEY_LISTEN)
            set_text(deploy, key, optarg);
        if (key == KEY_JIT)
            json_object_set_new(deploy->settings, "jit", json_boolean(cli_whether("--jit", optarg)));
        if (key == 'f')
            deploy->file = optarg;
        deploy->dry_run |= key == KEY_DRY_RUN;
        if (key == KEY_JSON)
            deploy->json = true;
        if (key == CLIENT_KEY_NODE)
            deploy->node = optarg;
        if (key >= KEY_NUMBER && key < KEY_NUMBER + (int)(sizeof numbers / sizeof numbers[0])) {
            const struct number *n = &numbers[key - KEY_NUMBER];
            uint64_t value = cli_number(n->option, optarg, n->least, n->most);
            json_object_set_new(deploy->settings, n->key, json_integer((json_int_t)value));
        }
    }
    if (deploy->file && (deploy->name || json_object_size(deploy->settings) ||
                         json_object_size(deploy->environment)))
        cli_usage(&cmd_deploy, "beside --file only --dry-run, --json and --node can stand: settings "
                               "belong into that file");
    if (deploy->file && argc != optind)
        cli_usage(&cmd_deploy, "'%s' is too much beside --file", argv[optind]);
    if (deploy->dry_run && !deploy->file)
        cli_usage(&cmd_deploy, "--dry-run belongs to --file");
    if (!deploy->file && argc - optind != 1)
        cli_usage(&cmd_deploy, "one image or one project's folder belongs here");
    if (deploy->name)
        client_check_name(deploy->name);
}

/* Options for the environment add to the manifest's; at the node the map is replaced as a
 * whole (settings.h). */
static int complete(struct deploy *deploy, const struct image_file *file, const char *path,
                    char name[static MF_NAME_BYTES_MAX + 1])
{
    const char *text = (const char *)file->data + file->image.manifest_offset;
    json_error_t error;
    json_t *manifest = json_loadb(text, file->image.info.manifest_bytes, 0, &error);
    if (!manifest)
        return cli_fail(CLI_FAILED, "%s: the manifest is no JSON: %s", path, error.text);
    const char *own = json_string_value(json_object_get(manifest, "name"));
    (void)snprintf(name, MF_NAME_BYTES_MAX + 1, "%s", deploy->name ? deploy->name : own ? own : "");
    if (json_object_size(deploy->environment)) {
        json_t *all = json_deep_copy(json_object_get(manifest, "environment"));
        if (!json_is_object(all)) {
            json_decref(all);
            all = json_object();
        }
        json_object_update(all, deploy->environment);
        json_object_set_new(deploy->settings, "environment", all);
    }
    json_decref(manifest);
    if (!name[0])
        return cli_fail(CLI_USAGE, "%s has no name of its own; give one with --name", path);
    client_check_name(name);
    return CLI_OK;
}

/* The request; what the node had when it was asked it may have no more, for its last function went: once more then. */
static int put_text(struct client *client, const struct image_file *file, const char *path, const struct request *request,
                    struct answer *answer)
{
    bool sent;
    int code = client_call(client, request, answer);
    if (code != CLI_OK || answer->status < 400)
        return code;
    code = upload_missing(client, file, path, &sent);
    if (code == CLI_OK && !sent)
        return CLI_OK;
    mf_buf_close(&answer->body);
    return code == CLI_OK ? client_call(client, request, answer) : code;
}

static int put(struct client *client, const struct deploy *deploy, const char *name, const struct image_file *file,
               const char *image_path, json_t **function)
{
    char path[128], hash[IMAGE_HASH_TEXT];
    struct answer answer;
    upload_hash(file, hash);
    (void)snprintf(path, sizeof path, "/v1/functions/%s", name);
    json_t *body = json_pack("{s:s, s:O}", "image", hash, "settings", deploy->settings);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return cli_fail(CLI_FAILED, "out of memory");
    const struct request request = {.method = "PUT",
                                    .path = path,
                                    .data = text,
                                    .bytes = strlen(text),
                                    .content_type = "application/json"};
    int code = put_text(client, file, image_path, &request, &answer);
    free(text);
    if (code != CLI_OK)
        return code;
    code = answer.status >= 400 ? client_refused(&answer, name) : client_answer(client, &answer, name, function);
    mf_buf_close(&answer.body);
    return code;
}

static int report(struct client *client, const struct deploy *deploy, const char *name,
                  json_t *function)
{
    char gateway[CLIENT_ADDRESS_MAX], url[CLIENT_ADDRESS_MAX + 128];
    int code = client_gateway(client, gateway);
    if (code != CLI_OK)
        return code;
    (void)snprintf(url, sizeof url, "%s/function/%s", gateway, name);
    if (deploy->json) {
        json_object_set_new(function, "url", json_string(url));
        return cli_print_json(json_incref(function));
    }
    printf("%s\n", url);
    return CLI_OK;
}

static const char *snapshot_state(const json_t *function)
{
    const char *state =
        json_string_value(json_object_get(json_object_get(function, "snapshot"), "state"));
    return state ? state : "";
}

/* The node makes the snapshot beside everything else: wait a while for how it ends.
 * *function becomes what the node says last. */
static int await_snapshot(struct client *client, const char *name, json_t **function)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/functions/%s", name);
    const struct request request = {.method = "GET", .path = path};
    uint64_t until_ns = mf_monotonic_ns() + SNAPSHOT_WAIT_MS * MF_NS_PER_MS;
    uint64_t pause_ns = SNAPSHOT_LOOK_MS * MF_NS_PER_MS;
    while (strcmp(snapshot_state(*function), "making") == 0 && mf_monotonic_ns() < until_ns) {
        const struct timespec pause = {.tv_nsec = (long)pause_ns};
        json_t *now = NULL;
        (void)nanosleep(&pause, NULL);
        if (pause_ns < SNAPSHOT_LOOK_MS_MAX * MF_NS_PER_MS)
            pause_ns *= 2;
        int code = client_json(client, &request, name, &now);
        if (code != CLI_OK)
            return code;
        json_decref(*function);
        *function = now;
    }
    return CLI_OK;
}

static void tell_snapshot(const json_t *function)
{
    const json_t *snapshot = json_object_get(function, "snapshot");
    const char *state = snapshot_state(function);
    const char *reason = json_string_value(json_object_get(snapshot, "reason"));
    char bytes[16];
    if (strcmp(state, "ready") == 0)
        cli_note("snapshot %s", cli_bytes((uint64_t)json_integer_value(
                                              json_object_get(snapshot, "bytes")),
                                          bytes));
    else if (strcmp(state, "making") == 0)
        cli_note("the snapshot is still being made; until then starts boot");
    else if (reason)
        cli_note("no snapshot, so each start boots: %s", reason);
}

static int deploy_file(struct deploy *deploy, const char *path)
{
    struct image_file file;
    int code = upload_open(path, &file);
    if (code != CLI_OK)
        return code;
    char name[MF_NAME_BYTES_MAX + 1];
    struct client client = {0};
    json_t *function = NULL;
    bool ignored;
    code = complete(deploy, &file, path, name);
    if (code == CLI_OK)
        code = client_open(&client, deploy->node);
    if (code == CLI_OK)
        code = upload_missing(&client, &file, path, &ignored); /* what is there is not sent again */
    if (code == CLI_OK)
        code = put(&client, deploy, name, &file, path, &function);
    if (code == CLI_OK)
        code = await_snapshot(&client, name, &function);
    if (code == CLI_OK && !deploy->json)
        tell_snapshot(function);
    if (code == CLI_OK)
        code = report(&client, deploy, name, function);
    json_decref(function);
    client_close(&client);
    image_close(&file);
    return code;
}

/* The image of a project that is only deployed leaves no file behind. */
static int deploy_project(struct deploy *deploy, char *folder)
{
    const char *tmp = getenv("TMPDIR");
    char place[PATH_MAX], out[PATH_MAX + 16];
    (void)snprintf(place, sizeof place, "%s/mayfly-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(place))
        return cli_fail(CLI_FAILED, "%s: %s", place, strerror(errno));
    (void)snprintf(out, sizeof out, "%s/function.mf", place);
    struct built built;
    const struct build build = {.input = &folder, .input_count = 1, .out = out};
    int code = build_image(&build, &built);
    if (code == CLI_OK)
        code = deploy_file(deploy, out);
    (void)unlink(out);
    (void)rmdir(place);
    return code;
}

static int run(int argc, char **argv)
{
    struct deploy deploy = {.settings = json_object(), .environment = json_object()};
    struct stat about;
    parse(&deploy, argc, argv);
    char *path = argv[optind];
    const struct deploy_workflow together = {deploy.file, deploy.node, deploy.dry_run, deploy.json};
    int code;
    if (deploy.file)
        code = deploy_workflow(&together);
    else if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        code = deploy_project(&deploy, path);
    else
        code = deploy_file(&deploy, path);
    json_decref(deploy.settings);
    json_decref(deploy.environment);
    return code;
}

const struct command cmd_deploy = {
    .name = "deploy",
    .arguments = "[OPTION...] FILE.mf | DIR | -f mayfly.yml [--dry-run]",
    .summary = "put an image on the node, or replace what runs there",
    .details =
        "DIR is a project, which is built first. Options stand over the settings in the\n"
        "image's manifest. What ran before serves until the new version is accepted; if it\n"
        "is refused, it keeps running. An image that the node has is not sent again. Prints the\n"
        "function's address.\n\n"
        "The node then starts the function once and keeps it as it waits for its first\n"
        "event, in a snapshot that later starts restore; this waits for it for a while.\n\n"
        "With -f the functions of a mayfly.yml: sources are built, images that are missing\n"
        "uploaded, and then all of it comes into force at once, or nothing does. Functions\n"
        "that the version before had and this one has not are removed.",
    .options = options,
    .run = run,
};
