/* user_id.c: see user_id.h. Guarantees: the user is never 0, who is root. Owns user_id. */
#include "kernel/linux/user_id.h"

#include <stdbool.h>
#include <stddef.h>

struct user_id user_id = {USER_ID_NOBODY, USER_ID_NOBODY};

/* Digits up to end. ~0, which stands for nobody in system calls: they are none. */
static uint32_t number(const char **at, char end)
{
    uint64_t value = 0;
    const char *text = *at;
    for (; *text >= '0' && *text <= '9' && value < UINT32_MAX; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    bool whole = text != *at && *text == end && value < UINT32_MAX;
    *at = text + (whole && end);
    return whole ? (uint32_t)value : UINT32_MAX;
}

void user_id_take(const char *text)
{
    uint32_t user = text ? number(&text, ':') : 0;
    if (user == 0 || user == UINT32_MAX)
        return;
    uint32_t group = number(&text, 0);
    if (group != UINT32_MAX)
        user_id = (struct user_id){user, group};
}
