/* root.h: a root directory with nothing in it. */
#ifndef MF_SPAWNER_ROOT_H
#define MF_SPAWNER_ROOT_H

#include "base/err.h"

/* In a mount namespace of our own: make / an empty, read-only tmpfs and let go of
 * every other mount. */
MF_CHECKED mf_err root_empty(struct mf_why *why);

#endif
