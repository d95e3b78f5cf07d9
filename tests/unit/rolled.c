/* rolled.c: see rolled.h. Every wait is on a descriptor and bounded. */
#include "rolled.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/event.h"
#include "node/instance/event.h"

int rolled_snapshot(const struct image_file *image, uint64_t window_bytes,
                    const struct mf_range *ranges, uint32_t range_count, const struct mf_run *runs,
                    uint32_t run_count)
{
    uint8_t page[MF_PAGE_BYTES];
    const uint64_t ranges_bytes = range_count * sizeof *ranges, runs_bytes = run_count * sizeof *runs;
    struct mf_snapshot head = {
        .magic = MF_SNAPSHOT_MAGIC,
        .abi_version = MF_ABI_VERSION,
        .head_bytes = (uint32_t)(sizeof head + ranges_bytes + runs_bytes),
        .window_bytes = window_bytes,
        .file_bytes = MF_KERNEL_BASE,
        .range_count = range_count,
        .run_count = run_count,
    };
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    assert_true(fd >= 0);
    memcpy(head.image, image->image.info.hash, sizeof head.image);
    for (uint32_t i = 0; i < run_count; i++)
        for (uint32_t k = runs[i].page; k < runs[i].page + runs[i].pages; k++) {
            memset(page, (int)(k & 0xff), sizeof page);
            assert_int_equal(pwrite(fd, page, sizeof page, (off_t)k * MF_PAGE_BYTES), sizeof page);
            head.file_bytes = ((uint64_t)k + 1) * MF_PAGE_BYTES;
        }
    assert_int_equal(ftruncate(fd, (off_t)head.file_bytes), 0);
    assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
    assert_int_equal(pwrite(fd, ranges, ranges_bytes, sizeof head), ranges_bytes);
    assert_int_equal(pwrite(fd, runs, runs_bytes, (off_t)(sizeof head + ranges_bytes)), runs_bytes);
    return fd;
}

void rolled_open(struct rolled *rolled, struct spawner *spawner, int image_fd, int snapshot_fd)
{
    static uint64_t last_id = 1000;
    char path[64];
    *rolled = (struct rolled){
        .spawner = spawner, .pagemap = -1, .image = image_fd, .snapshot = snapshot_fd};
    spawned(spawner, ++last_id, MF_SANDBOX_KVM, &rolled->blank);
    (void)snprintf(path, sizeof path, "/proc/%d/pagemap", (int)rolled->blank.pid);
    rolled->pagemap = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(rolled->pagemap >= 0);
    rolled->control = rolled->blank.channel.control;
    assert_non_null(rolled->control);
}

static void start(struct rolled *rolled)
{
    struct mf_why why = {{0}};
    const struct start_order order = {.flags = MF_START_RESTORE | MF_START_RESET,
                                      .image_fd = rolled->image,
                                      .snapshot_fd = rolled->snapshot,
                                      .pagemap_fd = rolled->pagemap};
    mf_err err = blank_start(&rolled->blank, &order, &why);
    if (err)
        fail_msg("start: %s", mf_why_text(&why, err));
    rolled->started = true;
}

int rolled_end_why(struct rolled *rolled, struct mf_why *why)
{
    int status = ended(rolled->spawner, &rolled->blank);
    (void)blank_start_failed(&rolled->blank, why);
    (void)close(rolled->pagemap);
    blank_close(&rolled->blank);
    return status;
}

int rolled_end(struct rolled *rolled)
{
    struct mf_why why = {{0}};
    return rolled_end_why(rolled, &why);
}

void rolled_close(struct rolled *rolled)
{
    blank_kill(&rolled->blank);
    (void)rolled_end(rolled);
}

void rolled_put(struct rolled *rolled, const char *path, const void *body, uint32_t bytes)
{
    uint8_t head[256];
    struct field_writer writer;
    field_writer_init(&writer, head, sizeof head);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "GET", 3);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, path, strlen(path));
    const struct mf_desc desc = {.id = ++rolled->event_id,
                                 .type = MF_MSG_INVOKE,
                                 .flags = MF_MSG_END,
                                 .head_bytes = writer.bytes,
                                 .data_bytes = writer.bytes + bytes};
    assert_int_equal(writer.err, MF_OK);
    assert_int_equal(channel_put(&rolled->blank.channel, &desc, head, body), MF_OK);
}

/* Until it rings, or something of it has ended. */
static void listen_for_bell(struct rolled *rolled)
{
    uint64_t rings;
    struct mf_why why = {{0}};
    if (!readable(rolled->blank.bell)) {
        if (blank_start_failed(&rolled->blank, &why))
            fail_msg("start: %s", why.text);
        char last[512] = {0};
        (void)!read(rolled->blank.console, last, sizeof last - 1);
        fail_msg("no bell; console: %s", last);
    }
    assert_int_equal(read(rolled->blank.bell, &rings, sizeof rings), sizeof rings);
}

void rolled_reply(struct rolled *rolled)
{
    static uint8_t scratch[MF_CHUNK_BYTES_MAX];
    struct channel_message message;
    struct mf_why why = {{0}};
    bool whole = false;
    rolled->body_bytes = 0;
    while (!whole) {
        mf_err err = channel_take(&rolled->blank.channel, scratch, &message, &why);
        if (err == MF_EAGAIN) {
            if (channel_sleep(&rolled->blank.channel))
                listen_for_bell(rolled);
            continue;
        }
        if (err)
            fail_msg("reply: %s", mf_why_text(&why, err));
        if (message.type == MF_MSG_LOG)
            continue;
        assert_int_equal(message.id, rolled->event_id);
        uint32_t bytes = message.data_bytes - message.head_bytes;
        assert_true(bytes <= ROLLED_BODY_MAX - rolled->body_bytes);
        memcpy(rolled->body + rolled->body_bytes, message.data + message.head_bytes, bytes);
        rolled->body_bytes += bytes;
        if (message.type == MF_MSG_REPLY)
            rolled->status = (uint32_t)message.arg;
        whole = message.end;
    }
}

void rolled_await_reset(struct rolled *rolled)
{
    __atomic_store_n(&rolled->control->notify, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&rolled->control->resets, __ATOMIC_SEQ_CST) == rolled->resets)
        listen_for_bell(rolled);
    rolled->resets = __atomic_load_n(&rolled->control->resets, __ATOMIC_SEQ_CST);
    __atomic_store_n(&rolled->control->notify, 0, __ATOMIC_SEQ_CST);
}

void rolled_renew(struct rolled *rolled)
{
    assert_int_equal(channel_renew(&rolled->blank.channel), MF_OK);
    rolled->event_id = 0;
}

void rolled_go(struct rolled *rolled)
{
    if (!rolled->started) {
        start(rolled);
        return;
    }
    channel_go(&rolled->blank.channel);
}

void rolled_event(struct rolled *rolled, const char *path, const void *body, uint32_t bytes)
{
    rolled_put(rolled, path, body, bytes);
    rolled_go(rolled);
    rolled_reply(rolled);
    rolled_await_reset(rolled);
    rolled_renew(rolled);
}
