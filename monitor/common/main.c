/*
 * main.c: the life of a blank from the spawner's fork to the guest, for either
 * monitor. Single-threaded; everything it owns goes with the process.
 */
#include <unistd.h>

#include "monitor/common/features.h"
#include "monitor/common/start.h"
#include "monitor/monitor.h"

mf_err monitor_survey(int kvm, struct mf_why *why)
{
#ifdef MF_MONITOR_KVM
    return monitor_kvm_survey(kvm, why);
#else
    (void)kvm;
    return mf_why(why, MF_EUNSUPPORTED, "this build has no KVM monitor");
#endif
}

uint64_t monitor_features(enum mf_sandbox sandbox)
{
#ifdef MF_MONITOR_KVM
    if (sandbox == MF_SANDBOX_KVM)
        return monitor_kvm_features();
#endif
    return sandbox == MF_SANDBOX_PROCESS ? features_host() : 0;
}

static mf_err probe(struct monitor_blank *blank, struct mf_why *why)
{
    switch (blank->sandbox) {
    case MF_SANDBOX_PROCESS:
        return monitor_process_probe(blank, why);
#ifdef MF_MONITOR_KVM
    case MF_SANDBOX_KVM:
        return monitor_kvm_probe(blank, why);
#endif
    default:
        return mf_why(why, MF_EUNSUPPORTED, "this build has no monitor for sandbox %d",
                      (int)blank->sandbox);
    }
}

static mf_err prepare(struct monitor_blank *blank, struct mf_why *why)
{
    switch (blank->sandbox) {
    case MF_SANDBOX_PROCESS: /* all else happens in its trampoline */
        return monitor_process_wait(blank, NULL, why);
#ifdef MF_MONITOR_KVM
    case MF_SANDBOX_KVM:
        return monitor_kvm_prepare(blank, why);
#endif
    default:
        return mf_why(why, MF_EUNSUPPORTED, "this build has no monitor for sandbox %d",
                      (int)blank->sandbox);
    }
}

static mf_err run(struct monitor_blank *blank, const struct monitor_start *start,
                  struct mf_why *why)
{
    mf_err err = start_nice(start, blank->nice, why);
    if (err)
        return err;
    switch (blank->sandbox) {
#ifdef MF_MONITOR_KVM
    case MF_SANDBOX_KVM:
        return monitor_kvm_run(blank, start, why);
#endif
    default:
        return MF_EUNSUPPORTED; /* prepare() has refused it */
    }
}

void monitor_main(struct monitor_blank *blank)
{
    static struct start_packet packet; /* too large for a small stack */
    static struct monitor_start start;
    struct mf_why why = {{0}};
    mf_err err = prepare(blank, &why);
    if (err)
        monitor_give_up(blank->control, MF_BLANK_FAILED, err, &why);
    err = start_receive(blank->control, &packet, &start, &why);
    if (err == MF_EDEAD)
        _exit(0); /* the node has no use for this blank any more */
    if (!err)
        err = run(blank, &start, &why);
    monitor_give_up(blank->control, MF_START_FAILED, err, &why);
}

void monitor_probe(struct monitor_blank *blank)
{
    struct mf_why why = {{0}};
    mf_err err = probe(blank, &why);
    if (err)
        monitor_give_up(blank->control, MF_BLANK_FAILED, err, &why);
    _exit(0);
}
