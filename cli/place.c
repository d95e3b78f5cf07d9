/* place.c: where our other programs and the node's state are. */
#include <stdio.h>
#include <stdlib.h>
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

bool cli_state_dir(char *path, size_t room)
{
    const struct {
        const char *variable;
        const char *below;
    } place[] = {
        {"MAYFLY_STATE", ""},
        {"XDG_STATE_HOME", "/mayfly"},
        {"HOME", "/.local/state/mayfly"},
    };
    for (size_t i = 0; i < sizeof place / sizeof place[0]; i++) {
        const char *value = getenv(place[i].variable);
        if (!value || !value[0])
            continue;
        int bytes = snprintf(path, room, "%s%s", value, place[i].below);
        return bytes > 0 && (size_t)bytes < room;
    }
    return false;
}
