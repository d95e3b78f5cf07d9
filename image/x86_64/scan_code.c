/*
 * scan_code.c: `syscall` is 0f 05, its number in eax. Up to each such pair of bytes
 * we follow the code before it and the constants in its registers. x86 code cannot
 * be read backwards for sure, so every start within reach is tried; what counts is
 * that all that arrive with a constant in eax agree.
 */
#include <string.h>

#include "base/limits.h"
#include "image/scan.h"
#include "image/stubs.h"
#include "instruction.h"

struct constants {
    uint16_t known; /* bit n: register n's lower half is value[n] */
    uint32_t value[REG_COUNT];
};

static void apply(const struct instruction *step, struct constants *constants)
{
    bool copies = step->effect == WRITES_COPY && (constants->known >> step->source & 1);
    uint32_t value = copies ? constants->value[step->source] : step->value;
    constants->known &= (uint16_t)~step->writes;
    if (step->effect == WRITES_SOMETHING || (step->effect == WRITES_COPY && !copies))
        return;
    for (unsigned i = 0; i < REG_COUNT; i++)
        if (step->writes >> i & 1)
            constants->value[i] = value;
    constants->known |= step->writes;
}

/* push imm8; pop rax: what compilers write for size. */
static bool is_push_pop(const uint8_t *code, uint64_t room)
{
    return room >= 3 && code[0] == 0x6a && code[2] == 0x58;
}

/* Does straight code lead from code[from] to code[site], with a constant in eax? */
static bool follow(const uint8_t *code, uint64_t from, uint64_t site, uint32_t *number)
{
    struct constants constants = {0};
    uint64_t at = from;
    for (uint32_t steps = 0; at < site && steps < MF_SCAN_STEPS_MAX; steps++) {
        struct instruction step;
        if (is_push_pop(code + at, site - at))
            step = (struct instruction){.bytes = 3,
                                        .writes = 1u << REG_RAX,
                                        .effect = WRITES_VALUE,
                                        .value = (uint32_t)(int8_t)code[at + 1]};
        else if (!instruction_decode(code + at, site - at, &step))
            return false;
        apply(&step, &constants);
        at += step.bytes;
    }
    *number = constants.value[REG_RAX];
    return at == site && (constants.known >> REG_RAX & 1);
}

static bool find_number(const uint8_t *code, uint64_t site, uint32_t *number)
{
    bool found = false;
    uint64_t first = site > MF_SCAN_BACK_BYTES_MAX ? site - MF_SCAN_BACK_BYTES_MAX : 0;
    for (uint64_t from = first; from < site; from++) {
        uint32_t candidate;
        if (from && (code[from - 1] & 0xf0) == 0x40)
            continue; /* behind a REX prefix: mov $1,%r8d without it is mov $1,%eax */
        if (!follow(code, from, site, &candidate))
            continue;
        if (found && candidate != *number)
            return false;
        *number = candidate;
        found = true;
    }
    return found;
}

void scan_code(const uint8_t *code, uint64_t bytes, uint64_t address, struct scan *scan)
{
    static const uint8_t syscall_code[] = {0x0f, 0x05};
    uint64_t at = 0;
    for (uint32_t sites = 0; at < bytes; sites++) {
        const uint8_t *hit = memmem(code + at, bytes - at, syscall_code, sizeof syscall_code);
        if (!hit)
            return;
        uint64_t site = (uint64_t)(hit - code);
        uint32_t number = 0;
        at = site + sizeof syscall_code;
        if (stub_precedes(code, site, address)) /* it is counted with the stubs */
            continue;
        if (sites < MF_SCAN_SITES_MAX && find_number(code, site, &number))
            scan_add(scan, number);
        else
            scan_add_unknown(scan, address + site);
    }
}
