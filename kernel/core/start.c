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

#define AUXILIARY_WORDS 40u /* of pairs */

/* The auxiliary vector, of AUXILIARY_WORDS. */
static void put_auxiliary(uint64_t *word, const struct start_program *program, uint64_t name_at,
                          uint64_t random_at)
{
    const struct mf_boot *boot = boot_page();
    const uint64_t auxiliary[] = {
        AT_PHDR, program->headers,
        AT_PHENT, program->header_bytes,
        AT_PHNUM, program->header_count,
        AT_PAGESZ, MF_PAGE_BYTES,
        AT_BASE, program->base,
        AT_ENTRY, program->entry,
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
    _Static_assert(sizeof auxiliary == AUXILIARY_WORDS * sizeof(uint64_t), "all of it");
    memcpy(word, auxiliary, sizeof auxiliary);
}

static uint64_t push_random(uint64_t *sp)
{
    uint8_t random[RANDOM_BYTES];
    random_fill(random, sizeof random);
    return push_bytes(sp, random, sizeof random);
}

/* Room for argc, so many pointers and the auxiliary vector. */
static uint64_t begin_words(uint64_t sp, uint64_t pointers)
{
    return (sp - (1 + pointers + AUXILIARY_WORDS) * sizeof(uint64_t)) & ~(uint64_t)(STACK_ALIGN - 1);
}

uint64_t start_stack(const struct mf_boot *boot, uint64_t top)
{
    const char *name = boot_environment(MF_ENV_PROGRAM);
    if (!name)
        name = boot_environment(MF_ENV_FUNCTION);
    if (!name)
        name = "function";

    user_id_take(boot_environment(MF_ENV_USER));
    uint64_t sp = top - sizeof(uint64_t); /* Linux ends with a null word */
    uint64_t name_at = push_bytes(&sp, name, strlen(name) + 1);
    const char *environment = (const char *)boot + boot->env_offset;
    uint64_t environment_at = push_bytes(&sp, environment, boot->env_bytes);
    uint64_t random_at = push_random(&sp);
    /* argv[0], its end, the environment's pointers and their end */
    sp = begin_words(sp, boot->env_count + 3ull);
    mf_assert(sp > top - STACK_BYTES_MIN);

    uint64_t *word = (uint64_t *)sp + 1;
    *word++ = name_at;
    word = push_pointers(word, environment_at, boot->env_count, true);
    *(uint64_t *)sp = (uint64_t)(word - (uint64_t *)sp) - 2; /* argc */
    word = push_pointers(word, environment_at, boot->env_count, false);
    const struct start_program program = {.entry = boot->program_entry,
                                          .headers = boot->program_phdr,
                                          .header_count = boot->program_phnum,
                                          .header_bytes = boot->program_phent};
    put_auxiliary(word, &program, name_at, random_at);
    return sp;
}

uint64_t start_again_bytes(const struct start_strings *strings)
{
    return strings->bytes + strlen(strings->name) + 1 + RANDOM_BYTES + 2 * STACK_ALIGN +
           (strings->arguments + strings->variables + 4ull + AUXILIARY_WORDS) * sizeof(uint64_t);
}

/* Pointers to so many strings from *at on, which moves behind them, and their end. */
static uint64_t *push_all(uint64_t *word, uint64_t *at, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        *word++ = *at;
        *at += strlen((const char *)*at) + 1;
    }
    *word++ = 0;
    return word;
}

uint64_t start_again(const struct start_program *program, const struct start_strings *strings, uint64_t top,
                     uint64_t *text_at)
{
    uint64_t sp = top - sizeof(uint64_t);
    uint64_t name_at = push_bytes(&sp, strings->name, strlen(strings->name) + 1);
    uint64_t at = *text_at = push_bytes(&sp, strings->text, strings->bytes);
    uint64_t random_at = push_random(&sp);
    sp = begin_words(sp, strings->arguments + strings->variables + 2ull);

    uint64_t *word = (uint64_t *)sp;
    *word++ = strings->arguments;
    word = push_all(word, &at, strings->arguments);
    word = push_all(word, &at, strings->variables);
    put_auxiliary(word, program, name_at, random_at);
    return sp;
}
