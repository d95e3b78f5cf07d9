/* machine.c: see machine.h. x86-64. */
#include "machine.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define GETPID_32 20
#define CODE 0x40000000ul /* an address of 32 bits that nothing has */

static void by_interrupt(void)
{
    int pid;
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(GETPID_32) : "memory");
    _exit(pid == getpid() ? 0 : 1);
}

/* daa, which 64-bit code has not; then int3: SIGTRAP is 32-bit code that ran. */
static void by_far_jump(void)
{
    static const uint8_t code[] = {0x27, 0xcc};
    static const struct __attribute__((packed)) {
        uint32_t address;
        uint16_t selector;
    } target = {CODE, 0x23};
    void *at = mmap((void *)CODE, sizeof code, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != (void *)CODE)
        _exit(1);
    memcpy(at, code, sizeof code);
    __asm__ volatile("ljmp *%0" : : "m"(target));
    _exit(1);
}

static uint8_t interrupt;

/* The error code names the gate, which is the IDT's (Intel SDM 3, 6.13). */
static void on_refusal(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *at = context;
    (void)signal;
    (void)info;
    _exit(at->uc_mcontext.gregs[REG_ERR] == interrupt * 8 + 2 ? 0 : 1);
}

static void by_any_interrupt(void)
{
    const struct sigaction action = {.sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGSEGV, &action, NULL);
    const uint8_t code[] = {0xcd, interrupt, 0xc3};
    void *at = mmap(NULL, sizeof code, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        _exit(1);
    memcpy(at, code, sizeof code);
    __asm__ volatile("call *%0" : : "r"(at) : "memory", "cc", "rax", "rcx", "rdx", "r11");
    _exit(1);
}

/* How a child ends that does it: as of waitpid. */
static int end_of(void (*act)(void))
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGSYS, SIGBUS};
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
            (void)signal(signals[i], SIG_DFL); /* not the test library's */
        act();
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static bool tell(bool there, const char *why)
{
    if (!there)
        (void)fprintf(stderr, "skipped: %s\n", why);
    return there;
}

static bool ends_by(void (*act)(void), int signal)
{
    int status = end_of(act);
    return signal ? WIFSIGNALED(status) && WTERMSIG(status) == signal : status == 0;
}

bool machine_has_int80(void)
{
    static enum { UNKNOWN, HAS, HAS_NOT } known;
    if (known == UNKNOWN)
        known = tell(ends_by(by_interrupt, 0), "int 0x80 is no system call on this machine")
                    ? HAS
                    : HAS_NOT;
    return known == HAS;
}

bool machine_has_32_bit_code(void)
{
    static enum { UNKNOWN, HAS, HAS_NOT } known;
    if (known == UNKNOWN)
        known = tell(ends_by(by_far_jump, SIGTRAP), "no 32-bit code runs on this machine") ? HAS
                                                                                           : HAS_NOT;
    return known == HAS;
}

bool machine_has_vsyscall(void)
{
    char line[256];
    bool there = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !there && fgets(line, sizeof line, maps))
        there = strstr(line, "[vsyscall]") != NULL;
    if (maps)
        (void)fclose(maps);
    return tell(there, "this kernel has no vsyscall page");
}

bool machine_refuses_interrupt(uint8_t n)
{
    char why[64];
    interrupt = n;
    (void)snprintf(why, sizeof why, "int %u is no fault of its gate on this machine", n);
    return tell(ends_by(by_any_interrupt, 0), why);
}

/* Anonymous memory of a mapping that begins at address, in KiB; -1: unknown. */
static long anonymous_kib(uintptr_t address)
{
    char line[256];
    unsigned long from, to, kib;
    bool inside = false;
    long found = -1;
    FILE *maps = fopen("/proc/self/smaps", "re");
    while (maps && found < 0 && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from == address;
        else if (inside && sscanf(line, "Anonymous: %lu kB", &kib) == 1)
            found = (long)kib;
    if (maps)
        (void)fclose(maps);
    return found;
}

bool machine_shares_zeros(void)
{
    const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    /* A shared page on either side keeps it a mapping of its own. */
    uint8_t *around = mmap(NULL, 3 * bytes, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (around == MAP_FAILED)
        return false;
    uint8_t *page = mmap(around + bytes, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (page == MAP_FAILED)
        return false;
    (void)*(volatile uint8_t *)page;
    long kib = anonymous_kib((uintptr_t)page);
    (void)munmap(around, 3 * bytes);
    return tell(kib == 0, "this kernel gives a page of its own to who only reads zeros");
}
