/*
 * host.c: what the monitor's sources want of a C library, as far as they are linked into
 * the trampoline. Prototypes are the C library's own headers'. format.c has the printing,
 * base/freestanding/string.c what the library OS wants, too.
 */
#include "monitor/process/trampoline/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "abi/cause.h"
#include "monitor/process/trampoline/format.h"

#define ERRORS_MAX 4095 /* Linux's: -4095 to -1 are errors */
#define WORD(argument) ((unsigned long)(argument))

static int last_error;

int *__errno_location(void)
{
    return &last_error;
}

static long checked(long answer)
{
    if (answer < 0 && answer >= -ERRORS_MAX) {
        last_error = (int)-answer;
        return -1;
    }
    return answer;
}

static long call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                 unsigned long e, unsigned long f)
{
    return checked(host_call(number, a, b, c, d, e, f));
}

long syscall(long number, ...)
{
    va_list list;
    unsigned long a[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, unsigned long);
    va_end(list);
    return call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return call(SYS_recvmsg, WORD(fd), WORD(message), WORD(flags), 0, 0, 0);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
    return call(SYS_sendto, WORD(fd), WORD(data), bytes, WORD(flags), 0, 0);
}

int fstat(int fd, struct stat *status)
{
    return (int)call(SYS_fstat, WORD(fd), WORD(status), 0, 0, 0, 0);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t offset)
{
    return call(SYS_pread64, WORD(fd), WORD(data), bytes, WORD(offset), 0, 0);
}

int close(int fd)
{
    return (int)call(SYS_close, WORD(fd), 0, 0, 0, 0, 0);
}

void *mmap(void *where, size_t bytes, int prot, int flags, int fd, off_t offset)
{
    return (void *)call(SYS_mmap, WORD(where), bytes, WORD(prot), WORD(flags), WORD(fd),
                        WORD(offset));
}

int munmap(void *where, size_t bytes)
{
    return (int)call(SYS_munmap, WORD(where), bytes, 0, 0, 0, 0);
}

void *mremap(void *from, size_t bytes, size_t new_bytes, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    void *to = va_arg(list, void *);
    va_end(list);
    return (void *)call(SYS_mremap, WORD(from), bytes, new_bytes, WORD(flags), WORD(to), 0);
}

int mprotect(void *where, size_t bytes, int prot)
{
    return (int)call(SYS_mprotect, WORD(where), bytes, WORD(prot), 0, 0, 0);
}

int madvise(void *where, size_t bytes, int advice)
{
    return (int)call(SYS_madvise, WORD(where), bytes, WORD(advice), 0, 0, 0);
}

ssize_t getrandom(void *data, size_t bytes, unsigned flags)
{
    return call(SYS_getrandom, WORD(data), bytes, flags, 0, 0, 0);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    return (int)call(SYS_clock_gettime, WORD(clock), WORD(time), 0, 0, 0, 0);
}

int setitimer(__itimer_which_t which, const struct itimerval *restrict timer,
              struct itimerval *restrict old)
{
    return (int)call(SYS_setitimer, WORD(which), WORD(timer), WORD(old), 0, 0, 0);
}

int setpriority(__priority_which_t which, id_t who, int nice)
{
    return (int)call(SYS_setpriority, WORD(which), who, WORD(nice), 0, 0, 0);
}

void _exit(int status)
{
    for (;;)
        (void)call(SYS_exit_group, WORD(status), 0, 0, 0, 0, 0);
}

/* A broken rule of our own: its words have nowhere to go. */
FILE *stderr;
int fprintf(FILE *file, const char *format, ...)
{
    (void)file;
    (void)format;
    return 0;
}

void abort(void)
{
    _exit(MF_CAUSE_STATUS + MF_CAUSE_HOST);
}

void explicit_bzero(void *to, size_t bytes)
{
    (void)memset(to, 0, bytes);
}

/* The words of those that a start is likely to meet. */
char *strerror(int error)
{
    static const struct {
        int error;
        const char words[28];
    } known[] = {{EPERM, "Operation not permitted"}, {EIO, "Input/output error"},
                 {EBADF, "Bad file descriptor"},     {ENOMEM, "Cannot allocate memory"},
                 {EACCES, "Permission denied"},      {EFAULT, "Bad address"},
                 {EINVAL, "Invalid argument"},       {ENOSYS, "Function not implemented"}};
    static char number[28];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == error)
            return (char *)(uintptr_t)known[i].words;
    (void)snprintf(number, sizeof number, "error %d of Linux", error);
    return number;
}

int vsnprintf(char *buffer, size_t room, const char *format, va_list list)
{
    return format_into(buffer, room, format, list);
}

int snprintf(char *buffer, size_t room, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int bytes = format_into(buffer, room, format, list);
    va_end(list);
    return bytes;
}
