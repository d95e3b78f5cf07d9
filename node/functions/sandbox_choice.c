/* sandbox_choice.c: see sandbox_choice.h. */
#include "node/functions/sandbox_choice.h"

#include "image/settings.h"

static mf_err only(enum mf_sandbox sandbox, const char *asked_by,
                   const struct sandbox_support *support, enum mf_sandbox *chosen,
                   struct mf_why *reason)
{
    if (!support->usable[sandbox])
        return mf_why(reason, MF_EUNSUPPORTED, "%s asks for %s, which does not work here: %s",
                      asked_by, sandbox_name(sandbox), support->why[sandbox].text);
    *chosen = sandbox;
    (void)mf_why(reason, MF_OK, "%s: %s asks for it", sandbox_name(sandbox), asked_by);
    return MF_OK;
}

mf_err sandbox_choose(enum mf_sandbox wanted, enum mf_sandbox least,
                      const struct sandbox_support *support, enum mf_sandbox *chosen,
                      struct mf_why *reason)
{
    *chosen = MF_SANDBOX_AUTO;
    if (least == MF_SANDBOX_KVM && wanted == MF_SANDBOX_PROCESS)
        return mf_why(reason, MF_EUNSUPPORTED,
                      "the function asks for process, but this node admits only kvm (--min-sandbox)");
    if (wanted != MF_SANDBOX_AUTO)
        return only(wanted, "the function", support, chosen, reason);
    if (least == MF_SANDBOX_KVM)
        return only(MF_SANDBOX_KVM, "the node (--min-sandbox)", support, chosen, reason);
    if (support->usable[MF_SANDBOX_KVM]) {
        *chosen = MF_SANDBOX_KVM;
        (void)mf_why(reason, MF_OK, "kvm: /dev/kvm opened");
        return MF_OK;
    }
    if (support->usable[MF_SANDBOX_PROCESS]) {
        *chosen = MF_SANDBOX_PROCESS;
        (void)mf_why(reason, MF_OK, "process: no kvm: %.400s", support->why[MF_SANDBOX_KVM].text);
        return MF_OK;
    }
    return mf_why(reason, MF_EUNSUPPORTED, "no sandbox works here. process: %.200s; kvm: %.200s",
                  support->why[MF_SANDBOX_PROCESS].text, support->why[MF_SANDBOX_KVM].text);
}
