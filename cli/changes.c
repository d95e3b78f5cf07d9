/*
 * changes.c: see changes.h.
 *
 *   + alert
 *   ~ threshold (image 0123456789ab → ba9876543210, memory_mib 64 → 32)
 *   - old (3 events wait for it, and stay)
 *   = logger
 */
#include "cli/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define HASH_SHOWN 12
#define VALUE_SHOWN 40 /* of a setting; of what is longer it is told that it changed */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static char *value_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    return text ? text : strdup("?");
}

static void print_difference(const json_t *difference, bool first)
{
    const char *key = text_of(difference, "key");
    printf("%s%s", first ? " (" : ", ", key);
    if (strcmp(key, "image") == 0) {
        printf(" %.*s → %.*s", HASH_SHOWN, text_of(difference, "from"), HASH_SHOWN,
               text_of(difference, "to"));
        return;
    }
    char *from = value_text(json_object_get(difference, "from"));
    char *to = value_text(json_object_get(difference, "to"));
    if (from && to && strlen(from) <= VALUE_SHOWN && strlen(to) <= VALUE_SHOWN)
        printf(" %s → %s", from, to);
    free(from);
    free(to);
}

static void print_change(const json_t *change)
{
    static const struct {
        const char *name, *sign;
        enum cli_colour colour;
    } kind[] = {{"added", "+", CLI_GREEN}, {"changed", "~", CLI_YELLOW}, {"removed", "-", CLI_RED},
                {"unchanged", "=", CLI_DIM}, {"kept", "=", CLI_DIM}};
    const json_t *differences = json_object_get(change, "differences"), *difference;
    const char *what = text_of(change, "change");
    json_int_t waiting = json_integer_value(json_object_get(change, "waiting"));
    size_t i, is = 0;
    while (is + 1 < sizeof kind / sizeof kind[0] && strcmp(kind[is].name, what) != 0)
        is++;
    printf("%s%s %s%s", cli_colour(kind[is].colour), kind[is].sign, text_of(change, "function"),
           cli_colour(CLI_PLAIN));
    json_array_foreach(differences, i, difference)
        print_difference(difference, i == 0);
    if (json_array_size(differences))
        printf(")");
    if (strcmp(what, "kept") == 0)
        printf(" (another workflow has it, too)");
    else if (waiting > 0)
        printf(" (%lld event%s for it, and stay)", (long long)waiting, waiting == 1 ? " waits" : "s wait");
    printf("\n");
}

static void print(const json_t *answer)
{
    const json_t *changes = json_object_get(answer, "changes"), *change;
    long long version = (long long)json_integer_value(json_object_get(answer, "version"));
    size_t i;
    json_array_foreach(changes, i, change)
        print_change(change);
    if (json_is_true(json_object_get(answer, "dry_run")))
        cli_note("%s: nothing was changed, it was only asked what would be", text_of(answer, "workflow"));
    else if (json_is_false(json_object_get(answer, "changed")))
        cli_note("%s: all is as it shall be, version %lld", text_of(answer, "workflow"), version);
    else
        cli_note("%s: done; version %lld", text_of(answer, "workflow"), version);
}

int changes_ask(struct client *client, const struct request *request, const char *doing, bool json)
{
    struct answer answer;
    int code = client_call(client, request, &answer);
    if (code != CLI_OK)
        return code;
    code = answer.status >= 400 ? client_refused(&answer, doing) : changes_show(client, &answer, doing, json);
    mf_buf_close(&answer.body);
    return code;
}

int changes_show(struct client *client, const struct answer *answer, const char *doing, bool json)
{
    json_t *changes = NULL;
    int code = client_answer(client, answer, doing, &changes);
    if (code != CLI_OK)
        return code;
    if (json)
        return cli_print_json(changes);
    print(changes);
    json_decref(changes);
    return CLI_OK;
}
