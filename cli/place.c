/* place.c: where our other programs are. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

bool cli_beside(const char *name, char *path, size_t room)
{
    ssize_t bytes = readlink("/proc/self/exe", path, room);
    if (bytes <= 0 || (size_t)bytes >= room)
        return false;
    path[bytes] = 0;
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    size_t left = room - (size_t)(slash + 1 - path);
    int added = snprintf(slash + 1, left, "%s", name);
    return added > 0 && (size_t)added < left && access(path, F_OK) == 0;
}
