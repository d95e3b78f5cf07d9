/*
 * main.c: the life of a blank from the spawner's fork to the guest, for either
 * monitor. Single-threaded; everything it owns goes with the process.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/cause.h"
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

static bool ordered; /* it may have taken an order to start */

static mf_err prepare(struct monitor_blank *blank, struct mf_why *why)
{
    switch (blank->sandbox) {
    case MF_SANDBOX_PROCESS:
        return monitor_process_prepare(blank, why);
#ifdef MF_MONITOR_KVM
    case MF_SANDBOX_KVM:
        return monitor_kvm_prepare(blank, why);
#endif
    default:
        return mf_why(why, MF_EUNSUPPORTED, "this build has no monitor for sandbox %d",
                      (int)blank->sandbox);
    }
}

/* From where we stand: a node that runs under nice(1) has instances that stand below others',
 * and nobody may go up without rights. One that is favoured does not pass that on. */
static int nice_from(int steps)
{
    int own = getpriority(PRIO_PROCESS, 0);
    int nice = (own > 0 ? own : 0) + steps; /* an error reads as -1 */
    return nice < MF_NICE_MAX ? nice : MF_NICE_MAX;
}

static mf_err run(struct monitor_blank *blank, const struct monitor_start *start,
                  struct mf_why *why)
{
    int nice = nice_from(start->nice);
    if (setpriority(PRIO_PROCESS, 0, nice) != 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot take nice %d: %s", nice,
                      strerror(errno));
    switch (blank->sandbox) {
    case MF_SANDBOX_PROCESS:
        return monitor_process_run(blank, start, why);
#ifdef MF_MONITOR_KVM
    case MF_SANDBOX_KVM:
        return monitor_kvm_run(blank, start, why);
#endif
    default:
        return MF_EUNSUPPORTED; /* prepare() has refused it */
    }
}

void monitor_give_up(int control, mf_err err, const struct mf_why *why)
{
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC,
                                     .type = ordered ? MF_START_FAILED : MF_BLANK_FAILED,
                                     .status = err,
                                     .why = *why};
    if (!packet.why.text[0])
        (void)mf_why(&packet.why, err, "%s", mf_err_words(err));
    (void)send(control, &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT); /* or nobody listens */
    _exit(MF_CAUSE_STATUS + MF_CAUSE_HOST);
}

void monitor_main(struct monitor_blank *blank)
{
    static struct start_packet packet; /* too large for a small stack */
    static struct monitor_start start;
    struct mf_why why = {{0}};
    mf_err err = prepare(blank, &why);
    ordered = !err;
    if (!err)
        err = start_receive(blank->control, &packet, &start, &why);
    if (err == MF_EDEAD)
        _exit(0); /* the node has no use for this blank any more */
    if (!err)
        err = run(blank, &start, &why);
    monitor_give_up(blank->control, err, &why);
}

void monitor_probe(struct monitor_blank *blank)
{
    struct mf_why why = {{0}};
    mf_err err = probe(blank, &why);
    if (err)
        monitor_give_up(blank->control, err, &why);
    _exit(0);
}
