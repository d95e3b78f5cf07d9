/* places.c: see places.h. */
#include "node/workflows/places.h"

#include <string.h>

#include "node/node.h"
#include "node/streams/listen.h"
#include "node/streams/place.h"
#include "node/workflows/change.h"
#include "node/workflows/record.h"
#include "node/workflows/workflows.h"

struct leaving {
    const struct workflow_change *change;
    const struct kept_workflow *kept; /* NULL: it is new */
};

static const struct deployment *deployment_of(const struct workflow_change *change, const char *name)
{
    for (size_t i = 0; i < change->count; i++)
        if (strcmp(change->deployment[i].name, name) == 0)
            return &change->deployment[i];
    return NULL;
}

/* It goes with this change, or is to listen elsewhere. */
static bool leaves_its_port(const struct function *function, const void *context)
{
    const struct leaving *leaving = context;
    const struct deployment *next = deployment_of(leaving->change, function->name);
    if (next)
        return !listen_at(function, next->version->settings.listen);
    return leaving->kept &&
           json_object_get(version_functions(record_version(leaving->kept->record, 0)), function->name) &&
           !workflows_owner(&leaving->change->node->workflows, function->name, leaving->change->name);
}

mf_err places_reserve(const struct workflow_change *change, const struct kept_workflow *kept,
                           const struct deployment *deployment, struct mf_why *why)
{
    const struct leaving leaving = {.change = change, .kept = kept};
    const char *text = deployment->version->settings.listen;
    struct mf_why inner = {{0}};
    mf_err err = place_reserve(change->node, deployment->name, deployment->version, leaves_its_port, &leaving, &inner);
    for (const struct deployment *other = change->deployment; err == MF_EEXIST && other < deployment; other++)
        if (other->version->port_fd >= 0 && strcmp(other->version->settings.listen, text) == 0)
            return mf_why(why, MF_EINVAL, "%s: listen: %s is where %s is to listen, too; give one of them another "
                          "port", deployment->name, text, other->name);
    return err ? mf_why(why, err, "%s: %s", deployment->name, inner.text) : MF_OK;
}

void places_leave(const struct workflow_change *change, const struct kept_workflow *kept)
{
    const struct leaving leaving = {.change = change, .kept = kept};
    const struct node *node = change->node;
    const char *name;
    json_t *ignored;
    for (size_t i = 0; i < change->count; i++) {
        struct function *function = registry_find(&node->registry, change->deployment[i].name);
        if (function && change->alters[i] && leaves_its_port(function, &leaving))
            listen_close(function);
    }
    json_object_foreach(kept ? version_functions(record_version(kept->record, 0)) : NULL, name, ignored) {
        struct function *function = registry_find(&node->registry, name);
        if (function && !change_has(change, name) && leaves_its_port(function, &leaving))
            listen_close(function);
    }
}
