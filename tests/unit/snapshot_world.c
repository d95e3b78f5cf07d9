/* snapshot_world.c: see snapshot_world.h. */
#include "snapshot_world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_folder.h"
#include "snapshot_sample.h"

int open_with_snapshots(void **state)
{
    assert_int_equal(own_folder_make(state), 0);
    int failed = world_open(state);
    node->api.state.snapshots_fd = open(own_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    node->pool.spawner.pid = getpid(); /* the parent of what is spawned */
    version_put(function->version);
    function->version = NULL;
    return failed;
}

int close_with_snapshots(void **state)
{
    int snapshots_fd = node->api.state.snapshots_fd;
    node->pool.spawner.pid = 0;
    int failed = world_close(state);
    (void)close(snapshots_fd);
    return own_folder_remove(state) || failed;
}

void with_snapshot(struct version *version)
{
    struct snapshot_draft draft;
    struct snapshot_origin origin;
    snapshots_origin(node, version, &origin);
    assert_int_equal(snapshot_draft_open(node->api.state.snapshots_fd, version->snapshot.key,
                                         &draft, NULL), MF_OK);
    snapshot_sample_write(draft.fd, version->snapshot.key, origin.image, 1);
    assert_int_equal(snapshot_draft_sync(&draft, NULL), MF_OK);
    assert_int_equal(snapshot_draft_keep(&draft, &version->snapshot.facts, NULL), MF_OK);
    version->snapshot.state = SNAPSHOT_READY;
}

uint32_t ordered(struct peer *at, unsigned *descriptors)
{
    struct mf_start start;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * MF_START_FD_MAX)];
    } rights;
    struct iovec part = {&start, sizeof start};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights,
                             .msg_controllen = sizeof rights};
    if (recvmsg(at->control, &message, MSG_DONTWAIT) < (ssize_t)sizeof start)
        return UINT32_MAX;
    unsigned count = (unsigned)((CMSG_FIRSTHDR(&message)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    int fd[MF_START_FD_MAX];
    memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), count * sizeof(int));
    for (unsigned i = 0; i < count; i++)
        (void)close(fd[i]);
    if (descriptors)
        *descriptors = count;
    return start.flags;
}
