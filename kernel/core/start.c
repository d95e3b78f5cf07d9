/*
 * start.c: the initial stack: argc, argv, environment, auxiliary vector, and the
 * strings above them (System V ABI, AMD64 supplement, figure 3.9).
 * Guarantees: 16-byte alignment; every pointer is into the program's own stack.
 * Leaves to others: that boot.c has checked the boot page and opened the stack.
 */
#include "kernel/core/start.h"

#include <linux/auxvec.h>
#include <stdbool.h>
#include <stddef.h>

#include "abi/calls.h"
#include "abi/program.h"
#include "kernel/core/assert.h"
#include "kernel/core/boot.h"
#include "kernel/core/limits.h"
#include "kernel/core/random.h"
#include "kernel/core/string.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"

#define RANDOM_BYTES 16u /* behind AT_RANDOM */
#define STACK_ALIGN 16u

_Static_assert(MF_BOOT_ENV_MAX + ENVIRONMENT_COUNT_MAX * sizeof(uint64_t) + MF_PAGE_BYTES <=
                   STACK_BYTES_MIN,
               "what is open of the smallest stack takes the largest environment");

static uint64_t push_bytes(uint64_t *sp, const void *data, size_t bytes)
{
    *sp -= bytes;
    memcpy((void *)*sp, data, bytes);
    return *sp;
}

/* Pointers to the arguments among count strings (abi/program.h), or to the others, and their end. */
static uint64_t *push_pointers(uint64_t *word, uint64_t at, uint32_t count, bool arguments)
{
    static const char prefix[] = MF_ENV_ARGUMENT "=";
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bytes = strlen((const char *)at) + 1;
        bool is_argument = bytes >= sizeof prefix &&
                           memcmp((const char *)at, prefix, sizeof prefix - 1) == 0;
        if (is_argument == arguments)
            *word++ = at + (arguments ? sizeof prefix - 1 : 0);
        at += bytes;
    }
    *word++ = 0;
    return word;
}

uint64_t start_stack(const struct mf_boot *boot, uint64_t top)
{
    const char *name = boot_environment(MF_ENV_PROGRAM);
    if (!name)
        name = boot_environment(MF_ENV_FUNCTION);
    if (!name)
        name = "function";
    uint8_t random[RANDOM_BYTES];
    random_fill(random, sizeof random);

    user_id_take(boot_environment(MF_ENV_USER));
    uint64_t sp = top - sizeof(uint64_t); /* Linux ends with a null word */
    uint64_t name_at = push_bytes(&sp, name, strlen(name) + 1);
    const char *environment = (const char *)boot + boot->env_offset;
    uint64_t environment_at = push_bytes(&sp, environment, boot->env_bytes);
    uint64_t random_at = push_bytes(&sp, random, sizeof random);

    const uint64_t auxiliary[] = {
        AT_PHDR, boot->program_phdr,
        AT_PHENT, boot->program_phent,
        AT_PHNUM, boot->program_phnum,
        AT_PAGESZ, MF_PAGE_BYTES,
        AT_ENTRY, boot->program_entry,
        AT_HWCAP, boot->hwcap,
        AT_HWCAP2, boot->hwcap2,
        AT_CLKTCK, START_CLOCK_TICKS,
        AT_UID, user_id.user,
        AT_EUID, user_id.user,
        AT_GID, user_id.group,
        AT_EGID, user_id.group,
        AT_SECURE, 0,
        AT_FLAGS, 0,
        AT_RANDOM, random_at,
        AT_EXECFN, name_at,
        MF_AUX_SYSCALL, (uint64_t)kernel_syscall,
        start_vdso ? AT_SYSINFO_EHDR : AT_IGNORE, start_vdso,
        AT_NULL, 0,
    };
    /* argc, argv[0], its end, the environment's pointers and their end */
    uint64_t words = 3 + boot->env_count + 1 + sizeof auxiliary / sizeof auxiliary[0];
    sp = (sp - words * sizeof(uint64_t)) & ~(uint64_t)(STACK_ALIGN - 1);
    mf_assert(sp > top - STACK_BYTES_MIN);

    uint64_t *word = (uint64_t *)sp + 1;
    *word++ = name_at;
    word = push_pointers(word, environment_at, boot->env_count, true);
    *(uint64_t *)sp = (uint64_t)(word - (uint64_t *)sp) - 2; /* argc */
    word = push_pointers(word, environment_at, boot->env_count, false);
    memcpy(word, auxiliary, sizeof auxiliary);
    return sp;
}
