/* socket.c: see socket/path.h. Owns nothing. */
#include "kernel/socket/path.h"

#include <asm/errno.h>
#include <linux/stat.h>

#include "kernel/core/string.h"
#include "kernel/linux/files/files.h"

/* A name may fill its address without a NUL. */
static int walk_to(const struct address *address, uint32_t how, struct walked *walked)
{
    const struct place here = walk_here();
    char path[ADDRESS_NAME_BYTES_MAX + 1];
    memcpy(path, address->data, address->bytes);
    path[address->bytes] = 0;
    return walk(&here, path, how, walked);
}

int path_make(const struct address *address, struct place *file)
{
    struct walked walked;
    int error = walk_to(address, WALK_MAKE | WALK_NOFOLLOW, &walked);
    if (!error)
        error = files_make(&walked, S_IFSOCK | files_mode(0777), NULL, file);
    return error == -EEXIST ? -EADDRINUSE : error;
}

int path_find(const struct address *address, struct place *file)
{
    struct walked walked;
    int error = walk_to(address, 0, &walked);
    if (error)
        return error;
    *file = walked.place;
    return place_type(file) == S_IFSOCK ? 0 : -ECONNREFUSED;
}
