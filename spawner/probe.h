/* probe.h: which sandboxes work on this machine, by trying. */
#ifndef MF_SPAWNER_PROBE_H
#define MF_SPAWNER_PROBE_H

#include "base/err.h"
#include "spawner/protocol.h"

/* Run one blank of this kind through its probe. MF_OK: usable. kvm, self: as in
 * struct blank_plan. Call before anything else has children. */
MF_CHECKED mf_err probe_sandbox(enum mf_sandbox sandbox, int kvm, int self, struct mf_why *why);

#endif
