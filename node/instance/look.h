/*
 * look.h: which pages of its window an instance has of its own after an event, seen from
 * outside (abi/touched.h). It may be hostile, and run on meanwhile: what is found is a hint.
 */
#ifndef MF_NODE_INSTANCE_LOOK_H
#define MF_NODE_INSTANCE_LOOK_H

#include <stdint.h>
#include <sys/types.h>

#include "abi/touched.h"
#include "base/err.h"
#include "spawner/protocol.h"

/* Of a window of window_bytes of the process pid, a child of parent; to runs (room
 * MF_TOUCHED_RUNS_MAX), as abi/touched.h has them; what is past its bounds is left out.
 * MF_EDEAD: it has ended; MF_EUNSUPPORTED: Linux before 6.7; MF_EDENIED. Tens of
 * microseconds; bounded by MF_LOOK_PAGES_MAX, whatever it has done. Any thread. */
MF_CHECKED mf_err look_touched(pid_t pid, pid_t parent, enum mf_sandbox sandbox,
                               uint64_t window_bytes, struct mf_touched_run *runs,
                               uint32_t *count);

#endif
