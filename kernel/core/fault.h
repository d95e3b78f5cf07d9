/*
 * fault.h: last words. Each function writes a report to the console, line by line,
 * and ends the instance; a second fault on the way ends it at once.
 */
#ifndef KERNEL_CORE_FAULT_H
#define KERNEL_CORE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/cause.h"
#include "kernel/core/text.h"
#include "kernel/x86_64/frame.h"

/* The program's end, with its registers and backtrace. detail: more keys of the
 * first line, or "". */
_Noreturn void fault_program(enum mf_cause cause, const struct frame *frame, const char *detail);

/* The same for an end that is not about registers, or a rule of the kernel's own. */
_Noreturn void fault_words(enum mf_cause cause, const char *words);

/* Has a report begun? */
bool fault_reporting(void);

#endif
