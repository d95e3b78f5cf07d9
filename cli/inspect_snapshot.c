/* inspect_snapshot.c: mayfly inspect FILE.snap. */
#include <stdio.h>
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
    print_places("Ranges: what the guest said that its pages allow",
                 json_object_get(snapshot, "ranges"), false);
    print_places("Runs: pages with content", json_object_get(snapshot, "runs"), true);
}

int inspect_snapshot_file(const char *path, int fd, bool json)
{
    struct snapshot_copy copy;
    struct mf_why why = {{0}};
    mf_err err = snapshot_load(fd, &copy, &why);
    if (err)
        return cli_fail(CLI_FAILED, "%s: %s", path, mf_why_text(&why, err));
    json_t *snapshot = inspect_snapshot(&copy);
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
