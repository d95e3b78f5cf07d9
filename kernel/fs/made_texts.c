/*
 * made_texts.c: see made_texts.h and proc(5): as much of each as runtimes read; process_texts.c has the rest.
 * Guarantees: nothing of the node's or the host's is told but what the program could find out by
 * itself. Owns nothing.
 */
#include "kernel/fs/made_texts.h"

#include "abi/program.h"
#include "kernel/core/boot.h"
#include "kernel/core/clock.h"
#include "kernel/core/memory.h"
#include "kernel/core/random.h"
#include "kernel/core/start.h"
#include "kernel/core/string.h"
#include "kernel/linux/time.h"
#include "kernel/socket/lookup.h"
#include "kernel/x86_64/cpu.h"

#define NS_PER_S 1000000000ull
#define NS_PER_TICK (NS_PER_S / START_CLOCK_TICKS)
#define BRAND_LEAF 0x80000002u /* Intel SDM volume 2, CPUID: three leaves of 16 bytes */
#define BRAND_LEAVES 3u
#define ID_BYTES 16u

const char *text_function(void)
{
    const char *name = boot_environment(MF_ENV_FUNCTION);
    return name ? name : "function";
}

void text_host_name(struct sheet *sheet)
{
    sheet_add(sheet, text_function());
    sheet_add(sheet, "\n");
}

void text_hosts(struct sheet *sheet)
{
    sheet_add(sheet, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
                     LOOKUP_HOST_TEXT "\t" LOOKUP_HOST_NAME "\n127.0.0.1\t");
    text_host_name(sheet);
}

void text_memory(struct sheet *sheet)
{
    uint64_t used, total;
    memory_usage(&used, &total);
    sheet_line_kib(sheet, "MemTotal:       ", total);
    sheet_line_kib(sheet, "MemFree:        ", total - used);
    sheet_line_kib(sheet, "MemAvailable:   ", total - used);
    sheet_line_kib(sheet, "Buffers:        ", 0);
    sheet_line_kib(sheet, "Cached:         ", 0);
    sheet_line_kib(sheet, "SwapCached:     ", 0);
    sheet_line_kib(sheet, "Shmem:          ", 0);
    sheet_line_kib(sheet, "SReclaimable:   ", 0);
    sheet_line_kib(sheet, "SwapTotal:      ", 0);
    sheet_line_kib(sheet, "SwapFree:       ", 0);
    sheet_add(sheet, "HugePages_Total:       0\nHugePages_Free:        0\n");
    sheet_line_kib(sheet, "Hugepagesize:   ", 2 << 20);
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
    sheet_line(sheet, "processor\t: ", 0);
    sheet_add(sheet, "vendor_id\t: ");
    sheet_bytes(sheet, name, sizeof name);
    sheet_line(sheet, "\ncpu family\t: ", family);
    sheet_line(sheet, "model\t\t: ", model);
    sheet_add(sheet, "model name\t: ");
    brand(sheet);
    sheet_line(sheet, "\nstepping\t: ", version.eax & 15);
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
        sheet_zeros(sheet, 9);
        sheet_add(sheet, "\n");
    }
    sheet_add(sheet, "intr 0\nctxt 0\n");
    sheet_line(sheet, "btime ", boot_page()->realtime_ns / NS_PER_S);
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
