/*
 * wait.c: system calls that wait for several files: epoll, poll, select.
 * Guarantees: what is ready is looked for before any waiting; a deadline is that of the first
 * beginning. Leaves to others: readiness (the files), waiting (task/wait.h).
 * Owns the places of a poll that waits.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <linux/eventpoll.h>

#include "kernel/core/heap.h"
#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/epoll.h"
#include "kernel/file/limits.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/many/signal.h"

#define SIGNAL_SET_BYTES 8u
#define NS_PER_US 1000ull
#define NS_PER_S 1000000000ull
#define SET_BITS 64u

/* Of a call that waits, from one beginning to the next. */
struct waiting {
    bool begun;
    uint64_t deadline_ns;
    struct wait *places; /* of a poll or select, heap */
    size_t count;
};

static void end_waiting(void *state)
{
    struct waiting *waiting = state;
    heap_give(waiting->places, waiting->count * sizeof *waiting->places);
}

/* Its state; *first: this is the first beginning, and the deadline is to be set. */
static struct waiting *begin(bool *first)
{
    struct waiting *waiting = call_state(sizeof *waiting, end_waiting);
    *first = !waiting->begun;
    waiting->begun = true;
    return waiting;
}

/* The mask that a call brings along. 0 or -errno. */
static int take_mask(uint64_t set, uint64_t set_bytes)
{
    uint64_t mask;
    if (!set)
        return 0;
    if (set_bytes != SIGNAL_SET_BYTES)
        return -EINVAL;
    int error = user_read(&mask, set, sizeof mask);
    if (!error)
        signal_mask_during_call(mask);
    return error;
}

/* None of these calls is restarted after a handler (signal(7)). */
static int64_t ended(int64_t result)
{
    return result == WAIT_INTERRUPTED ? -EINTR : result == -ETIMEDOUT ? 0 : result;
}

/* epoll */

static int64_t make_epoll(bool close_on_exec)
{
    struct file *file = epoll_create();
    return file ? descriptor_add(file, close_on_exec, 0) : -ENOMEM;
}

int64_t linux_epoll_create(struct frame *frame)
{
    return (int32_t)frame_argument(frame, 0) > 0 ? make_epoll(false) : -EINVAL;
}

int64_t linux_epoll_create1(struct frame *frame)
{
    uint32_t flags = (uint32_t)frame_argument(frame, 0);
    return flags & ~(uint32_t)EPOLL_CLOEXEC ? -EINVAL : make_epoll(flags & EPOLL_CLOEXEC);
}

int64_t linux_epoll_ctl(struct frame *frame)
{
    struct file *epoll = descriptor_file(frame_argument(frame, 0));
    uint32_t fd = (uint32_t)frame_argument(frame, 2);
    struct file *file = descriptor_file(fd);
    struct epoll_event event = {0};
    int operation = (int)frame_argument(frame, 1);
    if (operation != EPOLL_CTL_DEL) {
        int error = user_read(&event, frame_argument(frame, 3), sizeof event);
        if (error)
            return error;
    }
    if (!epoll || !file)
        return -EBADF;
    if (!epoll_is(epoll))
        return -EINVAL;
    switch (operation) {
    case EPOLL_CTL_ADD:
        return epoll_add(epoll, file, fd, &event);
    case EPOLL_CTL_MOD:
        return epoll_modify(epoll, file, fd, &event);
    case EPOLL_CTL_DEL:
        return epoll_delete(epoll, file, fd);
    default:
        return -EINVAL;
    }
}

static int64_t epoll_call(struct frame *frame, uint64_t deadline_ns)
{
    struct file *epoll = descriptor_file(frame_argument(frame, 0));
    int32_t most = (int32_t)frame_argument(frame, 2);
    if (!epoll)
        return -EBADF;
    if (!epoll_is(epoll) || most <= 0 || (uint32_t)most > EPOLL_EVENTS_MAX)
        return -EINVAL;
    int64_t count = epoll_take(epoll, frame_argument(frame, 1), (uint32_t)most);
    if (count || deadline_ns == 0)
        return count;
    return ended(wait_for(&epoll->changed, deadline_ns));
}

int64_t linux_epoll_wait(struct frame *frame)
{
    bool first;
    struct waiting *waiting = begin(&first);
    if (first)
        waiting->deadline_ns = files_deadline_ms((int32_t)frame_argument(frame, 3));
    return epoll_call(frame, waiting->deadline_ns);
}

int64_t linux_epoll_pwait(struct frame *frame)
{
    int error = take_mask(frame_argument(frame, 4), frame_argument(frame, 5));
    return error ? error : linux_epoll_wait(frame);
}

int64_t linux_epoll_pwait2(struct frame *frame)
{
    bool first;
    struct waiting *waiting = begin(&first);
    int error = first ? files_deadline(frame_argument(frame, 3), &waiting->deadline_ns) : 0;
    if (!error)
        error = take_mask(frame_argument(frame, 4), frame_argument(frame, 5));
    return error ? error : epoll_call(frame, waiting->deadline_ns);
}

/* poll */

/* What holds of a file of those events, as poll(2) has it. */
static int16_t look(const struct pollfd *entry)
{
    if (entry->fd < 0)
        return 0;
    struct file *file = descriptor_file((uint64_t)entry->fd);
    if (!file)
        return POLLNVAL;
    return (int16_t)(file_ready(file) & ((uint16_t)entry->events | POLLERR | POLLHUP));
}

/* Look at all: how many have something to tell. */
static int64_t look_at_all(uint64_t entries, uint32_t count)
{
    int64_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pollfd entry;
        uint64_t at = entries + i * sizeof entry;
        int error = user_read(&entry, at, sizeof entry);
        if (error)
            return error;
        entry.revents = look(&entry);
        found += entry.revents != 0;
        error = user_write(at, &entry, sizeof entry);
        if (error)
            return error;
    }
    return found;
}

/* Places for so many files, of which this one is the next. */
static bool wait_on_file(struct waiting *waiting, uint32_t *at, int32_t fd)
{
    struct file *file = fd < 0 ? NULL : descriptor_file((uint64_t)fd);
    if (file)
        wait_on(&file->changed, &waiting->places[(*at)++]);
    return file;
}

static bool make_places(struct waiting *waiting, uint32_t count)
{
    if (waiting->places || count == 0)
        return true;
    waiting->places = heap_take(count * sizeof *waiting->places);
    waiting->count = waiting->places ? count : 0;
    return waiting->places;
}

static int64_t poll_call(struct frame *frame, struct waiting *waiting)
{
    uint64_t entries = frame_argument(frame, 0);
    uint32_t count = (uint32_t)frame_argument(frame, 1), at = 0;
    if (count > descriptor_limit_now())
        return -EINVAL;
    int64_t found = look_at_all(entries, count);
    if (found || waiting->deadline_ns == 0)
        return found;
    if (!make_places(waiting, count))
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct pollfd entry;
        if (user_read(&entry, entries + i * sizeof entry, sizeof entry) != 0)
            return -EFAULT;
        (void)wait_on_file(waiting, &at, entry.fd);
    }
    return ended(wait_now(waiting->deadline_ns));
}

int64_t linux_poll(struct frame *frame)
{
    bool first;
    struct waiting *waiting = begin(&first);
    if (first)
        waiting->deadline_ns = files_deadline_ms((int32_t)frame_argument(frame, 2));
    return poll_call(frame, waiting);
}

int64_t linux_ppoll(struct frame *frame)
{
    bool first;
    struct waiting *waiting = begin(&first);
    int error = first ? files_deadline(frame_argument(frame, 2), &waiting->deadline_ns) : 0;
    if (!error)
        error = take_mask(frame_argument(frame, 3), frame_argument(frame, 4));
    return error ? error : poll_call(frame, waiting);
}

/* select */

enum { READS, WRITES, EXCEPTS, SETS };

/* What select(2) means by readable and its like, in events of poll (Linux's fs/select.c). */
static const uint32_t meant[SETS] = {
    [READS] = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    [WRITES] = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    [EXCEPTS] = POLLPRI,
};

/* A word of each set, of the bits below count; sets that are not given are empty. */
static int read_words(const struct frame *frame, uint32_t base, uint32_t count,
                      uint64_t words[SETS])
{
    uint64_t below = count - base < SET_BITS ? (1ull << (count - base)) - 1 : UINT64_MAX;
    for (unsigned set = 0; set < SETS; set++) {
        uint64_t at = frame_argument(frame, 1 + set);
        words[set] = 0;
        if (at && user_read(&words[set], at + base / 8, sizeof words[set]) != 0)
            return -EFAULT;
        words[set] &= below;
    }
    return 0;
}

/* Leave in a word of each set what holds: how many bits. */
static int64_t look_at_words(uint32_t base, uint64_t words[SETS])
{
    uint64_t left = words[READS] | words[WRITES] | words[EXCEPTS];
    int64_t found = 0;
    for (; left; left &= left - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(left);
        struct file *file = descriptor_file(base + bit);
        if (!file)
            return -EBADF;
        uint32_t ready = file_ready(file);
        for (unsigned set = 0; set < SETS; set++) {
            uint64_t one = words[set] & 1ull << bit;
            if (one && ready & meant[set])
                found++;
            else
                words[set] &= ~one;
        }
    }
    return found;
}

/* Look at all sets; write: and tell the program. Nothing changes from one look to the next. */
static int64_t look_at_sets(const struct frame *frame, uint32_t count, bool write)
{
    int64_t found = 0;
    for (uint32_t base = 0; base < count; base += SET_BITS) {
        uint64_t words[SETS];
        int error = read_words(frame, base, count, words);
        int64_t here = error ? error : look_at_words(base, words);
        if (here < 0)
            return here;
        found += here;
        for (unsigned set = 0; write && set < SETS; set++) {
            uint64_t at = frame_argument(frame, 1 + set);
            if (at && user_write(at + base / 8, &words[set], sizeof words[set]) != 0)
                return -EFAULT;
        }
    }
    return found;
}

static int64_t wait_on_sets(const struct frame *frame, uint32_t count, struct waiting *waiting)
{
    uint32_t at = 0;
    if (!make_places(waiting, count))
        return -ENOMEM;
    for (uint32_t base = 0; base < count; base += SET_BITS) {
        uint64_t words[SETS];
        int error = read_words(frame, base, count, words);
        if (error)
            return error;
        for (uint64_t left = words[READS] | words[WRITES] | words[EXCEPTS]; left; left &= left - 1)
            (void)wait_on_file(waiting, &at, (int32_t)base + __builtin_ctzll(left));
    }
    return wait_now(waiting->deadline_ns);
}

static int64_t select_call(struct frame *frame, struct waiting *waiting)
{
    int32_t count = (int32_t)frame_argument(frame, 0);
    if (count < 0)
        return -EINVAL;
    if (count > (int32_t)DESCRIPTORS_MAX)
        count = DESCRIPTORS_MAX;
    int64_t found = look_at_sets(frame, (uint32_t)count, false);
    if (found < 0)
        return found;
    int64_t result = found                  ? found
                     : waiting->deadline_ns ? wait_on_sets(frame, (uint32_t)count, waiting)
                                            : -ETIMEDOUT;
    if (found || result == -ETIMEDOUT)
        result = look_at_sets(frame, (uint32_t)count, true);
    return ended(result);
}

int64_t linux_select(struct frame *frame)
{
    struct {
        int64_t seconds, microseconds;
    } timeout;
    bool first;
    struct waiting *waiting = begin(&first);
    if (first)
        waiting->deadline_ns = WAIT_FOR_EVER;
    if (first && frame_argument(frame, 4)) {
        if (user_read(&timeout, frame_argument(frame, 4), sizeof timeout) != 0)
            return -EFAULT;
        if (timeout.seconds < 0 || timeout.microseconds < 0)
            return -EINVAL;
        uint64_t ns;
        if (__builtin_mul_overflow((uint64_t)timeout.seconds, NS_PER_S, &ns) ||
            __builtin_add_overflow(ns, (uint64_t)timeout.microseconds * NS_PER_US, &ns))
            ns = UINT64_MAX;
        waiting->deadline_ns = files_deadline_in(ns);
    }
    return select_call(frame, waiting);
}

int64_t linux_pselect6(struct frame *frame)
{
    struct {
        uint64_t set, bytes;
    } mask = {0};
    bool first;
    struct waiting *waiting = begin(&first);
    int error = first ? files_deadline(frame_argument(frame, 4), &waiting->deadline_ns) : 0;
    if (!error && frame_argument(frame, 5))
        error = user_read(&mask, frame_argument(frame, 5), sizeof mask);
    if (!error)
        error = take_mask(mask.set, mask.bytes);
    return error ? error : select_call(frame, waiting);
}
