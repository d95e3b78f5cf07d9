/*
 * control.c: see control.h.
 * Guarantees: what has no room is given up, and told. Nobody says that it is who it is not.
 * Leaves to others: what is on its way (socket/rights.c). Owns nothing.
 */
#include "kernel/linux/control.h"

#include <asm/errno.h>
#include <asm/socket.h>
#include <stddef.h>

#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"

#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2

/* struct cmsghdr and struct ucred, as Linux's ABI has them. */
struct head {
    uint64_t bytes;
    int32_t level, type;
};
struct who {
    int32_t pid;
    uint32_t user, group;
};
_Static_assert(sizeof(struct head) == 16 && sizeof(struct who) == 12, "Linux's ABI");

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + sizeof(uint64_t) - 1) & ~(uint64_t)(sizeof(uint64_t) - 1);
}

static struct who self(void)
{
    return (struct who){identity_pid(), user_id.user, user_id.group};
}

/* Descriptors, more of them perhaps behind others. */
static int take_rights(uint64_t from, uint64_t bytes, struct rights **rights)
{
    for (uint64_t at = 0; bytes - at >= sizeof(int32_t); at += sizeof(int32_t)) {
        int32_t fd;
        int error = user_read(&fd, from + at, sizeof fd);
        if (error)
            return error;
        struct file *file = descriptor_any((uint32_t)fd);
        if (!file)
            return -EBADF;
        if (!*rights)
            *rights = rights_create(bytes / sizeof fd < RIGHTS_MAX ? (uint32_t)(bytes / sizeof fd) : RIGHTS_MAX);
        error = *rights ? rights_add(*rights, file) : -ENOMEM;
        if (error)
            return error;
    }
    return 0;
}

/* Who sends says who it is, and nobody else: there is nobody else. */
static int take_credentials(uint64_t from, uint64_t bytes)
{
    const struct who own = self();
    struct who said;
    if (bytes != sizeof said)
        return -EINVAL;
    int error = user_read(&said, from, sizeof said);
    return error ? error : memcmp(&said, &own, sizeof own) == 0 ? 0 : -EPERM;
}

static int take(const struct head *head, uint64_t at, struct rights **rights)
{
    if (head->level != SOL_SOCKET)
        return 0;
    if (head->type == SCM_RIGHTS)
        return take_rights(at + sizeof *head, head->bytes - sizeof *head, rights);
    return head->type == SCM_CREDENTIALS ? take_credentials(at + sizeof *head, head->bytes - sizeof *head) : -EINVAL;
}

int control_read(const struct socket *socket, const struct control *control, struct rights **rights)
{
    uint64_t at = 0;
    int error = 0;
    *rights = NULL;
    if (control->bytes > SOCKET_CONTROL_BYTES_MAX)
        return -ENOBUFS;
    while (!error && control->address && at <= control->bytes && control->bytes - at >= sizeof(struct head)) {
        struct head head;
        error = user_read(&head, control->address + at, sizeof head);
        if (!error && (head.bytes < sizeof head || head.bytes > control->bytes - at))
            error = -EINVAL;
        if (!error && socket->family == FAMILY_UNIX) /* of others nothing is looked at */
            error = take(&head, control->address + at, rights);
        at += error ? 0 : aligned(head.bytes);
    }
    if (error) {
        rights_drop(*rights);
        *rights = NULL;
    }
    return error;
}

/* One more, cut where the room ends. False: it was, or there is none. */
static bool put(const struct control *control, uint64_t *used, int type, const void *data, uint64_t bytes)
{
    struct head head = {sizeof head + bytes, SOL_SOCKET, type};
    uint64_t left = control->bytes - *used;
    if (!control->address || left < sizeof head)
        return false;
    if (head.bytes > left)
        head.bytes = left;
    if (user_write(control->address + *used, &head, sizeof head) != 0 ||
        user_write(control->address + *used + sizeof head, data, head.bytes - sizeof head) != 0)
        return false;
    *used += aligned(head.bytes) < left ? aligned(head.bytes) : left;
    return head.bytes == sizeof head + bytes;
}

/* As many descriptors as there is room for, and numbers. */
static bool put_rights(const struct control *control, uint64_t *used, const struct rights *rights, bool close_on_exec)
{
    int32_t fd[RIGHTS_MAX];
    uint64_t left = control->bytes - *used;
    uint64_t room = control->address && left > sizeof(struct head) ? (left - sizeof(struct head)) / sizeof fd[0] : 0;
    uint32_t count = 0;
    while (count < rights->count && count < room) {
        int64_t added = descriptor_add(file_get(rights->file[count]), close_on_exec, 0);
        if (added < 0)
            break;
        fd[count++] = (int32_t)added;
    }
    if (count && !put(control, used, SCM_RIGHTS, fd, count * sizeof fd[0])) {
        while (count)
            (void)descriptor_close((uint64_t)fd[--count]);
        return false;
    }
    return count == rights->count;
}

uint64_t control_write(const struct socket *socket, const struct control *control, struct rights *rights,
                       bool close_on_exec, bool *cut)
{
    const struct who own = self();
    uint64_t used = 0;
    *cut = false;
    if (socket->family == FAMILY_UNIX && socket->options.value[OPTION_PASSCRED])
        *cut = !put(control, &used, SCM_CREDENTIALS, &own, sizeof own);
    if (rights)
        *cut |= !put_rights(control, &used, rights, close_on_exec);
    rights_drop(rights);
    return used;
}
