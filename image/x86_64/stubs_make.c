/*
 * stubs_make.c: two forms of code are jumps for sure.
 *
 *   mov $nr,%eax; syscall          The number becomes a jump to a stub, and the `syscall` behind
 *                                  it stays: whoever jumps to it finds what was there.
 *   syscall; cmp $-4095,%rax       As Go has it, whatever the number. Both become one jump, and the
 *   syscall; mov %rax,8(%rsp)      second instruction moves into the stub: nobody jumps to what takes
 *   syscall; mov %eax,8(%rsp)      its operand from the `syscall` before it. Where something nearby
 *                                  might, and where the two bytes may be a distance's, nothing is done.
 *
 * A stub leaves what `syscall` leaves (abi/trap.h): RCX the address behind it, R11 the flags; these
 * are not the program's at that moment but those it started with, as compilers assume that they are
 * lost. It uses no stack: a program may have a red zone.
 */
#include "image/stubs.h"

#include <string.h>

#include "abi/layout.h"
#include "base/err.h"
#include "instruction.h"

#define STUB 32u
const uint32_t stub_bytes = STUB;

#define FLAGS 2u       /* RFLAGS, the bit that is always 1                          */
#define NUMBERS 600u   /* what is more is no number of Linux's                      */
#define SIGRETURN 15u  /* unwinders know a signal's frame by these very bytes       */

static const uint8_t syscall_code[] = {0x0f, 0x05};
static const struct taker { /* of a system call's result */
    uint8_t code[6];
    uint8_t fixed; /* so many bytes of it are always the same */
    uint8_t bytes;
} takers[] = {
    {{0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff}, 6, 6}, /* cmp $-4095,%rax  */
    {{0x48, 0x89, 0x44, 0x24}, 4, 5},             /* mov %rax,8(%rsp) */
    {{0x89, 0x44, 0x24}, 3, 4},                   /* mov %eax,8(%rsp) */
};
static const uint8_t flags_code[] = {0x41, 0xbb, FLAGS, 0, 0, 0};            /* mov $FLAGS,%r11d */

#define BACK_BYTES 48u    /* code before a site that is read           */
#define NEAR_BYTES 0x10000u /* of a site: where jumps to it are looked for */

#define MOV_EAX 0xb8u
#define MOV_ECX 0xb9u
#define CALL 0xe8u
#define JUMP 0xe9u
#define WORD_CODE 5u  /* bytes of each of these four      */
#define SHORT_JUMP 2u /* of one with a distance of a byte */
#define LONG_JUMP 6u  /* of one with a condition          */

static const uint8_t mov_rax[] = {0x48, 0xc7, 0xc0}; /* and an operand as long as MOV_EAX's */

static size_t add(uint8_t *to, const uint8_t *code, size_t bytes)
{
    memcpy(to, code, bytes);
    return bytes;
}

static size_t add_word(uint8_t *to, uint8_t opcode, uint64_t operand)
{
    const uint32_t word = (uint32_t)operand;
    to[0] = opcode;
    memcpy(to + 1, &word, sizeof word);
    return WORD_CODE;
}

static size_t add_jump(uint8_t *to, uint64_t at, uint64_t target)
{
    return add_word(to, JUMP, target - (at + WORD_CODE));
}

static bool take_room(struct stubs *stubs, uint8_t stub[static STUB], uint64_t *at)
{
    *at = stubs->address + (uint64_t)stubs->count * STUB;
    memset(stub, 0xcc, STUB);
    return stubs->room && (uint64_t)(stubs->count + 1) * STUB <= stubs->bytes;
}

static void put(struct stubs *stubs, const uint8_t stub[static STUB])
{
    memcpy(stubs->room + (size_t)stubs->count * STUB, stub, STUB);
    stubs->count++;
}

/* How many bytes before code[site] load a number, which is then *number; 0: none. */
static size_t number_before(const uint8_t *code, uint64_t site, uint32_t *number)
{
    if (site < WORD_CODE)
        return 0;
    memcpy(number, code + site - sizeof *number, sizeof *number);
    if (*number >= NUMBERS || *number == SIGRETURN)
        return 0;
    const size_t rax_bytes = sizeof mov_rax + sizeof *number;
    if (site >= rax_bytes && memcmp(code + site - rax_bytes, mov_rax, sizeof mov_rax) == 0)
        return rax_bytes;
    /* Behind a REX prefix it loads another register. */
    bool behind_rex = site > WORD_CODE && (code[site - WORD_CODE - 1] & 0xf0) == 0x40;
    return code[site - WORD_CODE] == MOV_EAX && !behind_rex ? WORD_CODE : 0;
}

/* Does an instruction begin at code[mov]? Code cannot be read backwards for sure, but whoever reads it
 * from a wrong byte is soon right: most of all beginnings within reach from which one gets to the
 * site tell. What looks like the load may be the end of a store (c7 44 24 b8 …). */
static bool begins(const uint8_t *code, uint64_t mov, uint64_t site)
{
    uint32_t votes[2] = {0};
    for (uint64_t from = mov > BACK_BYTES ? mov - BACK_BYTES : 0; from <= mov; from++) {
        uint64_t at = from;
        struct instruction step;
        bool at_mov = false;
        while (at < site && instruction_decode(code + at, site - at, &step)) {
            at_mov = at_mov || at == mov;
            at += step.bytes;
        }
        votes[at_mov] += at == site;
    }
    return votes[true] > votes[false];
}

static bool numbered(struct stubs *stubs, uint8_t *code, uint64_t site, uint64_t address)
{
    static const uint8_t two_bytes[] = {0x66, 0x90}; /* nop */
    uint8_t stub[STUB];
    uint64_t at;
    uint32_t number;
    size_t before = number_before(code, site, &number);
    if (!before || !begins(code, site - before, site) || !take_room(stubs, stub, &at))
        return false;
    size_t n = add_word(stub, MOV_EAX, number);
    n += add_word(stub + n, MOV_ECX, address + site + sizeof syscall_code);
    n += add(stub + n, flags_code, sizeof flags_code);
    n += add_jump(stub + n, at + n, stubs->entry);
    mf_assert(n <= STUB);
    put(stubs, stub);
    n = add_jump(code + site - before, address + site - before, at);
    if (before > n)
        (void)add(code + site - before + n, two_bytes, sizeof two_bytes);
    return true;
}

/* What stands right before code[site] as two bytes may be the end of a distance, most often of a call's. */
static bool ends_a_distance(const uint8_t *code, uint64_t site)
{
    return site >= 3 && (code[site - 3] == CALL || code[site - 3] == JUMP);
}

/* Might a jump nearby lead to code[to]? Every byte is asked, whether an instruction begins there or not. */
static bool is_target(const uint8_t *code, uint64_t bytes, uint64_t to)
{
    const uint64_t first = to > NEAR_BYTES ? to - NEAR_BYTES : 0;
    const uint64_t last = bytes - to > NEAR_BYTES ? to + NEAR_BYTES : bytes;
    for (uint64_t at = first; at + SHORT_JUMP <= last; at++) {
        bool is_short = (code[at] & 0xf0) == 0x70 || code[at] == 0xeb || (code[at] & 0xfc) == 0xe0;
        if (is_short && at + SHORT_JUMP + (uint64_t)(int64_t)(int8_t)code[at + 1] == to)
            return true;
        bool is_long = at + LONG_JUMP <= last && code[at] == 0x0f && (code[at + 1] & 0xf0) == 0x80;
        bool is_plain = at + WORD_CODE <= last && code[at] == JUMP;
        const uint64_t after = at + (is_long ? LONG_JUMP : WORD_CODE);
        int32_t distance;
        if (!is_long && !is_plain)
            continue;
        memcpy(&distance, code + after - sizeof distance, sizeof distance);
        if (after + (uint64_t)(int64_t)distance == to)
            return true;
    }
    return false;
}

static const struct taker *find_taker(const uint8_t *code, uint64_t room)
{
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
        if (takers[i].bytes <= room && memcmp(code, takers[i].code, takers[i].fixed) == 0)
            return &takers[i];
    return NULL;
}

/* Where to read on: behind what was written, in which there may be anything.
 * A call that is to begin again returns to the `syscall` before where it came from (kernel/linux):
 * there is one. */
static uint64_t taken(struct stubs *stubs, uint8_t *code, uint64_t bytes, uint64_t site, uint64_t address)
{
    static const uint8_t nops[][3] = {{0}, {0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}}; /* so many bytes */
    const uint64_t next = site + sizeof syscall_code;
    const struct taker *taker = find_taker(code + next, bytes - next);
    uint8_t stub[STUB];
    uint64_t at;
    if (!taker || ends_a_distance(code, site) || !begins(code, site, next) ||
        is_target(code, bytes, next) || !take_room(stubs, stub, &at))
        return next;
    const uint64_t end = next + taker->bytes;
    const size_t back = 2 * WORD_CODE + sizeof flags_code + sizeof syscall_code;
    size_t n = add_word(stub, MOV_ECX, at + back);
    n += add(stub + n, flags_code, sizeof flags_code);
    n += add_jump(stub + n, at + n, stubs->entry);
    n += add(stub + n, syscall_code, sizeof syscall_code);
    mf_assert(n == back);
    n += add(stub + n, code + next, taker->bytes);
    n += add_jump(stub + n, at + n, address + end);
    mf_assert(n <= STUB);
    put(stubs, stub);
    n = add_jump(code + site, address + site, at);
    (void)add(code + site + n, nops[end - site - n], end - site - n);
    return end;
}

void stubs_make(struct stubs *stubs, uint8_t *code, uint64_t bytes, uint64_t address)
{
    for (uint64_t at = 0; at < bytes;) {
        const uint8_t *hit = memmem(code + at, bytes - at, syscall_code, sizeof syscall_code);
        if (!hit)
            return;
        uint64_t site = (uint64_t)(hit - code);
        at = numbered(stubs, code, site, address) ? site + sizeof syscall_code
                                                  : taken(stubs, code, bytes, site, address);
    }
}

static uint32_t operand(const uint8_t *code)
{
    uint32_t word;
    memcpy(&word, code + 1, sizeof word);
    return word;
}

/* Of the jump at code, which stands at address. */
static uint64_t target(const uint8_t *code, uint64_t address)
{
    return address + WORD_CODE + (uint64_t)(int64_t)(int32_t)operand(code);
}

static bool is_load(const uint8_t *code)
{
    return code[0] == MOV_ECX && memcmp(code + WORD_CODE, flags_code, sizeof flags_code) == 0 &&
           code[WORD_CODE + sizeof flags_code] == JUMP;
}

bool stub_read(const uint8_t *code, uint64_t address, struct stub *stub)
{
    const uint8_t *back = code + 2 * WORD_CODE + sizeof flags_code + sizeof syscall_code;
    *stub = (struct stub){0};
    if (code[0] == MOV_EAX && is_load(code + WORD_CODE)) {
        stub->numbered = true;
        stub->number = operand(code);
        stub->site = operand(code + WORD_CODE) - sizeof syscall_code;
        return true;
    }
    const struct taker *taker = find_taker(back, STUB - WORD_CODE - (uint64_t)(back - code));
    if (!is_load(code) || !taker || back[taker->bytes] != JUMP)
        return false;
    back += taker->bytes;
    stub->site = target(back, address + (uint64_t)(back - code)) - taker->bytes - sizeof syscall_code;
    return true;
}

bool stub_precedes(const uint8_t *code, uint64_t site, uint64_t address)
{
    for (uint64_t before = WORD_CODE; before <= sizeof mov_rax + sizeof(uint32_t); before += 2) {
        if (site < before || code[site - before] != JUMP)
            continue;
        uint64_t to = target(code + site - before, address + site - before);
        if (to >= MF_KERNEL_BASE && to < MF_KERNEL_LIMIT)
            return true;
    }
    return false;
}
