/*
 * channel.c: the node's end of the two rings of abi/channel.h.
 * Guarantees: whatever the guest writes, no access outside the mapping, every word
 * of a descriptor read once, every index checked at every use.
 * Leaves to others: the rules for each type of message (message.c), whether the event of a message
 * exists and awaits it, the fields' contents (event.c), when to sleep.
 * Owns the mapping, not the descriptor. One thread.
 */
#include "node/instance/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/operation.h"
#include "node/instance/message.h"
#include "spawner/protocol.h"

#define DESC_WORDS (sizeof(struct mf_desc) / sizeof(uint64_t))
#define DATA_ALIGN 16u /* of a chunk's start: plain copies stay aligned */

_Static_assert((MF_RING_SLOTS & (MF_RING_SLOTS - 1)) == 0, "a slot is index mod 2^n");
_Static_assert(MF_CHANNEL_TO_NODE_DATA + MF_CHANNEL_DATA_BYTES == MF_CHANNEL_RESULT &&
                   MF_CHANNEL_RESULT + MF_CHANNEL_RESULT_BYTES == MF_STREAMS_TO_GUEST_SLOTS &&
                   MF_STREAMS_TO_NODE_DATA + MF_CHANNEL_DATA_BYTES == MF_CHANNEL_BYTES,
               "layout");
_Static_assert(MF_CHANNEL_DATA_BYTES % DATA_ALIGN == 0, "aligned ends stay inside");

/* Where the two pairs of rings lie. */
static const struct {
    size_t to_guest, to_node; /* struct mf_ring, in the head */
    uint32_t to_guest_slots, to_node_slots, to_guest_data, to_node_data;
} at_lane[LANES] = {
    [LANE_EVENTS] = {offsetof(struct mf_channel_head, to_guest),
                     offsetof(struct mf_channel_head, to_node), MF_CHANNEL_TO_GUEST_SLOTS,
                     MF_CHANNEL_TO_NODE_SLOTS, MF_CHANNEL_TO_GUEST_DATA, MF_CHANNEL_TO_NODE_DATA},
    [LANE_STREAMS] = {offsetof(struct mf_channel_head, streams_to_guest),
                      offsetof(struct mf_channel_head, streams_to_node), MF_STREAMS_TO_GUEST_SLOTS,
                      MF_STREAMS_TO_NODE_SLOTS, MF_STREAMS_TO_GUEST_DATA, MF_STREAMS_TO_NODE_DATA},
};

/* Where the next chunk of a size would go. */
struct place {
    uint32_t offset;
    uint32_t room; /* bytes contiguous from there */
};

static struct mf_channel_head *head_of(const struct channel *channel);
static bool believe_released(const struct channel *channel, unsigned which, uint32_t *released);
static struct place best_place(const struct lane *lane, uint32_t released);
static bool find_place(const struct lane *lane, uint32_t released, uint32_t bytes,
                       uint32_t *offset);
static void publish_desc(struct channel *channel, unsigned which, const struct mf_desc *desc,
                         uint32_t offset);
static mf_err peek(struct channel *channel, unsigned which, struct channel_message *message,
                   struct mf_why *why);

static uint32_t load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

mf_err channel_open(int memfd, struct channel *channel)
{
    memset(channel, 0, sizeof *channel);
    struct stat stat;
    if (fstat(memfd, &stat) != 0)
        return mf_err_from_errno(errno);
    if (stat.st_size < (off_t)MF_CHANNEL_BYTES) /* a hole past the end would be SIGBUS */
        return MF_EINVAL;
    bool controlled = stat.st_size >= (off_t)MF_CHANNEL_FILE_BYTES;
    size_t bytes = controlled ? MF_CHANNEL_FILE_BYTES : MF_CHANNEL_BYTES;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (base == MAP_FAILED)
        return mf_err_from_errno(errno);
    channel->base = base;
    if (controlled)
        channel->control = (struct mf_control *)(void *)(channel->base + MF_CHANNEL_BYTES);
    memset(base, 0, sizeof(struct mf_channel_head));
    return MF_OK;
}

void channel_keep(struct channel *channel, int memfd)
{
    mf_assert(!channel->kept);
    channel->memfd = memfd;
    channel->kept = true;
}

void channel_close(struct channel *channel)
{
    if (channel->base)
        (void)munmap(channel->base,
                     channel->control ? MF_CHANNEL_FILE_BYTES : MF_CHANNEL_BYTES);
    channel->base = NULL;
    channel->control = NULL;
    if (channel->kept)
        (void)close(channel->memfd);
    channel->kept = false;
}

/* Every exchange uses these pages, the last one those with operations; what lies between them
 * only large ones do. */
static const uint32_t usual_page[] = {0, MF_CHANNEL_TO_GUEST_SLOTS, MF_CHANNEL_TO_NODE_SLOTS,
                                      MF_CHANNEL_TO_GUEST_DATA, MF_CHANNEL_TO_NODE_DATA,
                                      MF_CHANNEL_RESULT};
#define USUAL_PAGES (sizeof usual_page / sizeof usual_page[0])
#define STAT_BLOCK_BYTES 512 /* of st_blocks: stat(2) */

/* The usual pages are overwritten, so they exist; then the file has more pages than those
 * and the control page only if somebody touched others, which are taken out of it. The page
 * of results is one of them once a result was written. */
mf_err channel_renew(struct channel *channel)
{
    struct stat stat;
    size_t usual = channel->answered ? USUAL_PAGES : USUAL_PAGES - 1;
    mf_assert(channel->control && channel->kept);
    for (size_t i = 0; i < usual; i++)
        memset(channel->base + usual_page[i], 0, MF_PAGE_BYTES);
    if (fstat(channel->memfd, &stat) != 0)
        return mf_err_from_errno(errno);
    bool others = (uint64_t)stat.st_blocks * STAT_BLOCK_BYTES > (usual + 1) * MF_PAGE_BYTES;
    for (size_t i = 0; i < usual && others; i++) {
        off_t gap = usual_page[i] + MF_PAGE_BYTES;
        off_t end = i + 1 < usual ? usual_page[i + 1] : MF_CHANNEL_BYTES;
        if (end > gap && fallocate(channel->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, gap,
                                   end - gap) != 0)
            return mf_err_from_errno(errno);
    }
    memset(channel->lane, 0, sizeof channel->lane);
    return MF_OK;
}

void channel_go(struct channel *channel)
{
    mf_assert(channel->control);
    struct mf_control *control = channel->control;
    __atomic_fetch_add(&control->go, 1, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&control->asleep, 0, __ATOMIC_SEQ_CST) == 1)
        (void)syscall(SYS_futex, &control->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The guest's head believed, and no lower than before; an empty ring begins anew. */
static mf_err look(struct channel *channel, unsigned which)
{
    struct lane *lane = &channel->lane[which];
    uint32_t released;
    if (!believe_released(channel, which, &released))
        return MF_EPROTO;
    lane->to_guest_released = released;
    if (lane->to_guest_tail - released == MF_RING_SLOTS)
        return MF_EAGAIN;
    return MF_OK;
}

mf_err channel_put(struct channel *channel, const struct mf_desc *desc, const void *head,
                   const void *body)
{
    struct lane *lane = &channel->lane[LANE_EVENTS];
    mf_assert(message_is_nodes(desc->type, false));
    mf_assert(desc->head_bytes <= desc->data_bytes && desc->data_bytes <= MF_CHUNK_BYTES_MAX);
    uint32_t offset;
    mf_err err = look(channel, LANE_EVENTS);
    if (err)
        return err;
    if (!find_place(lane, lane->to_guest_released, desc->data_bytes, &offset))
        return MF_EAGAIN;
    uint8_t *data = channel->base + MF_CHANNEL_TO_GUEST_DATA + offset;
    uint32_t body_bytes = desc->data_bytes - desc->head_bytes;
    if (desc->head_bytes)
        memcpy(data, head, desc->head_bytes);
    if (body_bytes)
        memcpy(data + desc->head_bytes, body, body_bytes);
    publish_desc(channel, LANE_EVENTS, desc, offset);
    return MF_OK;
}

uint32_t channel_room(const struct channel *channel, uint32_t head_bytes)
{
    const struct lane *lane = &channel->lane[LANE_EVENTS];
    uint32_t released;
    if (!believe_released(channel, LANE_EVENTS, &released))
        return MF_CHUNK_BYTES_MAX; /* so that the caller puts, and channel_put() refuses */
    if (lane->to_guest_tail - released == MF_RING_SLOTS)
        return 0;
    uint32_t room = best_place(lane, released).room;
    if (room > MF_CHUNK_BYTES_MAX)
        room = MF_CHUNK_BYTES_MAX;
    return room > head_bytes ? room - head_bytes : 0;
}

mf_err channel_stream_place(struct channel *channel, uint32_t least, uint32_t most, uint8_t **data,
                            uint32_t *room)
{
    struct lane *lane = &channel->lane[LANE_STREAMS];
    mf_assert(least <= most && most <= MF_CHUNK_BYTES_MAX);
    mf_err err = look(channel, LANE_STREAMS);
    if (err)
        return err;
    uint32_t offset;
    if (!find_place(lane, lane->to_guest_released, most, &offset)) {
        struct place place = best_place(lane, lane->to_guest_released);
        if (place.room < least)
            return MF_EAGAIN;
        offset = place.offset;
        most = place.room;
    }
    *data = channel->base + MF_STREAMS_TO_GUEST_DATA + offset;
    *room = most;
    return MF_OK;
}

void channel_stream_publish(struct channel *channel, const struct mf_desc *desc,
                            const uint8_t *data)
{
    mf_assert(message_is_nodes(desc->type, true));
    publish_desc(channel, LANE_STREAMS, desc,
                 (uint32_t)(data - (channel->base + MF_STREAMS_TO_GUEST_DATA)));
}

mf_err channel_stream_put(struct channel *channel, const struct mf_desc *desc, const void *data)
{
    uint8_t *to;
    uint32_t room;
    mf_err err = channel_stream_place(channel, desc->data_bytes, desc->data_bytes, &to, &room);
    if (err)
        return err;
    if (desc->data_bytes)
        memcpy(to, data, desc->data_bytes);
    channel_stream_publish(channel, desc, to);
    return MF_OK;
}

void channel_bell(struct channel *channel)
{
    struct mf_channel_head *control = head_of(channel);
    /* Our index before, the guest's `sleeping` after, in one order for both sides. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!load(&control->guest_sleeping) ||
        !__atomic_exchange_n(&control->guest_sleeping, 0, __ATOMIC_SEQ_CST))
        return;
    __atomic_fetch_add(&control->bell, 1, __ATOMIC_SEQ_CST);
    (void)syscall(SYS_futex, &control->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void channel_answer(struct channel *channel, const struct mf_result *result, const void *head,
                    const void *data)
{
    struct mf_result *area = (struct mf_result *)(void *)(channel->base + MF_CHANNEL_RESULT);
    mf_assert(result->number != 0 && result->data_bytes <= MF_CHUNK_BYTES_MAX &&
              result->head_bytes <= result->data_bytes);
    struct mf_result unread = *result;
    unread.number = 0;
    memcpy(area, &unread, sizeof unread);
    uint8_t *to = (uint8_t *)(area + 1);
    if (result->head_bytes)
        memcpy(to, head, result->head_bytes);
    if (result->data_bytes > result->head_bytes)
        memcpy(to + result->head_bytes, data, result->data_bytes - result->head_bytes);
    publish(&area->number, result->number);
    channel->answered = true;
}

mf_err channel_take(struct channel *channel, uint8_t *scratch, struct channel_message *message,
                    struct mf_why *why)
{
    mf_err err = peek(channel, LANE_EVENTS, message, why);
    if (err)
        return err;
    if (message->data_bytes)
        memcpy(scratch, message->data, message->data_bytes);
    __asm__ volatile("" ::: "memory"); /* the copy is made: nobody reads the source again */
    message->data = scratch;
    channel->lane[LANE_EVENTS].to_node_head++;
    publish(&head_of(channel)->to_node.head, channel->lane[LANE_EVENTS].to_node_head);
    return MF_OK;
}

mf_err channel_stream_peek(struct channel *channel, struct channel_message *message,
                           struct mf_why *why)
{
    return peek(channel, LANE_STREAMS, message, why);
}

void channel_stream_release(struct channel *channel)
{
    channel->lane[LANE_STREAMS].to_node_head++;
    publish(&head_of(channel)->streams_to_node.head, channel->lane[LANE_STREAMS].to_node_head);
}

bool channel_stream_begun(const struct channel *channel)
{
    return load(&head_of(channel)->streams_to_guest.head) != 0;
}

uint32_t channel_said(const struct channel *channel)
{
    return load(&head_of(channel)->to_node.tail);
}

bool channel_sleep(struct channel *channel)
{
    struct mf_channel_head *control = head_of(channel);
    __atomic_store_n(&control->node_sleeping, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (load(&control->to_node.tail) == channel->lane[LANE_EVENTS].to_node_head &&
        load(&control->streams_to_node.tail) == channel->lane[LANE_STREAMS].to_node_head)
        return true;
    __atomic_store_n(&control->node_sleeping, 0, __ATOMIC_SEQ_CST);
    return false;
}

void channel_awake(struct channel *channel)
{
    __atomic_store_n(&head_of(channel)->node_sleeping, 0, __ATOMIC_SEQ_CST);
}

static struct mf_channel_head *head_of(const struct channel *channel)
{
    mf_assert(channel->base);
    return (struct mf_channel_head *)(void *)channel->base;
}

static struct mf_ring *ring_of(const struct channel *channel, size_t offset)
{
    return (struct mf_ring *)(void *)((uint8_t *)head_of(channel) + offset);
}

/* The guest's head, if it lies between what it released before and what we put. */
static bool believe_released(const struct channel *channel, unsigned which, uint32_t *released)
{
    const struct lane *lane = &channel->lane[which];
    uint32_t head = load(&ring_of(channel, at_lane[which].to_guest)->head);
    uint32_t unreleased = lane->to_guest_tail - lane->to_guest_released;
    mf_assert(unreleased <= MF_RING_SLOTS);
    if (head - lane->to_guest_released > unreleased)
        return false;
    *released = head;
    return true;
}

/*
 * Live data is [floor, data_tail), or [floor, …) and [0, data_tail) once the tail
 * has started again at 0; floor is the end of the chunk released last. The tail
 * never catches up with the floor from below, so equal means that nothing lives.
 */
static uint32_t data_floor(const struct lane *lane, uint32_t released)
{
    return lane->data_end[(released - 1) % MF_RING_SLOTS];
}

static struct place best_place(const struct lane *lane, uint32_t released)
{
    if (lane->to_guest_tail == released)
        return (struct place){0, MF_CHANNEL_DATA_BYTES};
    uint32_t floor = data_floor(lane, released);
    uint32_t tail = lane->data_tail;
    if (tail < floor)
        return (struct place){tail, floor - tail - DATA_ALIGN};
    struct place above = {tail, MF_CHANNEL_DATA_BYTES - tail};
    struct place again = {0, floor > DATA_ALIGN ? floor - DATA_ALIGN : 0};
    return again.room > above.room ? again : above;
}

static bool find_place(const struct lane *lane, uint32_t released, uint32_t bytes,
                       uint32_t *offset)
{
    *offset = 0;
    if (bytes == 0)
        return true;
    if (lane->to_guest_tail != released) {
        uint32_t tail = lane->data_tail;
        if (tail >= data_floor(lane, released) && bytes <= MF_CHANNEL_DATA_BYTES - tail) {
            *offset = tail; /* goes on where it was, though more room may lie at 0 */
            return true;
        }
    }
    struct place place = best_place(lane, released);
    *offset = place.offset;
    return bytes <= place.room;
}

static uint64_t *slot_words(const struct channel *channel, uint32_t slots, uint32_t index)
{
    uint8_t *slot = channel->base + slots + (index % MF_RING_SLOTS) * sizeof(struct mf_desc);
    return (uint64_t *)(void *)slot;
}

/* Its data stand at that offset. */
static void publish_desc(struct channel *channel, unsigned which, const struct mf_desc *desc,
                         uint32_t offset)
{
    struct lane *lane = &channel->lane[which];
    struct mf_desc placed = *desc;
    placed.data_offset = offset;
    if (lane->to_guest_tail == lane->to_guest_released) /* empty: nothing lives below offset 0 */
        lane->data_end[(lane->to_guest_released - 1) % MF_RING_SLOTS] = lane->data_tail = 0;
    memcpy(slot_words(channel, at_lane[which].to_guest_slots, lane->to_guest_tail), &placed,
           sizeof placed);
    if (desc->data_bytes)
        lane->data_tail = (offset + desc->data_bytes + DATA_ALIGN - 1) & ~(DATA_ALIGN - 1);
    lane->data_end[lane->to_guest_tail % MF_RING_SLOTS] = lane->data_tail;
    lane->to_guest_tail++;
    publish(&ring_of(channel, at_lane[which].to_guest)->tail, lane->to_guest_tail);
}

/* The oldest message, its descriptor each word once, so that what was checked is what is used. */
static mf_err peek(struct channel *channel, unsigned which, struct channel_message *message,
                   struct mf_why *why)
{
    uint32_t head = channel->lane[which].to_node_head;
    uint32_t waiting = load(&ring_of(channel, at_lane[which].to_node)->tail) - head;
    if (waiting == 0)
        return MF_EAGAIN;
    if (waiting > MF_RING_SLOTS)
        return mf_why(why, MF_EPROTO, "channel: the guest's tail is %u ahead of a ring of %u",
                      waiting, MF_RING_SLOTS);
    const uint64_t *slot = slot_words(channel, at_lane[which].to_node_slots, head);
    uint64_t words[DESC_WORDS];
    struct mf_desc desc;
    for (size_t i = 0; i < DESC_WORDS; i++)
        words[i] = __atomic_load_n(&slot[i], __ATOMIC_RELAXED);
    memcpy(&desc, words, sizeof desc);
    mf_err err = message_decode(&desc, which == LANE_STREAMS, message, why);
    message->data = channel->base + at_lane[which].to_node_data + desc.data_offset;
    return err;
}
