/*
 * futex.c: the system call futex: waiting for a word of memory, and waking.
 * Guarantees: who is woken learns of it, whatever else comes at the same time; waiters are
 * woken in the order in which they came. Private and shared futexes are the same: there is
 * one process.
 * Leaves to others: priority inheritance, which is refused. Owns who waits where.
 */
#include "kernel/linux/many/futex.h"

#include <asm/errno.h>
#include <linux/futex.h>
#include <stdbool.h>

#include "kernel/core/hypercall.h"
#include "kernel/core/limits.h"
#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/time.h"
#include "kernel/task/wait.h"

/* What a call that waits remembers: its place on the queue of its address. */
struct waiter {
    struct wait place;
    uint64_t address;
    uint64_t deadline_ns; /* 0: it begins for the first time */
    uint32_t bits;
    bool woken;
};

static struct wait_queue queues[FUTEX_QUEUES];

static struct wait_queue *queue_of(uint64_t address);
static int64_t wait_at(const struct frame *frame, int operation, uint32_t bits);
static int read_deadline(const struct frame *frame, bool absolute, uint64_t *deadline_ns);
static int64_t requeue(const struct frame *frame, bool compare);
static int64_t wake_and_change(const struct frame *frame);

int64_t linux_futex(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    uint32_t bits = (uint32_t)frame_argument(frame, 5);
    int32_t count = (int32_t)frame_argument(frame, 2);
    int operation = (int)frame_argument(frame, 1) & FUTEX_CMD_MASK;
    if (address % sizeof(uint32_t))
        return -EINVAL;
    if (!user_range(address, sizeof(uint32_t)))
        return -EFAULT;
    switch (operation) {
    case FUTEX_WAIT:
        return wait_at(frame, operation, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
        return bits ? wait_at(frame, operation, bits) : -EINVAL;
    case FUTEX_WAKE:
        return futex_wake(address, count, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return bits ? futex_wake(address, count, bits) : -EINVAL;
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return requeue(frame, operation == FUTEX_CMP_REQUEUE);
    case FUTEX_WAKE_OP:
        return wake_and_change(frame);
    default: /* priority inheritance: there is one processor, and no priorities */
        return -ENOSYS;
    }
}

int32_t futex_wake(uint64_t address, int32_t most, uint32_t bits)
{
    int32_t woken = 0;
    struct wait *next;
    for (struct wait *place = queue_of(address)->first; place; place = next) {
        struct waiter *waiter = (struct waiter *)place; /* its first member */
        next = place->next;
        if (waiter->address != address || !(waiter->bits & bits))
            continue;
        waiter->woken = true;
        (void)task_wake(place->task);
        if (++woken >= most)
            break;
    }
    return woken;
}

static struct wait_queue *queue_of(uint64_t address)
{
    return &queues[address / sizeof(uint32_t) % FUTEX_QUEUES];
}

static int64_t wait_at(const struct frame *frame, int operation, uint32_t bits)
{
    uint64_t address = frame_argument(frame, 0);
    uint32_t value;
    struct waiter *waiter = call_state(sizeof *waiter, NULL);
    if (waiter->woken)
        return 0;
    if (waiter->deadline_ns == 0) {
        int error = read_deadline(frame, operation == FUTEX_WAIT_BITSET, &waiter->deadline_ns);
        if (error)
            return error;
    }
    if (user_read(&value, address, sizeof value) != 0)
        return -EFAULT;
    if (value != (uint32_t)frame_argument(frame, 2))
        return -EAGAIN;
    waiter->address = address;
    waiter->bits = bits;
    wait_on(queue_of(address), &waiter->place);
    int64_t result = wait_now(waiter->deadline_ns);
    bool ends = result == WAIT_INTERRUPTED && waiter->deadline_ns != WAIT_FOR_EVER;
    return ends ? -EINTR : result; /* Linux begins only those again that have no timeout */
}

static int read_deadline(const struct frame *frame, bool absolute, uint64_t *deadline_ns)
{
    uint64_t timeout_at = frame_argument(frame, 3);
    uint64_t ns, monotonic, realtime;
    *deadline_ns = WAIT_FOR_EVER;
    if (!timeout_at)
        return 0;
    int error = time_read(timeout_at, &ns);
    if (error)
        return error;
    hypercall_clock(&monotonic, &realtime);
    if (!absolute)
        *deadline_ns = monotonic + ns;
    else if ((int)frame_argument(frame, 1) & FUTEX_CLOCK_REALTIME)
        *deadline_ns = monotonic + (ns > realtime ? ns - realtime : 0);
    else
        *deadline_ns = ns ? ns : 1;
    return 0;
}

/* Wake some, and let some of the others wait at another address. */
static int64_t requeue(const struct frame *frame, bool compare)
{
    uint64_t from = frame_argument(frame, 0), to = frame_argument(frame, 4);
    int32_t wake_most = (int32_t)frame_argument(frame, 2);
    int32_t move_most = (int32_t)frame_argument(frame, 3);
    uint32_t value;
    int64_t count = 0;
    struct wait *next;
    if (wake_most < 0 || move_most < 0 || to % sizeof value)
        return -EINVAL;
    if (!user_range(to, sizeof value) || user_read(&value, from, sizeof value) != 0)
        return -EFAULT;
    if (compare && value != (uint32_t)frame_argument(frame, 5))
        return -EAGAIN;
    for (struct wait *place = queue_of(from)->first; place; place = next) {
        struct waiter *waiter = (struct waiter *)place;
        next = place->next;
        if (waiter->address != from)
            continue;
        if (count == (int64_t)wake_most + move_most)
            break;
        if (count++ < wake_most) {
            waiter->woken = true;
            (void)task_wake(place->task);
        } else if (from != to) {
            waiter->address = to;
            wait_move(queue_of(to), place);
        }
    }
    return count;
}

/* The second word's new value by the operation encoded, of Linux's uapi: 4 bits of operation,
 * the highest of which shifts the operand, 4 of comparison, 12 of operand, 12 to compare with. */
static int change(uint64_t address, uint32_t encoded, bool *holds)
{
    int32_t operation = (int32_t)(encoded >> 28 & 7), comparison = (int32_t)(encoded >> 24 & 15);
    int32_t operand = (int32_t)(encoded << 8) >> 20, against = (int32_t)(encoded << 20) >> 20;
    int32_t old;
    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
        operand = (int32_t)(1u << (operand & 31));
    if (user_read(&old, address, sizeof old) != 0)
        return -EFAULT;
    const int32_t becomes[] = {
        [FUTEX_OP_SET] = operand,
        [FUTEX_OP_ADD] = (int32_t)((uint32_t)old + (uint32_t)operand),
        [FUTEX_OP_OR] = old | operand,
        [FUTEX_OP_ANDN] = old & ~operand,
        [FUTEX_OP_XOR] = old ^ operand,
    };
    const bool compares[] = {
        [FUTEX_OP_CMP_EQ] = old == against, [FUTEX_OP_CMP_NE] = old != against,
        [FUTEX_OP_CMP_LT] = old < against,  [FUTEX_OP_CMP_LE] = old <= against,
        [FUTEX_OP_CMP_GT] = old > against,  [FUTEX_OP_CMP_GE] = old >= against,
    };
    if (operation > FUTEX_OP_XOR || comparison > FUTEX_OP_CMP_GE)
        return -ENOSYS;
    *holds = compares[comparison];
    return user_write(address, &becomes[operation], sizeof becomes[operation]);
}

static int64_t wake_and_change(const struct frame *frame)
{
    uint64_t second = frame_argument(frame, 4);
    bool holds = false;
    if (second % sizeof(uint32_t))
        return -EINVAL;
    int error = change(second, (uint32_t)frame_argument(frame, 5), &holds);
    if (error)
        return error;
    int64_t woken = futex_wake(frame_argument(frame, 0), (int32_t)frame_argument(frame, 2),
                               FUTEX_BITSET_MATCH_ANY);
    if (holds)
        woken += futex_wake(second, (int32_t)frame_argument(frame, 3), FUTEX_BITSET_MATCH_ANY);
    return woken;
}
