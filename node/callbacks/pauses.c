/* pauses.c: see pauses.h. */
#include "node/callbacks/pauses.h"

#include <stddef.h>
#include <string.h>

static const struct pause *find(const struct pauses *pauses, const struct url *url)
{
    for (size_t i = 0; i < MF_CALLBACK_PAUSES_MAX; i++)
        if (pauses->pause[i].port == url->port && strcmp(pauses->pause[i].host, url->host.text) == 0)
            return &pauses->pause[i];
    return NULL;
}

uint64_t pauses_left_ms(const struct pauses *pauses, const struct url *url, uint64_t now_ms)
{
    const struct pause *pause = find(pauses, url);
    return pause && pause->until_ms > now_ms ? pause->until_ms - now_ms : 0;
}

static struct pause *soonest(struct pauses *pauses)
{
    struct pause *best = &pauses->pause[0];
    for (size_t i = 0; i < MF_CALLBACK_PAUSES_MAX; i++) {
        if (!pauses->pause[i].host[0])
            return &pauses->pause[i];
        if (pauses->pause[i].until_ms < best->until_ms)
            best = &pauses->pause[i];
    }
    return best;
}

/* Several that were on their way fail together: they count once. */
bool pauses_failed(struct pauses *pauses, const struct url *url, uint64_t now_ms)
{
    const struct pause *known = find(pauses, url);
    struct pause *pause = known ? &pauses->pause[known - pauses->pause] : soonest(pauses);
    if (known && pause->until_ms > now_ms)
        return false;
    if (!known) {
        *pause = (struct pause){.port = url->port};
        memcpy(pause->host, url->host.text, strlen(url->host.text) + 1);
    }
    uint64_t ms = MF_CALLBACK_PAUSE_MS_FIRST;
    for (uint32_t i = 0; i < pause->times && ms < MF_CALLBACK_PAUSE_MS_MAX; i++)
        ms *= 2;
    pause->times++;
    pause->until_ms = now_ms + (ms < MF_CALLBACK_PAUSE_MS_MAX ? ms : MF_CALLBACK_PAUSE_MS_MAX);
    return true;
}

bool pauses_last_failed(const struct pauses *pauses, const struct url *url)
{
    return find(pauses, url) != NULL;
}

void pauses_took(struct pauses *pauses, const struct url *url)
{
    const struct pause *known = find(pauses, url);
    if (known)
        pauses->pause[known - pauses->pause] = (struct pause){0};
}
