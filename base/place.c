/* place.c: the XDG base directory specification, but for root, who has no session. */
#include "base/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

mf_err mf_state_dir(char *path, size_t room, struct mf_why *why)
{
    const char *own = getenv("MAYFLY_STATE");
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int bytes;
    if (own && own[0])
        bytes = snprintf(path, room, "%s", own);
    else if (geteuid() == 0)
        bytes = snprintf(path, room, "/var/lib/mayfly");
    else if (state && state[0] == '/') /* a relative one is invalid and ignored, says XDG */
        bytes = snprintf(path, room, "%s/mayfly", state);
    else if (home && home[0] == '/')
        bytes = snprintf(path, room, "%s/.local/state/mayfly", home);
    else
        return mf_why(why, MF_ENOENT, "no home directory ($HOME is not set) to keep state in; "
                                      "set MAYFLY_STATE");
    if (bytes < 0 || (size_t)bytes >= room)
        return mf_why(why, MF_ETOOBIG, "the path of the state directory is too long");
    return MF_OK;
}
