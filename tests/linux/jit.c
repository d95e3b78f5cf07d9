/*
 * jit.c: code that the program makes itself (the setting `jit: true`): pages that are written and
 * executed at once, or in turn; what they may not; system calls, faults and preempts of such code.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)
#define RWX (RW | PROT_EXEC)

static const unsigned char returns_42[] = {0xb8, 42, 0, 0, 0, 0xc3};          /* mov $42,%eax; ret */
static const unsigned char calls[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7,      /* mov %rdi,%rax; mov %rsi,%rdi */
                                      0x48, 0x89, 0xd6, 0x48, 0x89, 0xca,      /* mov %rdx,%rsi; mov %rcx,%rdx */
                                      0x0f, 0x05, 0xc3};                       /* syscall; ret */
static const unsigned char spins[] = {0x83, 0x3f, 0x00, 0x74, 0xfb,            /* 1: cmpl $0,(%rdi); je 1b */
                                      0x8b, 0x07, 0xc3};                       /* mov (%rdi),%eax; ret */
static const unsigned char faults[] = {0xb8, 7, 0, 0, 0, 0x0f, 0x0b, 0xc3};    /* mov $7,%eax; ud2; ret */

static sigjmp_buf back;

static void on_fault(int signal)
{
    siglongjmp(back, signal);
}

static void on_illegal(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)signal, (void)info;
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
    uc->uc_mcontext.gregs[REG_RAX] += 1;
}

static unsigned char *map(size_t bytes, int prot)
{
    void *at = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        printf("mmap for %d: %s\n", prot, strerror(errno));
        exit(1);
    }
    return at;
}

static int call(const unsigned char *code)
{
    return ((int (*)(void))(uintptr_t)code)();
}

static int call_with(const unsigned char *code, int *word)
{
    return ((int (*)(int *))(uintptr_t)code)(word);
}

static long call_host(const unsigned char *code, long number, long a, const void *b, long c)
{
    return ((long (*)(long, long, const void *, long))(uintptr_t)code)(number, a, b, c);
}

static void both_at_once(void)
{
    unsigned char *code = map(2 * PAGE, RWX);
    memcpy(code, returns_42, sizeof returns_42);
    printf("written and executed: %d", call(code));
    code[1] = 43; /* the same processor sees at once what it wrote */
    printf(" %d", call(code));
    memcpy(code + 2 * PAGE - sizeof returns_42, returns_42, sizeof returns_42);
    printf(" %d\n", call(code + 2 * PAGE - sizeof returns_42));
    unsigned char *more = mremap(code, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    printf("made larger: %d, ", more == MAP_FAILED ? -1 : call(more));
    memcpy(more + 599 * PAGE, returns_42, sizeof returns_42);
    printf("%d\n", call(more + 599 * PAGE));
    printf("unmapped: %d\n", munmap(more, 600 * PAGE));
}

static void in_turn(void)
{
    unsigned char *code = map(PAGE, RW);
    for (unsigned char i = 1; i < 4; i++) {
        memcpy(code, returns_42, sizeof returns_42);
        code[1] = i;
        int error = mprotect(code, PAGE, RX);
        printf("in turn: %d %d", error, call(code));
        printf(" %d\n", mprotect(code, PAGE, RW));
    }
    printf("execute alone: %d", mprotect(code, PAGE, PROT_EXEC));
    printf(" %d\n", call(code));
    printf("discarded: %d", madvise(code, PAGE, MADV_DONTNEED));
    printf(" %d", mprotect(code, PAGE, RW));
    printf(" %d\n", code[0]);
    munmap(code, PAGE);
}

static void refused(const char *what, unsigned char *code, int prot, int writes)
{
    int signal = 0;
    mprotect(code, PAGE, prot);
    if ((signal = sigsetjmp(back, 1)) == 0) {
        if (writes)
            *(volatile unsigned char *)code = 0xc3;
        else
            call(code);
    }
    printf("%s: signal %d\n", what, signal);
}

static void what_is_not_allowed(void)
{
    unsigned char *code = map(PAGE, RW);
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    memcpy(code, returns_42, sizeof returns_42);
    refused("writing what is executed", code, RX, 1);
    refused("executing what is written", code, RW, 0);
    refused("executing what is read", code, PROT_READ, 0);
    refused("executing what is nobody's", code, PROT_NONE, 0);
    refused("executing what is executed again", code, RX, 0);
    refused("writing what is both", code, RWX, 1);
    signal(SIGSEGV, SIG_DFL);
    munmap(code, PAGE);
}

static void system_calls(void)
{
    static const char words[] = "written by a system call of made code\n";
    unsigned char *code = map(PAGE, RWX);
    memcpy(code, calls, sizeof calls);
    fflush(stdout);
    printf("wrote %ld\n", call_host(code, SYS_write, 1, words, sizeof words - 1));
    printf("no such call: %ld\n", call_host(code, 0x7777, 0, NULL, 0));
    printf("no such descriptor: %ld\n", call_host(code, SYS_close, 999, NULL, 0));
    printf("who: %d\n", call_host(code, SYS_getpid, 0, NULL, 0) == getpid());
    munmap(code, PAGE);
}

static void illegal(void)
{
    unsigned char *code = map(PAGE, RWX);
    struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    memcpy(code, faults, sizeof faults);
    printf("illegal instruction, passed over: %d\n", call(code));
    munmap(code, PAGE);
}

static int go;

static void *spin(void *code)
{
    static int seen;
    seen = call_with(code, &go);
    return &seen;
}

/* No call, no fault: only a preempt ends it. */
static void preempts(void)
{
    pthread_t thread;
    void *seen;
    unsigned char *code = map(PAGE, RWX);
    memcpy(code, spins, sizeof spins);
    pthread_create(&thread, NULL, spin, code);
    usleep(20000);
    __atomic_store_n(&go, 5, __ATOMIC_RELEASE);
    pthread_join(thread, &seen);
    printf("a thread in made code, until it was told: %d\n", *(int *)seen);
    munmap(code, PAGE);
}

static void of_a_file(void)
{
    char path[] = "/tmp/jit-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, returns_42, sizeof returns_42) != (ssize_t)sizeof returns_42)
        printf("no file: %s\n", strerror(errno));
    unsigned char *code = mmap(NULL, PAGE, RX, MAP_PRIVATE, fd, 0);
    printf("of a file: %d\n", code == MAP_FAILED ? -errno : call(code));
    munmap(code, PAGE);
    close(fd);
    unlink(path);
}

static void listed(void)
{
    char line[256], allowed[5] = "none";
    unsigned long from, to;
    unsigned char *code = map(PAGE, RWX);
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        char what[5] = "";
        if (sscanf(line, "%lx-%lx %4s", &from, &to, what) == 3 && from <= (uintptr_t)code &&
            (uintptr_t)code < to)
            memcpy(allowed, what, sizeof allowed);
    }
    if (maps)
        fclose(maps);
    printf("listed as %s\n", allowed);
    munmap(code, PAGE);
}

int main(void)
{
    both_at_once();
    in_turn();
    what_is_not_allowed();
    system_calls();
    illegal();
    preempts();
    of_a_file();
    listed();
    return 0;
}
