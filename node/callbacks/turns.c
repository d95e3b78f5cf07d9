/* turns.c: see turns.h. */
#include "node/callbacks/turns.h"

#include <stddef.h>
#include <string.h>

#define US_PER_MS 1000u
#define NS_PER_US 1000u
#define KEEPS 3u /* parts in four of what was known, when one more is */

static struct turn *find(struct turns *turns, const struct url *url)
{
    for (size_t i = 0; i < MF_CALLBACK_TURNS_MAX; i++)
        if (turns->turn[i].port == url->port && strcmp(turns->turn[i].host, url->host.text) == 0)
            return &turns->turn[i];
    return NULL;
}

static struct turn *make(struct turns *turns, const struct url *url)
{
    struct turn *best = &turns->turn[0];
    for (size_t i = 1; i < MF_CALLBACK_TURNS_MAX && best->host[0]; i++)
        if (!turns->turn[i].host[0] || turns->turn[i].next_us < best->next_us)
            best = &turns->turn[i];
    *best = (struct turn){.port = url->port, .took_us = MF_CALLBACK_TURN_MS_FIRST * US_PER_MS};
    memcpy(best->host, url->host.text, strlen(url->host.text) + 1);
    return best;
}

/* Else all that wait for a slow host would be taken and given back, again and again. */
static uint64_t later_ms(uint32_t takes, uint32_t chance)
{
    uint32_t before = takes ? takes - 1 : 0;
    uint64_t ms = (uint64_t)MF_CALLBACK_TURN_MS_MAX << (before < TURN_DOUBLINGS_MAX ? before : TURN_DOUBLINGS_MAX);
    return ms / 2 + chance % (ms / 2);
}
_Static_assert(((uint64_t)MF_CALLBACK_TURN_MS_MAX << TURN_DOUBLINGS_MAX) <= MF_QUEUE_DELAY_MS_MAX, "the queue keeps it");

uint64_t turns_give_ms(struct turns *turns, const struct url *url, uint64_t now_ms, uint32_t takes,
                       uint32_t chance)
{
    const uint64_t most_us = MF_CALLBACK_TURN_MS_MAX * (uint64_t)US_PER_MS, now_us = now_ms * US_PER_MS;
    struct turn *turn = find(turns, url);
    if (!turn)
        turn = make(turns, url);
    uint64_t from_us = turn->next_us > now_us ? turn->next_us : now_us;
    uint64_t wait_us = from_us - now_us + turn->took_us / MF_CALLBACKS_PER_HOST_MAX + 1;
    if (wait_us > most_us) { /* who knows how fast it is by then */
        turn->next_us = now_us + most_us;
        return later_ms(takes, chance);
    }
    turn->next_us = now_us + wait_us;
    return wait_us / US_PER_MS + 1;
}

void turns_took(struct turns *turns, const struct url *url, uint64_t took_ns)
{
    struct turn *turn = find(turns, url);
    if (turn)
        turn->took_us = (turn->took_us * KEEPS + took_ns / NS_PER_US) / (KEEPS + 1);
}
