/*
 * boot.c: from the boot page (abi/boot.h) to the program's first instruction.
 * Guarantees: the program starts as Linux starts a static executable (System V ABI,
 * AMD64 supplement, 3.4.1): registers zero, stack with arguments, environment and
 * auxiliary vector. A boot page that makes no sense ends the instance.
 * Leaves to others: who wrote the page. Owns nothing after the start.
 */
#include "kernel/core/boot.h"

#include <asm/errno.h>

#include "abi/channel.h"
#include "abi/image.h"
#include "kernel/core/clock.h"
#include "kernel/core/fault.h"
#include "kernel/core/limits.h"
#include "kernel/core/memory.h"
#include "kernel/core/random.h"
#include "kernel/core/start.h"
#include "kernel/core/string.h"
#include "kernel/event/event.h"
#include "kernel/task/task.h"
#include "kernel/x86_64/frame.h"

/* The seed's last word is the kernel's own canary, which entry.S has taken. */
_Static_assert(offsetof(struct mf_boot, seed) + RANDOM_SEED_BYTES == BOOT_GUARD, "entry.S");
_Static_assert(offsetof(struct mf_boot, flags) == BOOT_FLAGS && MF_BOOT_RESTORED == BOOT_RESTORED,
               "entry.S");
_Static_assert(MF_KERNEL_BASE == KERNEL_BASE && KERNEL_BYTES_MAX == MF_KERNEL_BYTES_MAX &&
                   KERNEL_LINUX_BYTES_MAX == MF_KERNEL_LINUX_BYTES_MAX,
               "kernel.lds");
_Static_assert(RANDOM_SEED_BYTES + sizeof(uint64_t) == MF_BOOT_SEED_BYTES, "all of it is used");

uint64_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
_Noreturn void kernel_enter(struct frame *frame); /* entry.S */

void boot_main(const struct mf_boot *boot)
{
    const char *wrong = boot_decode(boot);
    if (wrong)
        fault_words(MF_CAUSE_PROTOCOL, wrong);
    random_start(boot->seed);
    clock_start(boot);
    if (memory_start(boot) != 0)
        fault_words(MF_CAUSE_NO_MEMORY, "no room for stack and heap behind the program");
    task_start();
    event_start(boot->channel_base, boot->flags);

    struct frame frame = {
        .call = ~0ull,
        .trap = {
            .rip = boot->program_entry,
            .cs = MF_CS,
            .rflags = 2,
            .rsp = start_stack(boot, memory_stack_top()),
            .ss = MF_SS,
        },
    };
    kernel_enter(&frame);
}

const char *boot_environment(const char *name)
{
    const struct mf_boot *boot = boot_page();
    const char *text = (const char *)boot + boot->env_offset;
    size_t name_bytes = strlen(name);
    for (uint32_t i = 0; i < boot->env_count; i++) {
        if (memcmp(text, name, name_bytes) == 0 && text[name_bytes] == '=')
            return text + name_bytes + 1;
        text += strlen(text) + 1;
    }
    return NULL;
}

void __stack_chk_fail(void)
{
    fault_words(MF_CAUSE_KERNEL_BUG, "the library OS overran a buffer on its stack");
}

const char *boot_decode(const struct mf_boot *boot)
{
    if (boot->magic != MF_BOOT_MAGIC || boot->boot_bytes != sizeof *boot)
        return "no boot page";
    if (boot->abi_version != MF_ABI_VERSION)
        return "monitor and library OS disagree on the ABI's version";
    if (boot->window_bytes < MF_WINDOW_MIN || boot->window_bytes > MF_WINDOW_MAX ||
        boot->channel_base != boot->window_bytes - MF_CHANNEL_BYTES)
        return "boot page: window out of bounds";
    if (boot->program_entry < MF_PROGRAM_BASE || boot->program_entry >= boot->program_end ||
        boot->program_end > boot->channel_base)
        return "boot page: program out of bounds";
    if (boot->env_offset > MF_BOOT_BYTES || boot->env_bytes > MF_BOOT_BYTES - boot->env_offset)
        return "boot page: environment out of bounds";
    const char *env = (const char *)boot + boot->env_offset;
    uint32_t ends = 0;
    for (uint32_t i = 0; i < boot->env_bytes; i++)
        ends += env[i] == 0;
    if (boot->env_count > ENVIRONMENT_COUNT_MAX)
        return "boot page: more environment variables than a start takes";
    if (ends != boot->env_count || (boot->env_bytes && env[boot->env_bytes - 1] != 0))
        return "boot page: environment is not as many strings as it says";
    return NULL;
}
