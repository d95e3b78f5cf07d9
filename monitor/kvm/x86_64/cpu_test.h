/* cpu_test.h: the first run of a vCPU. */
#ifndef MF_MONITOR_KVM_X86_64_CPU_TEST_H
#define MF_MONITOR_KVM_X86_64_CPU_TEST_H

#include "monitor/kvm/cpu.h"

/* How system calls arrive from now on (cpu.c). */
MF_CHECKED mf_err cpu_syscall(const struct cpu *cpu, enum cpu_syscall how, struct mf_why *why);

/* Run the test; model->syscall, model->segments and cpu->same_counter are known afterwards. Rest as of cpu_open(). */
MF_CHECKED mf_err test_run(struct cpu *cpu, struct cpu_model *model, uint8_t *window,
                           const uint32_t *used, uint32_t count, struct mf_why *why);

#endif
