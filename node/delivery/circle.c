/* circle.c: see circle.h. */
#include "node/delivery/circle.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "node/functions/function.h"
#include "node/functions/registry.h"
#include "node/store/store.h"

struct walk {
    const struct function *seen[MF_CIRCLE_FUNCTIONS_MAX]; /* each once, in the order of finding */
    uint32_t count;
};

static bool is_seen(const struct walk *walk, const struct function *function)
{
    for (uint32_t i = 0; i < walk->count; i++)
        if (walk->seen[i] == function)
            return true;
    return false;
}

bool circle_leads(const struct registry *registry, const char *target, const char *name)
{
    struct walk walk = {.seen = {registry_find(registry, target)}};
    if (strcmp(target, name) == 0)
        return true;
    walk.count = walk.seen[0] != NULL;
    for (uint32_t i = 0; i < walk.count; i++) {
        const struct version *version = walk.seen[i]->version;
        const char *next = NULL;
        while (version && (next = followers_next(&version->settings.then, next)) != NULL) {
            const struct function *function = registry_find(registry, next);
            if (strcmp(next, name) == 0)
                return true;
            if (!function || is_seen(&walk, function))
                continue;
            if (walk.count == MF_CIRCLE_FUNCTIONS_MAX)
                return true;
            walk.seen[walk.count++] = function;
        }
    }
    return false;
}

/* By bytes: it may have no room for the largest event. */
bool circle_full(const struct queue_stat *own, uint64_t count_max)
{
    return own->count >= count_max || own->bytes + MF_EVENT_BYTES_MAX > MF_QUEUE_BYTES_DEFAULT;
}
