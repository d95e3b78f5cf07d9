/* room.c: see room.h. */
#include "node/callbacks/room.h"

#include <string.h>

#include "base/clock.h"
#include "node/node.h"

bool room_left(const struct callbacks *callbacks)
{
    uint64_t share = callbacks->node->budget.limit / MF_CALLBACKS_SHARE;
    return callbacks->held <= share / 2 || callbacks->held + MF_EVENT_BYTES_MAX <= share;
}

bool room_waits(const struct posting *posting)
{
    return !posting->transfer && !posting->ending;
}

struct room_crowd room_crowd(const struct posting *posting)
{
    struct room_crowd crowd = {0};
    bool before = true;
    list_each(at, &posting->callbacks->postings) {
        const struct posting *other = list_of(at, struct posting, link);
        bool same = other->url.port == posting->url.port && strcmp(other->url.host.text, posting->url.host.text) == 0;
        before = before && other != posting;
        crowd.all += other->transfer != NULL;
        crowd.host += same && other->transfer;
        crowd.held += same && other->transfer ? other->charged : 0;
        crowd.before += same && before && room_waits(other);
    }
    return crowd;
}

bool room_too_large(const struct posting *posting, const struct room_crowd *crowd)
{
    uint64_t share = posting->callbacks->node->budget.limit / MF_CALLBACKS_SHARE;
    return crowd->host > 0 && crowd->held + posting->charged > share / 2;
}

bool room_stalled(struct posting *posting, uint64_t now_ns)
{
    if (!posting->transfer || posting->charged <= MF_CALLBACK_STALL_BYTES)
        return false;
    uint64_t moved = egress_moved(posting->transfer);
    if (!posting->looked_ns || moved - posting->moved >= MF_CALLBACK_STALL_BYTES) {
        posting->looked_ns = now_ns;
        posting->moved = moved;
    }
    return now_ns - posting->looked_ns >= MF_CALLBACK_STALL_MS * MF_NS_PER_MS;
}
