/* probe.c: can the process sandbox work here? Runs the smallest guest through the whole
 * of it: reservation, gate, filter, trap, system call, halt. */
#include "monitor/common/probe.h"

mf_err monitor_process_probe(struct monitor_blank *blank, struct mf_why *why)
{
    static struct monitor_start start; /* too large for a small stack */
    mf_err err = probe_start(&start, why);
    return err ? err : monitor_process_wait(blank, &start, why);
}
