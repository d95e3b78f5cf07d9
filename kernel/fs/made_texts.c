/*
 * made_texts.c: see made_texts.h and proc(5): as much of each as runtimes read.
 * Guarantees: nothing of the node's or the host's is told but what the program could find out by
 * itself. Owns nothing.
 */
#include "kernel/fs/made_texts.h"

#include "abi/program.h"
#include "kernel/core/boot.h"
#include "kernel/core/clock.h"
#include "kernel/core/memory.h"
#include "kernel/core/random.h"
#include "kernel/core/space.h"
#include "kernel/core/start.h"
#include "kernel/core/string.h"
#include "kernel/file/limits.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/time.h"
#include "kernel/socket/lookup.h"
#include "kernel/task/task.h"
#include "kernel/x86_64/cpu.h"

#define NS_PER_S 1000000000ull
#define NS_PER_TICK (NS_PER_S / START_CLOCK_TICKS)
#define BRAND_LEAF 0x80000002u /* Intel SDM volume 2, CPUID: three leaves of 16 bytes */
#define BRAND_LEAVES 3u
#define ID_BYTES 16u

static const char *function_name(void)
{
    const char *name = boot_environment(MF_ENV_FUNCTION);
    return name ? name : "function";
}

void text_host_name(struct sheet *sheet)
{
    sheet_add(sheet, function_name());
    sheet_add(sheet, "\n");
}

void text_hosts(struct sheet *sheet)
{
    sheet_add(sheet, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
                     LOOKUP_HOST_TEXT "\t" LOOKUP_HOST_NAME "\n127.0.0.1\t");
    text_host_name(sheet);
}

void text_process(struct sheet *sheet)
{
    sheet_decimal(sheet, (uint64_t)identity_pid());
}

void text_program(struct sheet *sheet)
{
    const char *path = boot_environment(MF_ENV_PROGRAM);
    if (!path || *path != '/') {
        sheet_add(sheet, "/");
        path = path ? path : function_name();
    }
    sheet_add(sheet, path);
}

void text_command(struct sheet *sheet)
{
    sheet_add(sheet, task_first->name);
    sheet_add(sheet, "\n");
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

void text_command_line(struct sheet *sheet)
{
    const char *program = boot_environment(MF_ENV_PROGRAM);
    sheet_add(sheet, program ? program : function_name());
    sheet_bytes(sheet, "", 1);
    strings(sheet, true);
}

void text_environment(struct sheet *sheet)
{
    strings(sheet, false);
}

static const char *region_name(const struct region *region)
{
    switch ((enum region_kind)region->kind) {
    case REGION_STACK:
        return "[stack]";
    case REGION_HEAP:
        return "[heap]";
    default:
        return NULL;
    }
}

void text_maps(struct sheet *sheet)
{
    for (uint32_t i = 0; i < space.regions.count; i++) {
        const struct region *region = &space.regions.region[i];
        if (region->kind == REGION_SPARE || region->kind == REGION_GUARD ||
            region->kind == REGION_KERNEL)
            continue;
        sheet_hex(sheet, address_of(region->start), 8);
        sheet_add(sheet, "-");
        sheet_hex(sheet, address_of(region->end), 8);
        sheet_add(sheet, region->prot & MF_PROT_READ ? " r" : " -");
        sheet_add(sheet, region->prot & MF_PROT_WRITE ? "w" : "-");
        sheet_add(sheet, region->prot & REGION_EXECUTE ? "xp " : "-p ");
        sheet_add(sheet, "00000000 00:00 0 ");
        if (region->kind == REGION_PROGRAM) {
            sheet_add(sheet, " ");
            text_program(sheet);
        } else if (region_name(region)) {
            sheet_add(sheet, " ");
            sheet_add(sheet, region_name(region));
        }
        sheet_add(sheet, "\n");
    }
}

/* So many numbers that are not known. */
static void zeros(struct sheet *sheet, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sheet_add(sheet, " 0");
}

void text_process_stat(struct sheet *sheet)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    text_process(sheet);
    sheet_add(sheet, " (");
    sheet_add(sheet, task_first->name);
    sheet_add(sheet, ") R 1"); /* its parent */
    sheet_add(sheet, " 0 0 0 -1");
    zeros(sheet, 9); /* flags, faults, times */
    zeros(sheet, 2);
    sheet_add(sheet, " 20 0 "); /* priority, nice */
    sheet_decimal(sheet, task_count());
    zeros(sheet, 2);
    sheet_add(sheet, " ");
    sheet_decimal(sheet, used);
    sheet_add(sheet, " ");
    sheet_decimal(sheet, used / MF_PAGE_BYTES);
    sheet_add(sheet, " 18446744073709551615");
    zeros(sheet, 27);
    sheet_add(sheet, "\n");
}

static void line_kib(struct sheet *sheet, const char *what, uint64_t bytes)
{
    sheet_add(sheet, what);
    sheet_decimal(sheet, bytes >> 10);
    sheet_add(sheet, " kB\n");
}

static void line_number(struct sheet *sheet, const char *what, uint64_t number)
{
    sheet_add(sheet, what);
    sheet_decimal(sheet, number);
    sheet_add(sheet, "\n");
}

void text_status(struct sheet *sheet)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    sheet_add(sheet, "Name:\t");
    sheet_add(sheet, task_first->name);
    sheet_add(sheet, "\nUmask:\t0022\nState:\tR (running)\n");
    line_number(sheet, "Tgid:\t", (uint64_t)identity_pid());
    line_number(sheet, "Ngid:\t", 0);
    line_number(sheet, "Pid:\t", (uint64_t)identity_pid());
    line_number(sheet, "PPid:\t", IDENTITY_PARENT);
    sheet_add(sheet, "TracerPid:\t0\nUid:\t65534\t65534\t65534\t65534\n"
                     "Gid:\t65534\t65534\t65534\t65534\n");
    line_number(sheet, "FDSize:\t", DESCRIPTORS_FIRST);
    sheet_add(sheet, "Groups:\t\n");
    line_kib(sheet, "VmPeak:\t", used);
    line_kib(sheet, "VmSize:\t", used);
    line_kib(sheet, "VmHWM:\t", used);
    line_kib(sheet, "VmRSS:\t", used);
    line_number(sheet, "Threads:\t", task_count());
    sheet_add(sheet, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                     "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n"
                     "Seccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"
                     "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
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

static void limit(struct sheet *sheet, const char *what, uint64_t value, const char *unit)
{
    static const char blanks[] = "                          ";
    size_t before = sheet->bytes;
    sheet_add(sheet, what);
    for (unsigned i = 0; i < 2; i++) {
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
    uint64_t used, total;
    memory_usage(&used, &total);
    sheet_add(sheet, "Limit                     Soft Limit           Hard Limit           Units     \n");
    limit(sheet, "Max cpu time", UINT64_MAX, "seconds");
    limit(sheet, "Max file size", UINT64_MAX, "bytes");
    limit(sheet, "Max data size", total, "bytes");
    limit(sheet, "Max stack size", memory_stack_bytes(), "bytes");
    limit(sheet, "Max core file size", 0, "bytes");
    limit(sheet, "Max open files", DESCRIPTORS_MAX, "files");
    limit(sheet, "Max address space", total, "bytes");
}

void text_mount_information(struct sheet *sheet)
{
    sheet_add(sheet, "1 1 0:16 / / ro - squashfs mayfly ro\n"
                     "2 1 0:17 / /proc rw - proc proc rw\n"
                     "3 1 0:32 / /tmp rw - tmpfs tmpfs rw\n"
                     "4 1 0:32 / /run rw - tmpfs tmpfs rw\n"
                     "5 1 0:32 / /dev/shm rw - tmpfs tmpfs rw\n");
}

void text_memory(struct sheet *sheet)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    line_kib(sheet, "MemTotal:       ", total);
    line_kib(sheet, "MemFree:        ", total - used);
    line_kib(sheet, "MemAvailable:   ", total - used);
    line_kib(sheet, "Buffers:        ", 0);
    line_kib(sheet, "Cached:         ", 0);
    line_kib(sheet, "SwapCached:     ", 0);
    line_kib(sheet, "Shmem:          ", 0);
    line_kib(sheet, "SReclaimable:   ", 0);
    line_kib(sheet, "SwapTotal:      ", 0);
    line_kib(sheet, "SwapFree:       ", 0);
    sheet_add(sheet, "HugePages_Total:       0\nHugePages_Free:        0\n");
    line_kib(sheet, "Hugepagesize:   ", 2 << 20);
}

static void brand(struct sheet *sheet)
{
    if (cpu_id(0x80000000u, 0).eax < BRAND_LEAF + BRAND_LEAVES - 1) {
        sheet_add(sheet, "x86-64");
        return;
    }
    for (uint32_t i = 0; i < BRAND_LEAVES; i++) {
        struct cpu_id id = cpu_id(BRAND_LEAF + i, 0);
        const char *text = (const char *)&id;
        for (size_t k = 0; k < sizeof id && text[k]; k++)
            sheet_bytes(sheet, &text[k], 1);
    }
}

void text_processor(struct sheet *sheet)
{
    struct cpu_id vendor = cpu_id(0, 0), version = cpu_id(1, 0);
    const uint32_t name[] = {vendor.ebx, vendor.edx, vendor.ecx};
    uint32_t family = version.eax >> 8 & 15, model = version.eax >> 4 & 15;
    if (family == 6 || family == 15) /* Intel SDM volume 2, CPUID, leaf 1 */
        model |= version.eax >> 12 & 0xf0;
    if (family == 15)
        family += version.eax >> 20 & 0xff;
    line_number(sheet, "processor\t: ", 0);
    sheet_add(sheet, "vendor_id\t: ");
    sheet_bytes(sheet, name, sizeof name);
    line_number(sheet, "\ncpu family\t: ", family);
    line_number(sheet, "model\t\t: ", model);
    sheet_add(sheet, "model name\t: ");
    brand(sheet);
    line_number(sheet, "\nstepping\t: ", version.eax & 15);
    sheet_add(sheet, "cpu MHz\t\t: 0.000\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\n"
                     "cpu cores\t: 1\nfpu\t\t: yes\n"
                     "flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm\n\n");
}

static uint64_t up_ns(void)
{
    return time_monotonic() - clock_of_host(boot_page()->monotonic_ns);
}

void text_machine_stat(struct sheet *sheet)
{
    uint64_t ticks = up_ns() / NS_PER_TICK;
    static const char *const lines[] = {"cpu  ", "cpu0 "};
    for (unsigned i = 0; i < 2; i++) {
        sheet_add(sheet, lines[i]);
        sheet_decimal(sheet, ticks);
        zeros(sheet, 9);
        sheet_add(sheet, "\n");
    }
    sheet_add(sheet, "intr 0\nctxt 0\n");
    line_number(sheet, "btime ", boot_page()->realtime_ns / NS_PER_S);
    sheet_add(sheet, "processes 1\nprocs_running 1\nprocs_blocked 0\n");
}

void text_uptime(struct sheet *sheet)
{
    uint64_t hundredths = up_ns() / (NS_PER_S / 100);
    sheet_decimal(sheet, hundredths / 100);
    sheet_add(sheet, ".");
    sheet_decimal(sheet, hundredths / 10 % 10);
    sheet_decimal(sheet, hundredths % 10);
    sheet_add(sheet, " 0.00\n");
}

/* A random UUID, RFC 4122, 4.4. */
void text_random_id(struct sheet *sheet)
{
    uint8_t id[ID_BYTES];
    random_fill(id, sizeof id);
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < sizeof id; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            sheet_add(sheet, "-");
        sheet_hex(sheet, id[i], 2);
    }
    sheet_add(sheet, "\n");
}

/* Version 2: an empty block of version 1, then one of 64-bit times, and a rule. Each has one type of
 * local time, with no offset, and its name. */
void text_utc(struct sheet *sheet)
{
    static const char head[20] = "TZif2";
    static const uint8_t counts[24] = {[19] = 1, [23] = 4}; /* types, bytes of names */
    static const uint8_t type[6] = {0};
    for (unsigned i = 0; i < 2; i++) {
        sheet_bytes(sheet, head, sizeof head);
        sheet_bytes(sheet, counts, sizeof counts);
        sheet_bytes(sheet, type, sizeof type);
        sheet_bytes(sheet, "UTC", 4);
    }
    sheet_add(sheet, "\nUTC0\n");
}
