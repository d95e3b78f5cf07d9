/* table_linux.c: which call has which handler, in kernel-linux.elf. */
#include "kernel/linux/calls_linux.h"

int64_t (*const call_handler[LINUX_NR_END])(struct frame *frame) = {
#define HANDLER(name, how, remark) [LINUX_NR_##name] = linux_##name,
    LINUX_CALLS(HANDLER)
#undef HANDLER
};
