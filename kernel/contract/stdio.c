/*
 * stdio.c: the contract `stdio`: the event's body is standard input, and then its end; what the
 * program writes to standard output is the reply, which ends when the program does. One event
 * for each run: it waits for it, and is frozen, where it first reads or writes.
 * Guarantees: nothing of the reply is lost in the log, nor of the log in the reply.
 * Leaves to others: events (exchange.c), standard error (file/standard.c).
 * Owns the files of descriptors 0 and 1.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stddef.h>

#include "abi/channel.h"
#include "abi/program.h"
#include "kernel/contract/exchange.h"
#include "kernel/contract/parts.h"
#include "kernel/core/fault.h"
#include "kernel/core/text.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"
#include "kernel/file/descriptor.h"

#define STATUS 200u
#define PART_BYTES 2048u

static struct {
    struct file input, output;
    enum { NO_EVENT, BEGUN, ENDED } event;
    bool wants; /* somebody waits for the event, or for more of its body */
    bool replied;
    uint64_t body_left;
    uint64_t reply_bytes;
} now;

/* Has it begun, now or before? */
static bool begin(void)
{
    struct exchange_event event;
    if (now.event != NO_EVENT)
        return true;
    if (!exchange_begin(&event))
        return false;
    now.event = BEGUN;
    now.replied = false;
    now.body_left = event.body_bytes;
    now.reply_bytes = 0;
    exchange_body_let_go();
    return true;
}

static int64_t input_read(struct file *file, struct io *io, uint64_t *position)
{
    const uint8_t *data;
    (void)file, (void)position;
    if (now.event == ENDED)
        return 0;
    uint32_t bytes = begin() && now.body_left ? exchange_body(&data) : 0;
    now.wants = !bytes && (now.event == NO_EVENT || now.body_left);
    if (!bytes)
        return now.wants ? -EAGAIN : 0;
    if (bytes > io->bytes)
        bytes = (uint32_t)io->bytes;
    if (io_put(io, data, bytes) != 0)
        return -EFAULT;
    exchange_body_use(bytes);
    now.body_left -= bytes;
    return bytes;
}

static uint32_t input_ready(struct file *file)
{
    struct mf_desc desc;
    (void)file;
    bool more = now.event == NO_EVENT || (now.event == BEGUN && now.body_left);
    now.wants = more && !wire_peek(0, &desc);
    return now.wants ? 0 : POLLIN | POLLRDNORM;
}

static void reply(const char *part, uint32_t bytes)
{
    if (bytes > MF_BODY_BYTES_MAX - now.reply_bytes) {
        exchange_fail(MF_ERROR_ANSWER, "standard output is larger than a reply may be");
        now.event = ENDED;
        return;
    }
    if (!now.replied)
        exchange_reply(STATUS, NULL, 0);
    now.replied = true;
    now.reply_bytes += bytes;
    exchange_put(part, bytes);
    exchange_flush(); /* lines of standard error may come next */
}

static int64_t put_out(struct file *file, struct io *io, uint64_t *position)
{
    char part[PART_BYTES];
    int64_t done = 0;
    (void)file, (void)position;
    if (!begin()) {
        now.wants = true;
        return -EAGAIN;
    }
    while (io->bytes) {
        uint32_t bytes = io->bytes < sizeof part ? (uint32_t)io->bytes : (uint32_t)sizeof part;
        if (io_get(io, part, bytes) != 0)
            return done ? done : -EFAULT;
        if (now.event == BEGUN)
            reply(part, bytes);
        else
            output_put(OUTPUT_STDOUT, part, bytes);
        done += bytes;
    }
    return done;
}

/* As put_out(): it is written to once the event has begun. */
static uint32_t output_ready(struct file *file)
{
    struct mf_desc desc;
    (void)file;
    if (now.event == NO_EVENT && !wire_peek(0, &desc)) {
        now.wants = true;
        return 0;
    }
    return POLLOUT | POLLWRNORM;
}

static void stays(struct file *file)
{
    (void)file;
}

static const struct file_operations input = {
    .name = "pipe",
    .read = input_read,
    .ready = input_ready,
    .close = stays,
};
static const struct file_operations output = {
    .name = "pipe",
    .write = put_out,
    .ready = output_ready,
    .close = stays,
};

static void start(void)
{
    file_init(&now.input, &input, O_RDONLY);
    file_init(&now.output, &output, O_WRONLY);
    if (descriptor_set(&now.input, false, 0) != 0 || descriptor_set(&now.output, false, 1) != 1)
        fault_words(MF_CAUSE_NO_MEMORY, "no memory for descriptors");
}

static bool turn(void)
{
    struct mf_desc desc;
    bool ends = now.event == BEGUN && exchange_cancelled();
    if (ends) {
        exchange_fail(MF_ERROR_HANDLER, "cancelled");
        now.event = ENDED;
    }
    if (!now.wants || !wire_peek(0, &desc))
        return ends;
    now.wants = false;
    file_changed(&now.input);
    file_changed(&now.output);
    return true;
}

static bool may_freeze(void)
{
    return now.event == NO_EVENT && now.wants;
}

static void end(uint32_t status)
{
    struct text line = {.bytes = 0};
    (void)begin();
    if (now.event != BEGUN)
        return;
    now.event = ENDED;
    if (status) {
        text_add(&line, "the program ended with status ");
        text_decimal(&line, status);
        exchange_fail(MF_ERROR_HANDLER, text_string(&line));
        return;
    }
    if (!now.replied)
        exchange_reply(STATUS, NULL, 0);
    exchange_end();
}

const struct contract contract_stdio = {
    .name = MF_CONTRACT_STDIO, .start = start, .turn = turn, .may_freeze = may_freeze, .end = end};
