/*
 * process.c: system calls on the process and the machine.
 * Guarantees: one process, one processor.
 * Leaves to others: threads, signals (one/, many/). Owns nothing.
 */
#include "kernel/linux/process.h"

#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include <stdbool.h>

#include "abi/cause.h"
#include "abi/log.h"
#include "abi/program.h"
#include "kernel/core/boot.h"
#include "kernel/core/clock.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/memory.h"
#include "kernel/core/random.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/event/event.h"
#include "kernel/event/output.h"
#include "kernel/linux/call.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/linux/time.h"
#include "kernel/linux/usage.h"
#include "kernel/x86_64/segment.h"

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull

void process_exit(const struct frame *frame)
{
    uint64_t status = frame_argument(frame, 0) & 0xff;
    struct text detail = {.bytes = 0};
    text_add(&detail, " status=");
    text_decimal(&detail, status);
    output_flush();
    if (event_is_owed())
        fault_program(MF_CAUSE_EXITED, frame, text_string(&detail));
    if (status) {
        struct text line = {.bytes = 0};
        text_add(&line, "the program ended with status ");
        text_decimal(&line, status);
        output_kernel(MF_LOG_WARN, line.data, line.bytes);
    }
    event_flush();
    hypercall_halt();
}

int64_t linux_arch_prctl(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 1);
    const int code = (int)frame_argument(frame, 0);
    const uint32_t which =
        code == ARCH_SET_FS || code == ARCH_GET_FS ? MF_SEGMENT_FS : MF_SEGMENT_GS;
    uint64_t base;
    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        return address < MF_SEGMENT_END ? segment_set_base(which, address) : -EPERM;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
        base = segment_base(which);
        return user_write(address, &base, sizeof base);
    default:
        return -EINVAL;
    }
}

int64_t linux_getpid(struct frame *frame)
{
    (void)frame;
    return identity_pid();
}

int64_t linux_getpgrp(struct frame *frame)
{
    (void)frame;
    return identity_pid();
}

int64_t linux_getppid(struct frame *frame)
{
    (void)frame;
    return IDENTITY_PARENT;
}

int64_t linux_getuid(struct frame *frame)
{
    (void)frame;
    return user_id.user;
}

int64_t linux_geteuid(struct frame *frame)
{
    (void)frame;
    return user_id.user;
}

int64_t linux_getgid(struct frame *frame)
{
    (void)frame;
    return user_id.group;
}

int64_t linux_getegid(struct frame *frame)
{
    (void)frame;
    return user_id.group;
}

int64_t linux_rseq(struct frame *frame)
{
    (void)frame;
    return -ENOSYS;
}

int64_t linux_sched_getaffinity(struct frame *frame)
{
    const uint64_t mask = 1;
    if ((int32_t)frame_argument(frame, 0) < 0)
        return -ESRCH;
    if (frame_argument(frame, 1) < sizeof mask || frame_argument(frame, 1) % sizeof mask)
        return -EINVAL;
    int error = user_write(frame_argument(frame, 2), &mask, sizeof mask);
    return error ? error : (int64_t)sizeof mask;
}

int64_t linux_getrandom(struct frame *frame)
{
    uint64_t to = frame_argument(frame, 0);
    uint64_t bytes = frame_argument(frame, 1);
    uint32_t flags = (uint32_t)frame_argument(frame, 2);
    uint8_t part[64];
    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (bytes > INT32_MAX)
        bytes = INT32_MAX; /* as Linux does */
    if (bytes && !user_range(to, bytes))
        return -EFAULT;
    for (uint64_t at = 0; at < bytes; at += sizeof part) {
        size_t part_bytes = bytes - at < sizeof part ? (size_t)(bytes - at) : sizeof part;
        random_fill(part, part_bytes);
        if (user_write(to + at, part, part_bytes) != 0)
            return -EFAULT;
    }
    return (int64_t)bytes;
}

int64_t linux_uname(struct frame *frame)
{
    struct new_utsname name = {
        .sysname = "Linux",
        .release = "6.1.0-mayfly",
        .version = "#1 mayfly library OS",
        .machine = "x86_64",
        .domainname = "(none)",
    };
    const char *function = boot_environment(MF_ENV_FUNCTION);
    if (!function)
        function = "function";
    size_t bytes = strlen(function);
    memcpy(name.nodename, function, bytes < __NEW_UTS_LEN ? bytes : __NEW_UTS_LEN);
    return user_write(frame_argument(frame, 0), &name, sizeof name);
}

int64_t linux_sysinfo(struct frame *frame)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    struct sysinfo info = {
        .uptime = (int64_t)((time_monotonic() - clock_of_host(boot_page()->monotonic_ns)) / NS_PER_S),
        .totalram = total,
        .freeram = total - used,
        .procs = 1,
        .mem_unit = 1,
    };
    return user_write(frame_argument(frame, 0), &info, sizeof info);
}

int64_t linux_getrusage(struct frame *frame)
{
    int32_t who = (int32_t)frame_argument(frame, 0);
    struct rusage usage = {0};
    uint64_t used, total;
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return -EINVAL;
    if (who != RUSAGE_CHILDREN) { /* there are none */
        uint64_t ns = who == RUSAGE_SELF ? usage_of_process() : usage_of_thread();
        memory_usage(&used, &total);
        usage.ru_utime.tv_sec = (int64_t)(ns / NS_PER_S);
        usage.ru_utime.tv_usec = (int64_t)(ns % NS_PER_S / NS_PER_US);
        usage.ru_maxrss = (int64_t)(used / 1024);
    }
    return user_write(frame_argument(frame, 1), &usage, sizeof usage);
}

int process_limit_first(uint64_t resource, struct rlimit64 *limit)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    *limit = (struct rlimit64){.rlim_cur = RLIM64_INFINITY, .rlim_max = RLIM64_INFINITY};
    switch ((uint32_t)resource) {
    case RLIMIT_STACK:
        limit->rlim_cur = limit->rlim_max = memory_stack_bytes();
        break;
    case RLIMIT_AS:
    case RLIMIT_DATA:
        limit->rlim_cur = limit->rlim_max = total;
        break;
    case RLIMIT_NOFILE:
        limit->rlim_cur = limit->rlim_max = process_descriptors_max;
        break;
    case RLIMIT_CORE:
    case RLIMIT_NPROC:
        limit->rlim_cur = limit->rlim_max = 0;
        break;
    default:
        if ((uint32_t)resource >= RLIM_NLIMITS)
            return -EINVAL;
    }
    return 0;
}

int64_t linux_getrlimit(struct frame *frame)
{
    struct rlimit64 limit;
    int error = process_limit(frame_argument(frame, 0), &limit);
    return error ? error : user_write(frame_argument(frame, 1), &limit, sizeof limit);
}
