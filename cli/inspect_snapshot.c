/* inspect_snapshot.c: mayfly inspect FILE.snap. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/inspect_more.h"
#include "image/inspect.h"

bool inspect_is_snapshot(int fd)
{
    uint64_t magic = 0;
    return pread(fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
           magic == MF_SNAPSHOT_MAGIC;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "?";
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void print_places(const char *title, const json_t *places, bool copies)
{
    struct cli_table table;
    size_t i;
    const json_t *place;
    printf("\n%s%s%s\n", cli_colour(CLI_BOLD), title, cli_colour(CLI_PLAIN));
    cli_table_open(&table, 4);
    cli_table_add(&table, "MAY");
    cli_table_add(&table, "ADDRESS");
    cli_table_add(&table, "PAGES");
    cli_table_add(&table, "%s", copies ? "AT A RESTORE" : "");
    json_array_foreach (places, i, place) {
        json_int_t address = number(place, "address"), bytes = number(place, "bytes");
        bool copied = json_is_true(json_object_get(place, "copied"));
        cli_table_add(&table, "%s", text(place, "permissions"));
        cli_table_add(&table, "0x%llx..0x%llx", address, address + bytes);
        cli_table_add(&table, "%lld", bytes / (json_int_t)MF_PAGE_BYTES);
        cli_table_add(&table, "%s", !copies ? "" : copied ? "copied" : "mapped");
    }
    cli_table_close(&table);
}

static void print_touched(const json_t *touched)
{
    if (!touched)
        return;
    printf("touched an event touches %lld pages, ", number(touched, "pages"));
    if (!json_is_true(json_object_get(touched, "holds")))
        printf("damaged or stale: not used\n");
    else if (number(touched, "samples") < (json_int_t)MF_TOUCHED_SAMPLES)
        printf("seen once: not used yet\n");
    else
        printf("prepared at start\n");
}

static void print(const char *path, const json_t *snapshot, bool holds)
{
    char content[16], window[16];
    json_int_t pages = number(snapshot, "pages");
    printf("%s%s%s: snapshot, %s in %lld pages, ABI %lld\n", cli_colour(CLI_BOLD), path,
           cli_colour(CLI_PLAIN), cli_bytes((uint64_t)pages * MF_PAGE_BYTES, content), pages,
           number(snapshot, "abi_version"));
    printf("made    %s\n", text(snapshot, "made_at"));
    printf("key     %s\nimage   %s\n", text(snapshot, "key"), text(snapshot, "image"));
    printf("digest  %s  %s%s%s\n", text(json_object_get(snapshot, "digest"), "value"),
           cli_colour(holds ? CLI_GREEN : CLI_RED), holds ? "holds" : "DOES NOT HOLD",
           cli_colour(CLI_PLAIN));
    printf("window  %s\n", cli_bytes((uint64_t)number(snapshot, "window_bytes"), window));
    print_touched(json_object_get(snapshot, "touched"));
    print_places("Ranges: what the guest said that its pages allow",
                 json_object_get(snapshot, "ranges"), false);
    print_places("Runs: pages with content", json_object_get(snapshot, "runs"), true);
}

/* Of the file beside it; NULL: there is none, or it is not one. */
static json_t *touched_beside(const char *path, const struct snapshot *snapshot)
{
    static const char suffix[] = ".snap", other[] = ".touched";
    _Alignas(uint64_t) uint8_t file[MF_TOUCHED_BYTES_MAX + 1];
    char beside[PATH_MAX];
    struct touched touched;
    struct mf_why ignored;
    size_t stem = strlen(path);
    stem -= stem < sizeof suffix ? stem : sizeof suffix - 1;
    if (strcmp(path + stem, suffix) != 0 || stem + sizeof other > sizeof beside)
        return NULL;
    memcpy(beside, path, stem);
    memcpy(beside + stem, other, sizeof other);
    int fd = open(beside, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : pread(fd, file, sizeof file, 0);
    if (fd >= 0)
        (void)close(fd);
    if (got < 0 || touched_parse(file, (size_t)got, &touched, &ignored) != MF_OK)
        return NULL;
    return inspect_touched(&touched, snapshot);
}

int inspect_snapshot_file(const char *path, int fd, bool json)
{
    struct snapshot_copy copy;
    struct mf_why why = {{0}};
    mf_err err = snapshot_load(fd, &copy, &why);
    if (err)
        return cli_fail(CLI_FAILED, "%s: %s", path, mf_why_text(&why, err));
    json_t *snapshot = inspect_snapshot(&copy);
    json_t *touched = touched_beside(path, &copy.snapshot);
    if (touched)
        (void)json_object_set_new(snapshot, "touched", touched); /* takes it, come what may */
    bool holds = snapshot_holds(&copy);
    snapshot_unload(&copy);
    int code = CLI_OK;
    if (json || !snapshot)
        code = cli_print_json(json_incref(snapshot));
    else
        print(path, snapshot, holds);
    json_decref(snapshot);
    if (code == CLI_OK && !holds)
        code = cli_fail(CLI_FAILED, "%s: damaged or changed, its digest does not hold; a node "
                        "makes another one", path);
    return code;
}
