/*
 * channel.c: the node's end of the two rings of abi/channel.h.
 * Guarantees: whatever the guest writes, no access outside the mapping, every word
 * of a descriptor read once, every index checked at every use, every message that
 * comes out keeps the ABI's rules for its type.
 * Leaves to others: whether the event of a message exists and awaits it, the
 * fields' contents (event.c), when to sleep.
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

#include "abi/event.h"
#include "abi/log.h"
#include "abi/operation.h"
#include "abi/snapshot.h"
#include "spawner/protocol.h"

#define DESC_WORDS (sizeof(struct mf_desc) / sizeof(uint64_t))
#define DATA_ALIGN 16u /* of a chunk's start: plain copies stay aligned */

_Static_assert((MF_RING_SLOTS & (MF_RING_SLOTS - 1)) == 0, "a slot is index mod 2^n");
_Static_assert(MF_CHANNEL_TO_NODE_DATA + MF_CHANNEL_DATA_BYTES == MF_CHANNEL_RESULT &&
                   MF_CHANNEL_RESULT + MF_CHANNEL_RESULT_BYTES == MF_CHANNEL_BYTES,
               "layout");
_Static_assert(MF_CHANNEL_DATA_BYTES % DATA_ALIGN == 0, "aligned ends stay inside");

/* What a message's type allows; direction, END and limits of abi/channel.h as data. */
struct message_rule {
    bool known;
    bool to_guest;
    bool may_end;   /* MF_MSG_END may be set  */
    bool has_event; /* id must not be 0       */
    uint32_t head_bytes_max;
    uint32_t data_bytes_max;
    uint64_t arg_min, arg_max;
};

#define RULE_COUNT (MF_MSG_OPERATION + 1)
static const struct message_rule rule[RULE_COUNT] = {
    [MF_MSG_INVOKE] = {true, true, true, true, MF_HEAD_BYTES_MAX, MF_CHUNK_BYTES_MAX, 0, UINT64_MAX},
    [MF_MSG_BODY] = {true, true, true, true, 0, MF_CHUNK_BYTES_MAX, 0, MF_BODY_BYTES_MAX},
    [MF_MSG_CANCEL] = {true, true, false, true, 0, 0, 0, 0},
    [MF_MSG_DRAIN] = {true, true, false, false, 0, 0, 0, 0},
    [MF_MSG_REPLY] = {true, false, true, true, MF_HEAD_BYTES_MAX, MF_CHUNK_BYTES_MAX, MF_STATUS_MIN,
                      MF_STATUS_MAX},
    [MF_MSG_REPLY_BODY] = {true, false, true, true, 0, MF_CHUNK_BYTES_MAX, 0, 0},
    [MF_MSG_ERROR] = {true, false, true, true, 0, MF_ERROR_BYTES_MAX, MF_ERROR_HANDLER,
                      MF_ERROR_ANSWER},
    [MF_MSG_LOG] = {true, false, false, false, 0, MF_LOG_BYTES_MAX, 0, MF_LOG_LEVEL_COUNT - 1},
    [MF_MSG_FROZEN] = {true, false, false, false, 0,
                       MF_SNAPSHOT_RANGES_MAX * sizeof(struct mf_range), 0, 0},
    [MF_MSG_OPERATION] = {true, false, false, true, 0, MF_CHUNK_BYTES_MAX, 1ull << 32, UINT64_MAX},
};

/* Where the next chunk of a size would go. */
struct place {
    uint32_t offset;
    uint32_t room; /* bytes contiguous from there */
};

static struct mf_channel_head *head_of(const struct channel *channel);
static bool believe_released(const struct channel *channel, uint32_t *released);
static struct place best_place(const struct channel *channel, uint32_t released);
static bool find_place(const struct channel *channel, uint32_t released, uint32_t bytes,
                       uint32_t *offset);
static void write_desc(struct channel *channel, const struct mf_desc *desc);
static void read_desc(const struct channel *channel, uint32_t index, struct mf_desc *desc);
static mf_err decode(const struct mf_desc *desc, struct channel_message *message,
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
    channel->to_guest_tail = channel->to_guest_released = channel->to_node_head = 0;
    channel->data_tail = 0;
    memset(channel->data_end, 0, sizeof channel->data_end);
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

mf_err channel_put(struct channel *channel, const struct mf_desc *desc, const void *head,
                   const void *body)
{
    mf_assert(desc->type < RULE_COUNT && rule[desc->type].to_guest);
    mf_assert(desc->head_bytes <= desc->data_bytes && desc->data_bytes <= MF_CHUNK_BYTES_MAX);
    uint32_t released;
    if (!believe_released(channel, &released))
        return MF_EPROTO;
    channel->to_guest_released = released;
    uint32_t offset;
    if (channel->to_guest_tail - released == MF_RING_SLOTS ||
        !find_place(channel, released, desc->data_bytes, &offset))
        return MF_EAGAIN;
    if (channel->to_guest_tail == released) /* empty: nothing lives below offset 0 */
        channel->data_end[(released - 1) % MF_RING_SLOTS] = channel->data_tail = 0;

    uint8_t *data = channel->base + MF_CHANNEL_TO_GUEST_DATA + offset;
    uint32_t body_bytes = desc->data_bytes - desc->head_bytes;
    if (desc->head_bytes)
        memcpy(data, head, desc->head_bytes);
    if (body_bytes)
        memcpy(data + desc->head_bytes, body, body_bytes);
    struct mf_desc placed = *desc;
    placed.data_offset = offset;
    write_desc(channel, &placed);

    if (desc->data_bytes)
        channel->data_tail = (offset + desc->data_bytes + DATA_ALIGN - 1) & ~(DATA_ALIGN - 1);
    channel->data_end[channel->to_guest_tail % MF_RING_SLOTS] = channel->data_tail;
    channel->to_guest_tail++;
    publish(&head_of(channel)->to_guest.tail, channel->to_guest_tail);
    return MF_OK;
}

uint32_t channel_room(const struct channel *channel, uint32_t head_bytes)
{
    uint32_t released;
    if (!believe_released(channel, &released))
        return MF_CHUNK_BYTES_MAX; /* so that the caller puts, and channel_put() refuses */
    if (channel->to_guest_tail - released == MF_RING_SLOTS)
        return 0;
    uint32_t room = best_place(channel, released).room;
    if (room > MF_CHUNK_BYTES_MAX)
        room = MF_CHUNK_BYTES_MAX;
    return room > head_bytes ? room - head_bytes : 0;
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
    struct mf_channel_head *control = head_of(channel);
    uint32_t waiting = load(&control->to_node.tail) - channel->to_node_head;
    if (waiting == 0)
        return MF_EAGAIN;
    if (waiting > MF_RING_SLOTS)
        return mf_why(why, MF_EPROTO, "channel: the guest's tail is %u ahead of a ring of %u",
                      waiting, MF_RING_SLOTS);
    struct mf_desc desc;
    read_desc(channel, channel->to_node_head, &desc);
    mf_err err = decode(&desc, message, why);
    if (err)
        return err;
    if (desc.data_bytes)
        memcpy(scratch, channel->base + MF_CHANNEL_TO_NODE_DATA + desc.data_offset,
               desc.data_bytes);
    __asm__ volatile("" ::: "memory"); /* the copy is made: nobody reads the source again */
    message->data = scratch;
    channel->to_node_head++;
    publish(&control->to_node.head, channel->to_node_head);
    return MF_OK;
}

bool channel_sleep(struct channel *channel)
{
    struct mf_channel_head *control = head_of(channel);
    __atomic_store_n(&control->node_sleeping, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (load(&control->to_node.tail) == channel->to_node_head)
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

/* The guest's head, if it lies between what it released before and what we put. */
static bool believe_released(const struct channel *channel, uint32_t *released)
{
    uint32_t head = load(&head_of(channel)->to_guest.head);
    uint32_t unreleased = channel->to_guest_tail - channel->to_guest_released;
    mf_assert(unreleased <= MF_RING_SLOTS);
    if (head - channel->to_guest_released > unreleased)
        return false;
    *released = head;
    return true;
}

/*
 * Live data is [floor, data_tail), or [floor, …) and [0, data_tail) once the tail
 * has started again at 0; floor is the end of the chunk released last. The tail
 * never catches up with the floor from below, so equal means that nothing lives.
 */
static uint32_t data_floor(const struct channel *channel, uint32_t released)
{
    return channel->data_end[(released - 1) % MF_RING_SLOTS];
}

static struct place best_place(const struct channel *channel, uint32_t released)
{
    if (channel->to_guest_tail == released)
        return (struct place){0, MF_CHANNEL_DATA_BYTES};
    uint32_t floor = data_floor(channel, released);
    uint32_t tail = channel->data_tail;
    if (tail < floor)
        return (struct place){tail, floor - tail - DATA_ALIGN};
    struct place above = {tail, MF_CHANNEL_DATA_BYTES - tail};
    struct place again = {0, floor > DATA_ALIGN ? floor - DATA_ALIGN : 0};
    return again.room > above.room ? again : above;
}

static bool find_place(const struct channel *channel, uint32_t released, uint32_t bytes,
                       uint32_t *offset)
{
    *offset = 0;
    if (bytes == 0)
        return true;
    if (channel->to_guest_tail != released) {
        uint32_t tail = channel->data_tail;
        if (tail >= data_floor(channel, released) && bytes <= MF_CHANNEL_DATA_BYTES - tail) {
            *offset = tail; /* goes on where it was, though more room may lie at 0 */
            return true;
        }
    }
    struct place place = best_place(channel, released);
    *offset = place.offset;
    return bytes <= place.room;
}

static uint64_t *slot_words(const struct channel *channel, uint32_t ring, uint32_t index)
{
    uint8_t *slot = channel->base + ring + (index % MF_RING_SLOTS) * sizeof(struct mf_desc);
    return (uint64_t *)(void *)slot;
}

static void write_desc(struct channel *channel, const struct mf_desc *desc)
{
    uint64_t *slot = slot_words(channel, MF_CHANNEL_TO_GUEST_SLOTS, channel->to_guest_tail);
    memcpy(slot, desc, sizeof *desc);
}

/* Each word once, so that what was checked is what is used. */
static void read_desc(const struct channel *channel, uint32_t index, struct mf_desc *desc)
{
    const uint64_t *slot = slot_words(channel, MF_CHANNEL_TO_NODE_SLOTS, index);
    uint64_t words[DESC_WORDS];
    for (size_t i = 0; i < DESC_WORDS; i++)
        words[i] = __atomic_load_n(&slot[i], __ATOMIC_RELAXED);
    memcpy(desc, words, sizeof *desc);
}

static mf_err decode(const struct mf_desc *desc, struct channel_message *message,
                     struct mf_why *why)
{
    if (desc->type >= RULE_COUNT || !rule[desc->type].known || rule[desc->type].to_guest)
        return mf_why(why, MF_EPROTO, "channel: message type %u is none a guest may send",
                      desc->type);
    const struct message_rule *allows = &rule[desc->type];
    if (desc->flags & ~(allows->may_end ? MF_MSG_END : 0u))
        return mf_why(why, MF_EPROTO, "channel: flags %#x in a message of type %u", desc->flags,
                      desc->type);
    if (desc->data_bytes > allows->data_bytes_max)
        return mf_why(why, MF_EPROTO, "channel: %u bytes in a message of type %u, limit %u",
                      desc->data_bytes, desc->type, allows->data_bytes_max);
    if (desc->data_offset > MF_CHANNEL_DATA_BYTES ||
        desc->data_bytes > MF_CHANNEL_DATA_BYTES - desc->data_offset)
        return mf_why(why, MF_EPROTO, "channel: data at %u, %u bytes, outside an area of %u",
                      desc->data_offset, desc->data_bytes, MF_CHANNEL_DATA_BYTES);
    if (desc->head_bytes > desc->data_bytes || desc->head_bytes > allows->head_bytes_max)
        return mf_why(why, MF_EPROTO, "channel: %u bytes of fields in %u of a message of type %u",
                      desc->head_bytes, desc->data_bytes, desc->type);
    if (desc->arg < allows->arg_min || desc->arg > allows->arg_max)
        return mf_why(why, MF_EPROTO, "channel: argument %llu in a message of type %u",
                      (unsigned long long)desc->arg, desc->type);
    if (allows->has_event && desc->id == 0)
        return mf_why(why, MF_EPROTO, "channel: a message of type %u for no event", desc->type);
    *message = (struct channel_message){
        .id = desc->id,
        .type = (enum mf_message)desc->type,
        .end = desc->type == MF_MSG_ERROR || (desc->flags & MF_MSG_END) != 0,
        .head_bytes = desc->head_bytes,
        .data_bytes = desc->data_bytes,
        .arg = desc->arg,
    };
    return MF_OK;
}
