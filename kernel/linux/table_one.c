/* table_one.c: which call has which handler, in kernel.elf. */
#include "kernel/linux/calls_one.h"

int64_t (*const call_handler[LINUX_NR_END])(struct frame *frame) = {
#define HANDLER(name, how, remark) [LINUX_NR_##name] = linux_##name,
    KERNEL_CALLS(HANDLER)
#undef HANDLER
};
