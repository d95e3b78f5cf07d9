/* vcpu.c: KVM_RUN and its exits (Linux, Documentation/virt/kvm/api.rst, 5). */
#include "monitor/kvm/vcpu.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi/layout.h"
#include "monitor/kvm/end.h"
#include "monitor/kvm/preempt.h"
#include "monitor/kvm/reset.h"

/* No hypercall: the gate's own ends, or a guest that tries ports. */
_Noreturn static void refuse_port(const struct cpu *cpu, int console)
{
    const struct kvm_run *run = cpu->run;
    bool out = run->io.direction == KVM_EXIT_IO_OUT;
    if (out && run->io.port == CPU_PORT_NONSENSE)
        end_noticed(console, cpu->fd, MF_CAUSE_PROTOCOL, "kvm: the gate was called with nonsense");
    if (out && run->io.port == CPU_PORT_TWICE)
        end_noticed(console, cpu->fd, MF_CAUSE_TRIPLE_FAULT,
                    "kvm: the kernel's entry for exceptions faults");
    end_noticed(console, cpu->fd, MF_CAUSE_PROTECTION, "kvm: %s port 0x%x",
                out ? "wrote to" : "read from", run->io.port);
}

static void serve_port(const struct cpu *cpu, const struct hypercall_host *host)
{
    const struct kvm_run *run = cpu->run;
    uint32_t number = (uint32_t)run->io.port - MF_HC_PORT; /* wraps below it: too large */
    if (number >= MF_HYPERCALL_COUNT || run->io.direction != KVM_EXIT_IO_OUT)
        refuse_port(cpu, host->console);
    if (run->io.size != sizeof(uint32_t) || run->io.count != 1)
        end_noticed(host->console, cpu->fd, MF_CAUSE_PROTOCOL,
                    "kvm: hypercall %u by %u writes of %u bytes", number, run->io.count,
                    run->io.size);
    uint32_t address;
    struct hypercall call;
    memcpy(&address, (const uint8_t *)run + run->io.data_offset, sizeof address);
    if (!hypercall_decode(host->memory, number, address, &call))
        end_noticed(host->console, cpu->fd, MF_CAUSE_PROTOCOL,
                    "kvm: hypercall %u with nonsense, its struct at 0x%x", number, address);
    if (host->reset && call.number == MF_HC_wait && call.wait.idle) {
        reset_guest(host->reset);
        return; /* who asked is gone */
    }
    hypercall_act(host, &call);
    hypercall_answer(host->memory, &call);
}

_Noreturn static void refuse_exit(const struct cpu *cpu, int console)
{
    const struct kvm_run *run = cpu->run;
    switch (run->exit_reason) {
    case KVM_EXIT_MMIO:
        end_noticed(console, cpu->fd, MF_CAUSE_PAGE_FAULT, "kvm: touched 0x%llx, no memory",
                    run->mmio.phys_addr);
    case KVM_EXIT_SHUTDOWN:
        end_noticed(console, cpu->fd, MF_CAUSE_TRIPLE_FAULT, "kvm: the processor shut down");
    case KVM_EXIT_HLT:
        end_noticed(console, cpu->fd, MF_CAUSE_PROTECTION, "kvm: halted the processor");
    case KVM_EXIT_DEBUG:
        end_noticed(console, cpu->fd, MF_CAUSE_BREAKPOINT, "kvm: debug exit");
    case KVM_EXIT_INTERNAL_ERROR:
        end_noticed(console, cpu->fd,
                    run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
                        ? MF_CAUSE_ILLEGAL_INSTRUCTION
                        : MF_CAUSE_HOST,
                    "kvm: internal error %u", run->internal.suberror);
    default:
        end_noticed(console, cpu->fd, MF_CAUSE_HOST, "kvm: exit reason %u", run->exit_reason);
    }
}

void vcpu_serve(const struct cpu *cpu, const struct hypercall_host *host)
{
    for (;;) { /* until the guest ends, or its node ends it */
        if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
            if (cpu->run->exit_reason == KVM_EXIT_IO)
                serve_port(cpu, host);
            else
                refuse_exit(cpu, host->console);
        } else if (errno == EFAULT) {
            end_noticed(host->console, cpu->fd, MF_CAUSE_PAGE_FAULT,
                        "kvm: a page of the guest cannot be had from the host");
        } else if (errno == EINTR) {
            if (host->preempt)
                preempt_interrupted(host->preempt);
        } else {
            end_noticed(host->console, cpu->fd, MF_CAUSE_HOST, "kvm: KVM_RUN: errno %d", errno);
        }
    }
}
