/*
 * gate.h: the gate page and its data, the only code and memory of the monitor that
 * stays when its guest runs. The page is ours and read-only + executable; the data
 * page is scratch that the guest can write, which gains it nothing: all that the
 * gate reads there are addresses of the guest's own code and stack, and the guest
 * can jump to any address of its window anyway. What the guest may do to the host is
 * decided by the filter alone, which admits one instruction of the gate page and
 * judges its arguments, whoever jumped there. The checks in the gate's slots are for
 * a well-behaved kernel: an error number instead of a death.
 */
#ifndef MF_MONITOR_PROCESS_GATE_H
#define MF_MONITOR_PROCESS_GATE_H

#include <stdint.h>

#include "base/err.h"
#include "monitor/monitor.h"

struct gate_data {
    uint64_t kernel_entry;
    uint64_t kernel_syscall;
    uint64_t kernel_exception;
    uint64_t trap_record; /* where struct mf_trap goes: trap_stack_top - its size */
    uint32_t preempts;    /* MF_PREEMPT_COUNT (abi/trap.h)                        */
    uint8_t pad[28];
    uint8_t xstate[576];  /* an XSAVE area that says: all in its initial state    */
};

/* What this processor and kernel must offer. MF_EUNSUPPORTED with the reason. */
MF_CHECKED mf_err gate_supported(struct mf_why *why);

/* Put the gate page and its data at their guest addresses, which must be free for it
 * (MAP_FIXED); the page is moved there from our own text, so it costs no memory. */
MF_CHECKED mf_err gate_map(struct mf_why *why);

/* Point signals at the gate. A fault of our own from here on ends the process. */
MF_CHECKED mf_err gate_catch(struct mf_why *why);

struct gate_data *gate_data(void);

/* Fill in what the last steps need of the data page. */
void gate_arm(void);

/* Where the trampoline ends (entry.S): it is unmapped, and the guest entered. */
uint64_t gate_seal_address(void);

#endif
