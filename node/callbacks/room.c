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

/* Those on their way: all, to hosts that fail, and to this one's host, with their bytes; and of the
 * host's, those that wait before it. */
struct crowd {
    uint32_t all, failing, host, before;
    size_t held;
};

static struct crowd crowd_of(const struct posting *posting)
{
    struct crowd crowd = {0};
    bool before = true;
    list_each(at, &posting->callbacks->postings) {
        const struct posting *other = list_of(at, struct posting, link);
        bool same = other->url.port == posting->url.port && strcmp(other->url.host.text, posting->url.host.text) == 0;
        before = before && other != posting;
        crowd.all += other->transfer != NULL;
        crowd.failing += other->transfer && other->fails;
        crowd.host += same && other->transfer;
        crowd.held += same && other->transfer ? other->charged : 0;
        crowd.before += same && before && room_waits(other);
    }
    return crowd;
}

static bool too_large(const struct posting *posting, const struct crowd *crowd)
{
    uint64_t share = posting->callbacks->node->budget.limit / MF_CALLBACKS_SHARE;
    return crowd->host > 0 && crowd->held + posting->charged > share / 2;
}

/* Of its own host are there as many as may be, with so many of others? */
static bool host_is_full(const struct crowd *crowd)
{
    return crowd->host >= MF_CALLBACKS_PER_HOST_MAX ||
           (crowd->host && crowd->all >= MF_CALLBACKS_AT_ONCE_MAX - crowd->host * MF_CALLBACKS_PER_HOST_MAX);
}

enum room_place room_place(const struct posting *posting, bool fails)
{
    const struct callbacks *callbacks = posting->callbacks;
    const struct crowd crowd = crowd_of(posting);
    if (fails && (crowd.host || crowd.failing >= MF_CALLBACKS_FAILING_MAX))
        return ROOM_BACK;
    if (host_is_full(&crowd) || too_large(posting, &crowd)) {
        bool many = callbacks->in_hand >= MF_CALLBACKS_IN_HAND_MAX / 2;
        uint32_t most = many ? 1 : MF_CALLBACKS_PER_HOST_MAX;
        return crowd.before >= most || !room_left(callbacks) ? ROOM_BACK : ROOM_WAIT;
    }
    return crowd.all >= MF_CALLBACKS_AT_ONCE_MAX ? ROOM_WAIT : ROOM_THERE;
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
