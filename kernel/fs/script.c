/* script.c: see script.h, and Linux's binfmt_script. Owns nothing. */
#include "kernel/fs/script.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

char *script_read(char text[SCRIPT_BYTES + 1], char **argument)
{
    char *at = text + 2, *end = at;
    if (text[0] != '#' || text[1] != '!')
        return NULL;
    while (*end && *end != '\n')
        end++;
    bool is_cut = end == text + SCRIPT_BYTES;
    while (end > at && is_blank(end[-1]))
        end--;
    *end = 0;
    char *interpreter = skip_blanks(at);
    for (at = interpreter; *at && !is_blank(*at);)
        at++;
    if (!*interpreter || (is_cut && !*at && at == text + SCRIPT_BYTES))
        return NULL;
    *argument = NULL;
    if (*at) {
        *at = 0;
        *argument = skip_blanks(at + 1);
    }
    return interpreter;
}
