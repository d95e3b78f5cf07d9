/* place.h: where a node's state is, alike for the daemon and for those who look for it. Any thread. */
#ifndef MF_BASE_PLACE_H
#define MF_BASE_PLACE_H

#include <stddef.h>

#include "base/err.h"

/* $MAYFLY_STATE; else /var/lib/mayfly for root, $XDG_STATE_HOME/mayfly or
 * ~/.local/state/mayfly for others. MF_ENOENT: no home. MF_ETOOBIG: no room. */
MF_CHECKED mf_err mf_state_dir(char *path, size_t room, struct mf_why *why);

#endif
