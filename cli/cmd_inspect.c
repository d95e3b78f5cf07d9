/*
 * cmd_inspect.c: mayfly inspect FILE.mf (what is in an image), FILE.snap, NAME, and
 * inspect --host (what this machine lets a guest do). The text is printed from the same JSON that
 * --json gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/host.h"
#include "cli/inspect_more.h"
#include "image/inspect.h"
#include "image/settings.h"

enum { KEY_HOST = CLI_LONG + 1, KEY_JSON };

static const struct cli_option options[] = {
    {"host", KEY_HOST, NULL, "show the host calls each sandbox admits, and which work here"},
    {"json", KEY_JSON, NULL, "print as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

static void title(const char *text)
{
    printf("\n%s%s%s\n", cli_colour(CLI_BOLD), text, cli_colour(CLI_PLAIN));
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void print_head(const char *path, const json_t *image)
{
    const json_t *hash = json_object_get(image, "hash"), *bytes = json_object_get(image, "bytes");
    bool holds = json_is_true(json_object_get(hash, "holds"));
    char file[16], kernel[16], program[16], window[16];
    printf("%s%s%s: %s, ABI %" JSON_INTEGER_FORMAT "\n", cli_colour(CLI_BOLD), path,
           cli_colour(CLI_PLAIN), cli_bytes((uint64_t)number(bytes, "file"), file),
           number(image, "abi_version"));
    printf("%s %s  %s%s%s\n", text(hash, "algorithm"), text(hash, "value"),
           cli_colour(holds ? CLI_GREEN : CLI_RED), holds ? "holds" : "DOES NOT HOLD",
           cli_colour(CLI_PLAIN));
    printf("in memory: kernel %s (for %s), program %s, in a window of %s\n",
           cli_bytes((uint64_t)number(bytes, "kernel_memory"), kernel),
           strcmp(text(image, "kernel"), "linux") == 0 ? "any Linux program" : "programs of the SDK",
           cli_bytes((uint64_t)number(bytes, "program_memory"), program),
           cli_bytes((uint64_t)number(bytes, "window"), window));
}

/* As the build named them; an image that was made by others may name none. */
static void print_parts(const json_t *image)
{
    const json_t *parts = json_object_get(image, "kernel_parts");
    const char *folder, *between = "parts of the kernel: ";
    json_t *files;
    json_object_foreach ((json_t *)(uintptr_t)parts, folder, files) {
        printf("%s%s %lld", between, folder, json_integer_value(files));
        between = ", ";
    }
    if (json_object_size(parts))
        printf(" (source files)\n");
}

static void print_root(const json_t *image)
{
    const json_t *root = json_object_get(image, "root");
    char content[16];
    if (json_object_get(root, "refused"))
        printf("root file system: %s\n", text(root, "refused"));
    else if (json_is_object(root))
        printf("root file system: %lld files of %s, %lld folders, %lld links; %lld laid out as loaded\n",
               number(root, "files"), cli_bytes((uint64_t)number(root, "content_bytes"), content),
               number(root, "folders"), number(root, "links"), number(root, "loaded"));
}

static void print_sandbox(const json_t *image)
{
    const json_t *sandbox = json_object_get(image, "sandbox");
    bool runs = json_is_string(json_object_get(sandbox, "here"));
    if (sandbox)
        printf("sandbox here: %s%s%s (%s)\n", cli_colour(runs ? CLI_GREEN : CLI_RED),
               runs ? text(sandbox, "here") : "none", cli_colour(CLI_PLAIN),
               text(sandbox, "why"));
}

static void print_settings(const json_t *image)
{
    title("Settings");
    if (json_object_get(image, "manifest_refused")) {
        printf("%sthe manifest is refused:%s %s\n", cli_colour(CLI_RED), cli_colour(CLI_PLAIN),
               text(image, "manifest_refused"));
        return;
    }
    const json_t *manifest = json_object_get(image, "manifest");
    const char *key;
    json_t *value;
    json_object_foreach (json_object_get(image, "settings"), key, value) {
        size_t ascii = json_is_object(value) ? JSON_ENSURE_ASCII : 0; /* values may hold anything */
        char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | ascii);
        bool given = json_object_get(manifest, key) != NULL;
        printf("%-16s %s%s%s%s\n", key, shown ? shown : "?", given ? "" : cli_colour(CLI_DIM),
               given ? "" : "  (default)", cli_colour(CLI_PLAIN));
        free(shown);
    }
}

static void print_segments(const json_t *image)
{
    struct cli_table table;
    title("Segments");
    cli_table_open(&table, 5);
    static const char *const heading[] = {"OWNER", "MAY", "ADDRESS", "MEMORY", "IN THE FILE"};
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        cli_table_add(&table, "%s", heading[i]);
    size_t i;
    json_t *segment;
    json_array_foreach (json_object_get(image, "segments"), i, segment) {
        json_int_t address = number(segment, "address"), memory = number(segment, "memory_bytes");
        char bytes[16];
        cli_table_add(&table, "%s", text(segment, "owner"));
        cli_table_add(&table, "%s", text(segment, "permissions"));
        cli_table_add(&table, "0x%llx..0x%llx", address, address + memory);
        cli_table_add(&table, "%s", cli_bytes((uint64_t)memory, bytes));
        cli_table_add(&table, "%s", cli_bytes((uint64_t)number(segment, "file_bytes"), bytes));
    }
    cli_table_close(&table);
}

static void print_entries(const json_t *image)
{
    title("Entry points");
    const char *key;
    json_t *value;
    json_object_foreach (json_object_get(image, "entries"), key, value)
        printf("%-16s 0x%llx\n", key, json_integer_value(value));
    const json_t *symbols = json_object_get(image, "symbols");
    printf("symbols          %lld of the kernel, %lld of the program\n", number(symbols, "kernel"),
           number(symbols, "program"));
}

static void print_calls(const json_t *image)
{
    const json_t *calls = json_object_get(image, "system_calls");
    const json_t *known = json_object_get(calls, "calls");
    title("System calls the program contains");
    size_t i, column = 0;
    json_t *call;
    json_array_foreach (known, i, call) {
        char name[64];
        if (json_is_string(json_object_get(call, "name")))
            (void)snprintf(name, sizeof name, "%s", text(call, "name"));
        else
            (void)snprintf(name, sizeof name, "number %lld", number(call, "number"));
        size_t bytes = strlen(name) + 1;
        if (column + bytes > 90) {
            printf("\n");
            column = 0;
        }
        printf("%s%s", column ? " " : "", name);
        column += bytes;
    }
    printf("%s(%zu, at %lld places)\n", column ? "\n" : "none ", json_array_size(known),
           number(calls, "sites") - number(calls, "unknown"));
    const json_t *at = json_object_get(calls, "unknown_at");
    if (number(calls, "jumps"))
        printf("%lld of all places are jumps to the library OS, which cost no trap\n", number(calls, "jumps"));
    if (!json_array_size(at))
        return;
    printf("At %lld more the number is not known until run time, as in a C library's syscall(), "
           "which takes it as an argument:\n", number(calls, "unknown"));
    json_array_foreach (at, i, call)
        printf("%s0x%llx", i ? " " : "", json_integer_value(call));
    printf("%s\n", number(calls, "unknown") > (json_int_t)json_array_size(at) ? " ..." : "");
}

static int show(const char *path, json_t *image, bool json)
{
    if (!image)
        return cli_fail(CLI_FAILED, "out of memory");
    bool holds = json_is_true(json_object_get(json_object_get(image, "hash"), "holds"));
    bool refused = json_object_get(image, "manifest_refused") != NULL;
    int code = CLI_OK;
    if (json) {
        code = cli_print_json(json_incref(image));
    } else {
        print_head(path, image);
        print_parts(image);
        print_root(image);
        print_sandbox(image);
        print_settings(image);
        print_segments(image);
        print_entries(image);
        print_calls(image);
    }
    json_decref(image);
    if (code == CLI_OK && (!holds || refused))
        code = cli_fail(CLI_FAILED, "%s: %s; a node refuses it", path,
                        holds ? "its manifest is not valid"
                              : "damaged or changed, its hash does not hold");
    return code;
}

/* Not the image's, but what it comes to on this machine. */
static void add_sandbox(json_t *image)
{
    enum mf_sandbox asked;
    const json_t *settings = json_object_get(image, "settings");
    if (settings && sandbox_from_name(text(settings, "sandbox"), &asked))
        (void)json_object_set_new(image, "sandbox", host_choice(asked));
}

/* No file has that name; a folder may: `mayfly new` makes one of the function's. */
static bool is_function(const char *path)
{
    struct stat status;
    bool file = stat(path, &status) == 0 ? !S_ISDIR(status.st_mode) : errno != ENOENT;
    return !file && settings_name_valid(path, strlen(path));
}

static int inspect(const char *node, const char *path, bool json)
{
    if (is_function(path))
        return inspect_function(node, path, json);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s", path,
                        strerror(errno));
    if (inspect_is_snapshot(fd)) {
        int code = inspect_snapshot_file(path, fd, json);
        (void)close(fd);
        return code;
    }
    struct image_file file;
    struct mf_why why = {0};
    mf_err err = image_open(fd, false, &file, &why);
    (void)close(fd);
    if (err)
        return cli_fail(CLI_FAILED, "%s: %s", path, mf_why_text(&why, err));
    json_t *image = inspect_image(&file);
    if (image)
        add_sandbox(image);
    int code = show(path, image, json);
    image_close(&file);
    return code;
}

static int run(int argc, char **argv)
{
    const char *node = NULL;
    bool host = false, json = false;
    int key;
    while ((key = cli_getopt(&cmd_inspect, argc, argv)) != -1) {
        if (key == KEY_HOST)
            host = true;
        else if (key == KEY_JSON)
            json = true;
        else if (key == CLIENT_KEY_NODE)
            node = optarg;
    }
    if (host && optind < argc)
        cli_usage(&cmd_inspect, "--host is about this machine, not about an image");
    if (host)
        return host_show(json);
    if (argc - optind != 1)
        cli_usage(&cmd_inspect, "give one file or one function");
    return inspect(node, argv[optind], json);
}

const struct command cmd_inspect = {
    .name = "inspect",
    .arguments = "FILE.mf | FILE.snap | NAME | --host [--json]",
    .summary = "show what is in an image or a snapshot, a function, or this machine",
    .details =
        "Of an image: segments with their permissions, settings, the content hash and\n"
        "whether it holds, entry points, and the system calls that the program's code\n"
        "contains, as far as they can be told without running it; and in which sandbox it\n"
        "would run on this machine.\n\n"
        "An image that is refused is refused with the reason.\n\n"
        "Of a snapshot (in the node's state directory): what it was made of and when,\n"
        "its pages, and whether its digest holds. A NAME that is no file is a function of\n"
        "the node: its sandbox, isolation and snapshot with their reasons, its instances.",
    .options = options,
    .run = run,
};
