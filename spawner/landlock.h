/* landlock.h: the kernel's file and network rules for ordinary processes. */
#ifndef MF_SPAWNER_LANDLOCK_H
#define MF_SPAWNER_LANDLOCK_H

#include "base/err.h"

/* Deny this process and its children every file, TCP port, abstract socket and foreign
 * process that Landlock knows of. MF_OK too where the kernel has no Landlock: the
 * empty root and network hold without it. Needs no-new-privileges. */
MF_CHECKED mf_err landlock_deny_all(struct mf_why *why);

#endif
