/* fresh.c: see fresh.h. */
#include "node/api/fresh.h"

#include <string.h>

#include "node/functions/records.h"
#include "node/node.h"

static void drop(struct api *api, const char *hash)
{
    struct mf_why why;
    if (!records_use_image(api->node, hash))
        (void)!image_remove(&api->state, hash, &why);
}

static void forget(struct fresh_images *fresh, size_t at)
{
    fresh->count--;
    memmove(fresh->hash[at], fresh->hash[at + 1], (fresh->count - at) * sizeof fresh->hash[0]);
}

void fresh_came(struct api *api, const char *hash)
{
    struct fresh_images *fresh = &api->fresh;
    for (size_t i = 0; i < fresh->count; i++)
        if (strcmp(fresh->hash[i], hash) == 0)
            forget(fresh, i--);
    if (fresh->count == MF_FRESH_IMAGES_MAX) {
        if (api->jobs == 0)
            drop(api, fresh->hash[0]);
        forget(fresh, 0);
    }
    memcpy(fresh->hash[fresh->count++], hash, sizeof fresh->hash[0]);
}

void fresh_drop(struct api *api)
{
    for (size_t i = 0; i < api->fresh.count && api->jobs == 0; i++)
        drop(api, api->fresh.hash[i]);
    if (api->jobs == 0)
        api->fresh.count = 0;
}
