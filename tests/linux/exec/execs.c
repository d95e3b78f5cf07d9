/*
 * execs.c MODE ...: one program in the place of another, as exec.sh builds it in several kinds and starts it,
 * natively and inside. Agreement: every line. KIND is of the kind that it is built as.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 131072 /* of one argument, with its NUL */
#define NOWHERE(type) ((type *)(uintptr_t)strtoul("8", NULL, 10)) /* and no compiler knows */
#define THREADS 8
#define CONTROL_X87 0xf7f   /* not as at a start: rounds to zero */
#define CONTROL_SSE 0x7f80u

extern char **environ;
extern char _start[];

static int data = 7, bss;
static char large_data[1 << 17] = "large", large_bss[1 << 19];
static _Thread_local int of_thread = 3;

static void show(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
    fflush(stdout);
}

/* What a program finds that is as it was in its file, whoever ran before. Then it is not. */
static void fresh(void)
{
    size_t i = 0;
    while (i < sizeof large_bss && large_bss[i] == 0)
        i++;
    printf("data %d %s, bss %d %d, thread's %d\n", data, large_data, bss, i == sizeof large_bss, of_thread);
    data = bss = of_thread = 9;
    memset(large_data, 'x', sizeof large_data - 1);
    memset(large_bss, 'x', sizeof large_bss);
}

/* The first of the programs that are named, with the others. */
static void chain(char **argv)
{
    fresh();
    printf("chain: %s, loader %d, entry %d\n", KIND, getauxval(AT_BASE) != 0, getauxval(AT_ENTRY) == (uintptr_t)_start);
    fflush(stdout);
    if (!argv[2])
        return;
    char *mode = argv[1];
    argv[1] = argv[2];
    argv[2] = mode;
    execv(argv[1], argv + 1);
    show("execv", -1);
}

/* A file of /proc/self in one line. */
static void show_file(const char *path)
{
    char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t bytes = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = 0; i < bytes; i++)
        if (text[i] == 0 || text[i] == '\n')
            text[i] = '|';
    printf("%s: %.*s\n", path, (int)bytes, text);
}

static void look_at_signals(void)
{
    sigset_t mask, pending;
    stack_t stack;
    struct itimerval real;
    struct itimerspec left;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    for (int number = 1; number < SIGRTMAX; number++) {
        struct sigaction action = {0};
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("signal %d: %s\n", number, action.sa_handler == SIG_IGN ? "ignored" : "a handler");
        if (sigismember(&mask, number) == 1)
            printf("signal %d: blocked\n", number);
        if (sigismember(&pending, number) == 1)
            printf("signal %d: pending\n", number);
    }
    sigaltstack(NULL, &stack);
    getitimer(ITIMER_REAL, &real);
    printf("alternate stack: %d; alarm: %d\n", stack.ss_flags == SS_DISABLE, real.it_value.tv_sec > 0);
    show("timer of before", syscall(SYS_timer_gettime, 0, &left));
}

static void look_at_files(void)
{
    char text[6] = "", folder[4096];
    for (int fd = 3; fd < 40; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0)
            printf("descriptor %d: %d\n", fd, flags);
    }
    show("read on", read(30, text, 5));
    printf("text: %s; folder: %s; mask: %o\n", text, getcwd(folder, sizeof folder), umask(0));
}

static void look(int argc, char **argv)
{
    uint16_t x87;
    uint32_t sse, zeros = 0;
    char text[4096] = "";
    const Elf64_Phdr *headers = (const Elf64_Phdr *)getauxval(AT_PHDR);
    __asm__("fnstcw %0" : "=m"(x87));
    __asm__("stmxcsr %0" : "=m"(sse));
    fresh();
    for (int i = 0; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    for (char **at = environ; *at; at++)
        printf("variable: %s\n", *at);
    for (unsigned i = 0; i < getauxval(AT_PHNUM); i++)
        zeros += headers[i].p_type == PT_LOAD;
    printf("executed: %s; segments: %d; aligned: %d\n", (char *)getauxval(AT_EXECFN), zeros > 1,
           (uintptr_t)__builtin_frame_address(0) % 16 == 0);
    printf("x87 %x, sse %x; first thread: %d\n", x87, sse & ~0x3fu, getpid() == gettid());
    if (strncmp((char *)getauxval(AT_EXECFN), "/dev/fd/", 8) != 0) /* another name since Linux 6.14 */
        show_file("/proc/self/comm");
    show_file("/proc/self/cmdline");
    show_file("/proc/self/environ");
    (void)!readlink("/proc/self/exe", text, sizeof text - 1);
    printf("exe: %s\n", text);
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(text, sizeof text, status))
        if (strncmp(text, "Threads:", 8) == 0)
            fputs(text, stdout);
    fclose(status);
    look_at_signals();
    look_at_files();
    fflush(stdout);
}

static char next[24] = "NEXT="; /* what the next one does when it has looked around */
static char *const variables[] = {"ONE=1", "TWO=", "", "THREE=drei", next, NULL};

static void *spin(void *context)
{
    for (volatile uint64_t i = 0;; i++)
        continue;
    return context;
}

static void *sleeps(void *context)
{
    uint32_t word = 0;
    syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
    return context;
}

static void *reads(void *context)
{
    int ends[2];
    char byte;
    (void)!pipe2(ends, O_CLOEXEC);
    (void)!read(ends[0], &byte, 1);
    return context;
}

static void start_threads(void)
{
    pthread_t thread;
    void *(*const what[])(void *) = {spin, sleeps, reads};
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, what[i % 3], NULL) != 0)
            abort();
    usleep(1000);
}

static void ignore(int number)
{
    (void)number;
}

/* All that a program has, so that the next one can look at what is left. */
static void have_things(void)
{
    static char stack[1 << 16];
    sigset_t mask;
    timer_t timer;
    uint16_t x87 = CONTROL_X87;
    uint32_t sse = CONTROL_SSE;
    int file = open("text", O_RDONLY | O_CLOEXEC), shared = memfd_create("shared", 0);
    (void)!dup2(file, 30);
    (void)!lseek(30, 6, SEEK_SET);
    (void)!fcntl(30, F_DUPFD_CLOEXEC, 31);
    (void)!dup2(shared, 32);
    (void)!ftruncate(32, 4096);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 32, 0);
    if (page == MAP_FAILED)
        show("mmap", -1);
    else
        memcpy(page, "shared", 7);
    close(shared);
    close(file);
    signal(SIGUSR1, ignore);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGCHLD, ignore);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    raise(SIGTERM);
    alarm(1000);
    timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer);
    umask(027);
    (void)!chdir("folder");
    __asm__("fldcw %0" : : "m"(x87));
    __asm__("ldmxcsr %0" : : "m"(sse));
}

static char *program; /* this one's path */

static _Noreturn void go(char *const *argv, char *const *envp)
{
    fflush(stdout);
    execve(program, argv, envp);
    show("execve", -1);
    exit(1);
}

static void *go_look(void *context)
{
    go((char *const[]){"another name", "look", context, NULL}, variables);
    return NULL;
}

static void go_in_handler(int number)
{
    (void)number;
    go_look("from a handler");
}

static void errors_of_pointers(void)
{
    char *const wild[] = {NOWHERE(char), NULL}, *const good[] = {"a", NULL};
    char **large = calloc(64, sizeof *large), *text = malloc(LONGEST + 2);
    memset(text, 'a', LONGEST + 1);
    text[LONGEST + 1] = 0;
    show("path nowhere", execve(NOWHERE(char), good, NULL));
    show("arguments nowhere", execve(program, NOWHERE(char *), NULL));
    show("an argument nowhere", execve(program, wild, NULL));
    show("variables nowhere", execve(program, good, NOWHERE(char *)));
    show("a variable nowhere", execve(program, good, wild));
    large[0] = text + 1;
    show("one too long", execve(program, large, NULL));
    for (int i = 0; i < 30; i++)
        large[i] = text + 2;
    show("all too long", execve(program, large, NULL));
    show("all too long, variables", execve(program, good, large));
    text[100] = 0;
    show("a path too long", execve(text + 101, good, NULL));
    free(text);
    free(large);
}

static void errors(void)
{
    static const char *const files[] = {
        "none", "", ".", "text", "text/", "text/x", "folder", "folder/../none", "words", "empty", "short", "magic",
        "torn", "machine", "object", "loop", "loop/x", "s-none", "s-folder", "s-text", "s-empty", "s-blank", "s-long",
        "s-5", "s-6", "l-none", "l-text", "l-words", "/dev/null", "/proc/self/status", NULL};
    char *const good[] = {"a", NULL};
    for (const char *const *file = files; *file; file++)
        show(**file ? *file : "no name", execve(*file, good, NULL));
    errors_of_pointers();
    int here = open(".", O_RDONLY), file = open("text", O_RDONLY), ends[2];
    (void)!pipe(ends);
    show("flags", execveat(here, program, good, NULL, 1));
    show("no descriptor", execveat(99, "text", good, NULL, 0));
    show("no name", execveat(here, "", good, NULL, 0));
    show("the folder", execveat(here, "", good, NULL, AT_EMPTY_PATH));
    show("the file", execveat(file, "", good, NULL, AT_EMPTY_PATH));
    show("below a file", execveat(file, "x", good, NULL, 0));
    show("none there", execveat(here, "none", good, NULL, 0));
    show("a link", execveat(here, "link", good, NULL, AT_SYMLINK_NOFOLLOW));
    show("a pipe", execveat(ends[0], "", good, NULL, AT_EMPTY_PATH));
    int script = open("s-look", O_RDONLY | O_CLOEXEC);
    show("a script that vanishes", execveat(script, "", good, NULL, AT_EMPTY_PATH));
}

/* Whatever pointers: an error, and the program goes on. */
static void hostile(void)
{
    uint64_t *words = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t state = 88172645463325252u;
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        words[state % 8192] = state % 3 ? (uint64_t)(words + state % 8192) : state;
        char **argv = (char **)((char *)words + state % (1 << 16) + (state >> 60 ? 0 : state >> 20));
        refused += execve(state & 1 ? program : (char *)argv, argv, NOWHERE(char *)) < 0;
    }
    printf("hostile: %d\n", refused);
}

static void large(void)
{
    static char *all[20], *more[20];
    char *text = malloc(60001);
    memset(text, 'a', 60000);
    text[60000] = 0;
    all[0] = program;
    all[1] = "count";
    for (int i = 2; i < 19; i++)
        all[i] = text + i;
    memcpy(more, all, sizeof all);
    more[19 - 1] = next;
    go(all, more);
}

static void count(int argc, char **argv)
{
    size_t bytes = 0, more = 0;
    for (int i = 0; i < argc; i++)
        bytes += strlen(argv[i]);
    for (char **at = environ; *at; at++)
        more += strlen(*at);
    printf("arguments: %d, %zu bytes; variables: %zu bytes\n", argc, bytes, more);
}

/* Many times, with threads, memory and descriptors each time: nothing is left over. */
static void again(int left)
{
    char number[16];
    int ends[2];
    snprintf(number, sizeof number, "%d", left - 1);
    if (left == 0) {
        printf("again: %d descriptors\n", pipe2(ends, 0) == 0 ? ends[0] : -1);
        return;
    }
    start_threads();
    (void)!pipe2(ends, O_CLOEXEC);
    memset(malloc(1 << 20), 1, 1 << 20);
    memset(mmap(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 1 << 22);
    go((char *const[]){program, "again", number, NULL}, variables);
}

/* A script in memory, and what descriptors lead to. */
static void scripts(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/mf-exec-%d", getpid());
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0755);
    dprintf(fd, "#! %s  look \t\nnothing", program);
    close(fd);
    fd = open(path, O_RDONLY);
    unlink(path);
    dup2(fd, 34);
    close(fd);
    fflush(stdout);
    execveat(34, "", (char *const[]){"a", "b", NULL}, variables, AT_EMPTY_PATH);
    show("execveat", -1);
}

static void state(void)
{
    have_things();
    start_threads();
    go_look("with all that");
}

static void from_thread(void)
{
    pthread_t thread;
    start_threads();
    pthread_create(&thread, NULL, go_look, "from a thread");
    for (;;)
        pause();
}

static void from_handler(void)
{
    signal(SIGUSR1, go_in_handler);
    raise(SIGUSR1);
}

/* One after the other, from a number on: those that become another program go on there. */
static void tour(int from)
{
    static void (*const stops[])(void) = {errors, hostile, large, from_handler, from_thread, state, scripts, NULL};
    for (; stops[from]; from++) {
        snprintf(next, sizeof next, "NEXT=%d", from + 1);
        printf("stop %d\n", from);
        stops[from]();
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "look";
    program = (char *)getauxval(AT_EXECFN);
    bool tours = strcmp(mode, "tour") == 0;
    if (strcmp(mode, "chain") == 0)
        chain(argv);
    else if (strcmp(mode, "again") == 0)
        again(atoi(argv[2]));
    else if (strcmp(mode, "count") == 0)
        count(argc, argv);
    else if (!tours)
        look(argc, argv);
    if (tours || getenv("NEXT"))
        tour(getenv("NEXT") ? atoi(getenv("NEXT")) : 0);
    return 0;
}
