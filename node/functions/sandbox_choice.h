/* sandbox_choice.h: which sandbox a function gets, and why. Pure. */
#ifndef MF_NODE_FUNCTIONS_SANDBOX_CHOICE_H
#define MF_NODE_FUNCTIONS_SANDBOX_CHOICE_H

#include "base/err.h"
#include "node/instance/spawner.h"

/* wanted: the function's setting; least: the node's minimum (AUTO: none). *chosen is PROCESS
 * or KVM and reason says why; or MF_EUNSUPPORTED, *chosen AUTO, and reason says what would help. */
MF_CHECKED mf_err sandbox_choose(enum mf_sandbox wanted, enum mf_sandbox least,
                                 const struct sandbox_support *support, enum mf_sandbox *chosen,
                                 struct mf_why *reason);

#endif
