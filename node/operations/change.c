/* change.c: see change.h. */
#include "node/operations/change.h"

#include "node/node.h"

mf_err key_space(struct node *node, const char *tenant, struct space **space)
{
    const struct space_settings settings = {.durability = STORE_POWER_LOSS};
    return node->delivery.store ? space_get(node->delivery.store, tenant, &settings, space)
                                 : MF_EDEAD;
}

static mf_err submit(struct space *space, const struct key_change *change,
                     const struct store_beside *beside, const struct store_ask *ask)
{
    switch (change->kind) {
    case KEY_SET:
        return space_set_beside(space, change->key, change->value, change->life_ms, beside, ask);
    case KEY_DELETE:
        return space_delete_beside(space, change->key, beside, ask);
    case KEY_INCREMENT:
        return space_increment_beside(space, change->key, change->by, beside, ask);
    case KEY_COMPARE_AND_SET:
        return space_compare_and_set_beside(space, change->key, change->expected, change->value,
                                            change->life_ms, beside, ask);
    }
    return MF_EINVAL;
}

mf_err key_change(struct node *node, const struct key_change *change, const struct store_ask *ask)
{
    const struct key_change_watch *watch = &node->operations.key_changes;
    struct store_beside beside = {0};
    struct space *space;
    mf_err err = key_space(node, change->tenant, &space);
    if (err)
        return err;
    if (watch->before)
        err = watch->before(node, change, &beside);
    if (!err)
        err = submit(space, change, beside.count ? &beside : NULL, ask);
    if (watch->after)
        watch->after(node, &beside);
    space_put(space);
    return err;
}
