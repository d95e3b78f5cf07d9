/*
 * fuzz_sdk_json.c: the JSON reader of handlers against jansson: what one accepts the
 * other does too, but where they differ on purpose.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sdk/event.h"
#include "sdk/mayfly_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct mayfly_event event;

static size_t count(const struct mayfly_json *value)
{
    size_t all = 1, children = 0;
    for (const struct mayfly_json *at = value->first; at; at = at->next) {
        all += count(at);
        children++;
    }
    mf_assert(children == value->count);
    if (value->kind == MAYFLY_JSON_STRING)
        mf_assert(value->text[value->text_bytes] == 0);
    return all;
}

/* On purpose: we take \u0000 in names and read only 64 deep and 256 characters a number;
 * jansson lets integers end at 64 bits, and takes a NUL for the text's end. */
static bool may_differ(const uint8_t *data, size_t bytes)
{
    size_t digits = 0, open = 0;
    for (size_t i = 0; i < bytes; i++) {
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        open += data[i] == '[' || data[i] == '{';
        if (data[i] == 0 || digits > 17 || open > MAYFLY_JSON_DEPTH_MAX)
            return true;
        if (bytes - i >= 6 && memcmp(data + i, "\\u0000", 6) == 0)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct mayfly_json_error error;
    char *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, data, bytes);
    arena_reset(&event.arena);
    const struct mayfly_json *value = mayfly_json_parse(&event, exact, bytes, &error);
    if (value)
        (void)count(value);
    else
        mf_assert(error.what && error.line > 0 && error.column > 0);
    json_t *theirs = json_loadb(exact, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    mf_assert((theirs != NULL) == (value != NULL) || may_differ(data, bytes));
    json_decref(theirs);
    free(exact);
    arena_reset(&event.arena);
    return 0;
}
