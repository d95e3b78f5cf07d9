/*
 * process_texts.c: see process_texts.h and proc(5): as much of each as runtimes read.
 * Guarantees: nothing of the node's or the host's is told but what the program could find out by
 * itself. Owns nothing.
 */
#include "kernel/fs/process_texts.h"

#include <asm/errno.h>

#include "abi/program.h"
#include "kernel/core/boot.h"
#include "kernel/core/memory.h"
#include "kernel/core/start.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/file/limits.h"
#include "kernel/fs/made_texts.h"
#include "kernel/linux/files/exec.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/process.h"
#include "kernel/linux/usage.h"
#include "kernel/task/task.h"

#define PART_BYTES 256u
#define NS_PER_TICK (1000000000ull / START_CLOCK_TICKS)

/* The process's first thread; when it has ended, another one. */
static struct task *first_task(void)
{
    struct task *task = task_find(identity_pid());
    return task ? task : task_first;
}

bool process_has_task(uint32_t number)
{
    const struct task *task = task_find(number);
    return task && (uint32_t)task_tid(task) == number;
}

uint32_t process_next_task(uint32_t number)
{
    uint32_t lowest = UINT32_MAX;
    for (const struct task *task = task_first; task; task = task->next) {
        const uint32_t tid = (uint32_t)task_tid(task);
        if (tid >= number && tid < lowest)
            lowest = tid;
    }
    return lowest;
}

int64_t process_name_task(uint32_t number, struct io *io)
{
    struct task *task = number ? task_find(number) : first_task();
    char name[TASK_NAME_BYTES] = "";
    const uint64_t all = io->bytes;
    if (!task)
        return -ESRCH;
    if (io_get(io, name, all < sizeof name ? all : sizeof name - 1) != 0)
        return -EFAULT;
    memcpy(task->name, name, sizeof name);
    return (int64_t)all;
}

void text_process(struct sheet *sheet)
{
    sheet_decimal(sheet, (uint64_t)identity_pid());
}

void text_thread(struct sheet *sheet)
{
    text_process(sheet);
    sheet_add(sheet, "/task/");
    sheet_decimal(sheet, (uint64_t)task_tid(task_current ? task_current : first_task()));
}

void text_program(struct sheet *sheet)
{
    if (exec_now.path) {
        sheet_add(sheet, exec_now.path);
        return;
    }
    const char *path = boot_environment(MF_ENV_PROGRAM);
    if (!path || *path != '/') {
        sheet_add(sheet, "/");
        path = path ? path : text_function();
    }
    sheet_add(sheet, path);
}

static void write_name(struct sheet *sheet, const struct task *task)
{
    sheet_add(sheet, task->name);
    sheet_add(sheet, "\n");
}

void text_command(struct sheet *sheet)
{
    write_name(sheet, first_task());
}

void text_task_name(struct sheet *sheet, uint32_t number)
{
    write_name(sheet, task_find(number));
}

/* Of the strings of the boot page: the arguments, or the others. */
static void strings(struct sheet *sheet, bool arguments)
{
    static const char prefix[] = MF_ENV_ARGUMENT "=";
    const struct mf_boot *boot = boot_page();
    const char *text = (const char *)boot + boot->env_offset;
    for (uint32_t i = 0; i < boot->env_count; i++) {
        size_t bytes = strlen(text) + 1, skip = sizeof prefix - 1;
        bool is_argument = bytes > skip && memcmp(text, prefix, skip) == 0;
        if (is_argument == arguments)
            sheet_bytes(sheet, text + (arguments ? skip : 0), bytes - (arguments ? skip : 0));
        text += bytes;
    }
}

/* What the program has there; what is not there any more is left out. */
static void user_bytes(struct sheet *sheet, uint64_t from, uint64_t end)
{
    char part[PART_BYTES];
    for (uint64_t bytes; from < end; from += bytes) {
        bytes = end - from < sizeof part ? end - from : sizeof part;
        if (user_read(part, from, bytes) != 0)
            return;
        sheet_bytes(sheet, part, bytes);
    }
}

void text_command_line(struct sheet *sheet)
{
    if (exec_now.path) {
        user_bytes(sheet, exec_now.arguments_at, exec_now.variables_at);
        return;
    }
    const char *program = boot_environment(MF_ENV_PROGRAM);
    sheet_add(sheet, program ? program : text_function());
    sheet_bytes(sheet, "", 1);
    strings(sheet, true);
}

void text_environment(struct sheet *sheet)
{
    if (exec_now.path)
        user_bytes(sheet, exec_now.variables_at, exec_now.end_at);
    else
        strings(sheet, false);
}

static bool runs(const struct task *task)
{
    return task == task_current || task->state == TASK_RUNS;
}

static void write_stat(struct sheet *sheet, const struct task *task, uint64_t used_ns)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    sheet_decimal(sheet, (uint64_t)task_tid(task));
    sheet_add(sheet, " (");
    sheet_add(sheet, task->name);
    sheet_add(sheet, runs(task) ? ") R 1 " : ") S 1 "); /* its parent; group, session */
    text_process(sheet);
    sheet_add(sheet, " ");
    text_process(sheet);
    sheet_add(sheet, " 0 -1");
    sheet_zeros(sheet, 5); /* flags, faults */
    sheet_add(sheet, " ");
    sheet_decimal(sheet, used_ns / NS_PER_TICK);
    sheet_zeros(sheet, 3); /* times of the kernel, of children */
    sheet_add(sheet, " 20 0 "); /* priority, nice */
    sheet_decimal(sheet, task_count());
    sheet_zeros(sheet, 2);
    sheet_add(sheet, " ");
    sheet_decimal(sheet, used);
    sheet_add(sheet, " ");
    sheet_decimal(sheet, used / MF_PAGE_BYTES);
    sheet_add(sheet, " 18446744073709551615");
    sheet_zeros(sheet, 27);
    sheet_add(sheet, "\n");
}

void text_process_stat(struct sheet *sheet)
{
    write_stat(sheet, first_task(), usage_of_process());
}

void text_task_stat(struct sheet *sheet, uint32_t number)
{
    const struct task *task = task_find(number);
    write_stat(sheet, task, task == task_current ? usage_of_thread() : task->used_ns);
}

static void write_status(struct sheet *sheet, const struct task *task)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    sheet_add(sheet, "Name:\t");
    sheet_add(sheet, task->name);
    sheet_add(sheet, "\nUmask:\t0022\nState:\t");
    sheet_add(sheet, runs(task) ? "R (running)\n" : "S (sleeping)\n");
    sheet_line(sheet, "Tgid:\t", (uint64_t)identity_pid());
    sheet_line(sheet, "Ngid:\t", 0);
    sheet_line(sheet, "Pid:\t", (uint64_t)task_tid(task));
    sheet_line(sheet, "PPid:\t", IDENTITY_PARENT);
    sheet_add(sheet, "TracerPid:\t0\nUid:\t65534\t65534\t65534\t65534\n"
                     "Gid:\t65534\t65534\t65534\t65534\n");
    sheet_line(sheet, "FDSize:\t", DESCRIPTORS_FIRST);
    sheet_add(sheet, "Groups:\t\n");
    sheet_line_kib(sheet, "VmPeak:\t", used);
    sheet_line_kib(sheet, "VmSize:\t", used);
    sheet_line_kib(sheet, "VmHWM:\t", used);
    sheet_line_kib(sheet, "VmRSS:\t", used);
    sheet_line(sheet, "Threads:\t", task_count());
    sheet_add(sheet, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                     "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n"
                     "Seccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"
                     "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
}

void text_status(struct sheet *sheet)
{
    write_status(sheet, first_task());
}

void text_task_status(struct sheet *sheet, uint32_t number)
{
    write_status(sheet, task_find(number));
}

void text_statm(struct sheet *sheet)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    sheet_decimal(sheet, used / MF_PAGE_BYTES);
    sheet_add(sheet, " ");
    sheet_decimal(sheet, used / MF_PAGE_BYTES);
    sheet_add(sheet, " 0 0 0 0 0\n");
}

static void limit(struct sheet *sheet, const char *what, uint32_t resource, const char *unit)
{
    struct rlimit64 is = {0};
    static const char blanks[] = "                          ";
    size_t before = sheet->bytes;
    (void)process_limit(resource, &is);
    sheet_add(sheet, what);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t value = i ? is.rlim_max : is.rlim_cur;
        size_t width = 26 + 21 * i;
        if (sheet->bytes - before < width)
            sheet_bytes(sheet, blanks, width - (sheet->bytes - before));
        if (value == UINT64_MAX)
            sheet_add(sheet, "unlimited");
        else
            sheet_decimal(sheet, value);
    }
    if (sheet->bytes - before < 68)
        sheet_bytes(sheet, blanks, 68 - (sheet->bytes - before));
    sheet_add(sheet, unit);
    sheet_add(sheet, "\n");
}

void text_limits(struct sheet *sheet)
{
    sheet_add(sheet, "Limit                     Soft Limit           Hard Limit           Units     \n");
    limit(sheet, "Max cpu time", RLIMIT_CPU, "seconds");
    limit(sheet, "Max file size", RLIMIT_FSIZE, "bytes");
    limit(sheet, "Max data size", RLIMIT_DATA, "bytes");
    limit(sheet, "Max stack size", RLIMIT_STACK, "bytes");
    limit(sheet, "Max core file size", RLIMIT_CORE, "bytes");
    limit(sheet, "Max open files", RLIMIT_NOFILE, "files");
    limit(sheet, "Max address space", RLIMIT_AS, "bytes");
}

void text_mount_information(struct sheet *sheet)
{
    sheet_add(sheet, "1 1 0:16 / / ro - squashfs mayfly ro\n"
                     "2 1 0:17 / /proc rw - proc proc rw\n"
                     "3 1 0:32 / /tmp rw - tmpfs tmpfs rw\n"
                     "4 1 0:32 / /run rw - tmpfs tmpfs rw\n"
                     "5 1 0:32 / /dev/shm rw - tmpfs tmpfs rw\n");
}
