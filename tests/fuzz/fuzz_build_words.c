/* fuzz_build_words.c: a shell's command line of a container image. What is taken as words is all of the line, but
 * for blanks and quotes, and `exec` before it. */
#include <stdlib.h>
#include <string.h>

#include "cli/build_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Its end, without a zero. */
static char *add_bare(char *to, const char *text)
{
    for (; *text; text++)
        if (!strchr(" \t\n'\"", *text))
            *to++ = *text;
    return to;
}

static void check(const char *line, const json_t *words)
{
    char *all = malloc(strlen(line) + 1), *bare = malloc(strlen(line) + 1);
    mf_assert(all && bare && json_array_size(words) > 0);
    char *end = add_bare(all, line), *bare_end = bare;
    size_t i;
    json_t *word;
    json_array_foreach (words, i, word) {
        mf_assert(json_is_string(word));
        bare_end = add_bare(bare_end, json_string_value(word));
    }
    const char *from = all;
    while (end - from > bare_end - bare && end - from >= 4 && memcmp(from, "exec", 4) == 0)
        from += 4;
    mf_assert(end - from == bare_end - bare && memcmp(from, bare, (size_t)(end - from)) == 0);
    free(all);
    free(bare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *line = strndup((const char *)data, bytes);
    mf_assert(line != NULL);
    json_t *words = build_command_words(line);
    if (words)
        check(line, words);
    json_decref(words);
    free(line);
    return 0;
}
