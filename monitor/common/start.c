/*
 * start.c: MF_START, from the packet to a struct monitor_start that needs no more
 * doubt. The node sent it, but the image inside may be anybody's.
 * Leaves to others: the image's hash and manifest (the node checks them at deploy).
 */
#include "monitor/common/start.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/channel.h"
#include "base/limits.h"

/* Page by page, so that the first one is all that the usual start touches. */
static _Alignas(MF_PAGE_BYTES) uint8_t image_head[MF_IMAGE_HEAD_BYTES];
static _Alignas(MF_PAGE_BYTES) uint8_t snapshot_head[MF_SNAPSHOT_HEAD_BYTES_MAX];

static mf_err decode_env(const struct start_packet *packet, struct monitor_start *start,
                         struct mf_why *why)
{
    const char *env = packet->start.env;
    uint32_t strings = 0;
    for (uint32_t i = 0; i < start->env_bytes; i++)
        strings += env[i] == 0;
    bool ended = start->env_bytes == 0 || env[start->env_bytes - 1] == 0;
    if (!ended || strings != start->env_count || strings > MF_ENV_COUNT_MAX)
        return mf_why(why, MF_EPROTO, "environment: %u strings in %u bytes, %u announced", strings,
                      start->env_bytes, start->env_count);
    start->env = env;
    return MF_OK;
}

static mf_err decode_packet(const struct start_packet *packet, size_t bytes,
                            struct monitor_start *start, struct mf_why *why)
{
    const struct mf_start *in = &packet->start;
    if (bytes < sizeof *in || in->magic != MF_SPAWN_MAGIC || in->type != MF_START)
        return mf_why(why, MF_EPROTO, "expected MF_START, got %zu other bytes", bytes);
    if (in->env_bytes > MF_START_ENV_MAX || in->env_bytes != bytes - sizeof *in)
        return mf_why(why, MF_EPROTO, "MF_START of %zu bytes announces %u of environment", bytes,
                      in->env_bytes);
    if (in->nice < 0 || in->nice > MF_NICE_MAX)
        return mf_why(why, MF_EINVAL, "nice %d is not in 0..%d", in->nice, MF_NICE_MAX);
    if (in->flags & ~MF_START_FLAGS)
        return mf_why(why, MF_EPROTO, "MF_START with flags 0x%x", in->flags);
    if ((in->flags & MF_START_RESET && !(in->flags & MF_START_RESTORE)) ||
        (in->flags & MF_START_TOUCHED && !(in->flags & MF_START_RESTORE)) ||
        (in->flags & MF_START_RESTORE && in->flags & MF_START_FREEZE))
        return mf_why(why, MF_EINVAL, "a start cannot be all of 0x%x at once", in->flags);
    start->flags = in->flags;
    start->instance_id = in->instance_id;
    start->window_bytes = in->window_bytes;
    start->nice = in->nice;
    start->env_count = in->env_count;
    start->env_bytes = in->env_bytes;
    return decode_env(packet, start, why);
}

mf_err start_decode(const struct start_packet *packet, size_t bytes, const uint8_t *head,
                    size_t head_bytes, size_t file_bytes, struct monitor_start *start,
                    struct mf_why *why)
{
    *start = (struct monitor_start){.image_fd = -1, .snapshot_fd = -1, .pagemap_fd = -1};
    mf_err err = decode_packet(packet, bytes, start, why);
    if (!err)
        err = image_parse_head(head, head_bytes, file_bytes, &start->image, why);
    if (err)
        return err;
    if (start->window_bytes == 0)
        start->window_bytes = start->image.info.window_bytes;
    err = image_fits(&start->image, start->window_bytes, why);
    if (!err)
        start->channel_base = start->window_bytes - MF_CHANNEL_BYTES;
    return err;
}

void start_touch(void)
{
    *(volatile uint8_t *)image_head = 0;
    *(volatile uint8_t *)snapshot_head = 0;
}

/* One packet and its descriptors. */
static mf_err receive(int control, struct start_packet *packet, size_t *bytes,
                      int fd[MF_START_FD_MAX], uint32_t *fd_count, struct mf_why *why)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * MF_START_FD_MAX)];
    } rights = {0};
    struct iovec part = {packet, sizeof *packet};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = sizeof rights};
    ssize_t got;
    do
        got = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno == ECONNRESET))
        return MF_EDEAD;
    if (got < 0)
        return mf_why(why, MF_EIO, "control socket: %s", strerror(errno));
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !header ||
        header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return mf_why(why, MF_EPROTO, "MF_START comes with at most %u descriptors, the image first",
                      MF_START_FD_MAX);
    *fd_count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fd, CMSG_DATA(header), *fd_count * sizeof(int));
    *bytes = (size_t)got;
    return MF_OK;
}

static mf_err file_size(int fd, uint64_t bytes_max, const char *what, uint64_t *bytes,
                        struct mf_why *why)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uint64_t)status.st_size > bytes_max)
        return mf_why(why, MF_EFORMAT, "%s: not a file of 1 to %llu bytes", what,
                      (unsigned long long)bytes_max);
    *bytes = (uint64_t)status.st_size;
    return MF_OK;
}

/* image_open() would do, but maps what two calls can read, and brings the hash's library
 * into the blank. */
static mf_err take_image(const struct start_packet *packet, size_t bytes, int fd,
                         struct monitor_start *start, struct mf_why *why)
{
    uint64_t file_bytes;
    mf_err err = file_size(fd, MF_IMAGE_BYTES_MAX, "image", &file_bytes, why);
    if (err)
        return err;
    ssize_t got = pread(fd, image_head, sizeof image_head, 0);
    if (got < 0)
        return mf_why(why, MF_EIO, "cannot read the image: %s", strerror(errno));
    err = start_decode(packet, bytes, image_head, (size_t)got, (size_t)file_bytes, start, why);
    start->image_fd = fd;
    return err;
}

/* Into memory of our own, the usual small one by one call: what is checked is what is used. */
static mf_err read_head(int fd, uint8_t *head, size_t *bytes, struct mf_why *why)
{
    ssize_t got = pread(fd, head, MF_PAGE_BYTES, 0);
    uint32_t head_bytes = 0;
    if (got >= (ssize_t)sizeof(struct mf_snapshot))
        head_bytes = ((const struct mf_snapshot *)(const void *)head)->head_bytes;
    if (got == MF_PAGE_BYTES && head_bytes > MF_PAGE_BYTES &&
        head_bytes <= MF_SNAPSHOT_HEAD_BYTES_MAX)
        got = pread(fd, head, head_bytes, 0);
    if (got < 0)
        return mf_why(why, MF_EIO, "cannot read the snapshot: %s", strerror(errno));
    *bytes = (size_t)got;
    return MF_OK;
}

static mf_err take_snapshot(int fd, struct monitor_start *start, struct mf_why *why)
{
    uint64_t file_bytes;
    size_t bytes = 0;
    mf_err err = file_size(fd, MF_WINDOW_MAX, "snapshot", &file_bytes, why);
    if (!err)
        err = read_head(fd, snapshot_head, &bytes, why);
    if (!err)
        err = snapshot_parse(snapshot_head, bytes, file_bytes, &start->snapshot, why);
    start->snapshot_fd = fd;
    if (!err && (start->snapshot.head->window_bytes != start->window_bytes ||
                 memcmp(start->snapshot.head->image, start->image.info.hash,
                        MF_SNAPSHOT_HASH_BYTES) != 0))
        err = mf_why(why, MF_EFORMAT, "snapshot: of another image or another window");
    if (!err)
        err = snapshot_allowed(&start->snapshot, start->flags & MF_START_JIT, why);
    return err;
}

/* It is only a hint: what cannot be used is left aside. */
static void take_touched(int fd, struct monitor_start *start)
{
    static _Alignas(uint64_t) uint8_t file[MF_TOUCHED_BYTES_MAX + 1];
    struct mf_why ignored;
    ssize_t got = pread(fd, file, sizeof file, 0);
    if (got > 0 && touched_parse(file, (size_t)got, &start->touched, &ignored) == MF_OK &&
        (start->touched.head->window_bytes != start->window_bytes ||
         memcmp(start->touched.head->snapshot, start->snapshot.head->digest,
                MF_SNAPSHOT_HASH_BYTES) != 0))
        start->touched = (struct touched){0};
    (void)close(fd);
}

mf_err start_nice(const struct monitor_start *start, int own, struct mf_why *why)
{
    int nice = (own > 0 ? own : 0) + start->nice; /* an error reads as -1 */
    if (nice > MF_NICE_MAX)
        nice = MF_NICE_MAX;
    if (setpriority(PRIO_PROCESS, 0, nice) != 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot take nice %d: %s", nice,
                      strerror(errno));
    return MF_OK;
}

static uint32_t descriptors(uint32_t flags)
{
    return 1u + !!(flags & MF_START_RESTORE) + !!(flags & MF_START_RESET) +
           !!(flags & MF_START_TOUCHED);
}

mf_err start_receive(int control, struct start_packet *packet, struct monitor_start *start,
                     struct mf_why *why)
{
    size_t bytes = 0;
    int fd[MF_START_FD_MAX];
    uint32_t fd_count = 0;
    mf_err err = receive(control, packet, &bytes, fd, &fd_count, why);
    if (err)
        return err;
    if (fd_count == 0)
        return mf_why(why, MF_EPROTO, "MF_START without an image");
    err = take_image(packet, bytes, fd[0], start, why);
    uint32_t wanted = descriptors(start->flags);
    if (!err && fd_count != wanted)
        err = mf_why(why, MF_EPROTO, "MF_START with flags 0x%x has %u descriptors, came with %u",
                     start->flags, wanted, fd_count);
    if (!err && start->flags & MF_START_RESTORE)
        err = take_snapshot(fd[1], start, why);
    if (!err && start->flags & MF_START_RESET)
        start->pagemap_fd = fd[2];
    if (!err && start->flags & MF_START_TOUCHED)
        take_touched(fd[fd_count - 1], start);
    if (err) {
        for (uint32_t i = 0; i < fd_count; i++)
            (void)close(fd[i]);
        start->image_fd = start->snapshot_fd = start->pagemap_fd = -1;
    }
    return err;
}
