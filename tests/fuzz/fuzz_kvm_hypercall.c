/*
 * fuzz_kvm_hypercall.c: a guest that makes hypercall after hypercall under the KVM
 * monitor, decoded and acted upon without a VM. Whatever it asks for, it must not reach
 * its gate, its boot page, the channel's place or memory past the window, and nothing
 * becomes executable, with jit nothing of the kernel.
 * Input: records of a number, whose highest bit says whether the guest has jit, an address and a
 * struct's bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/channel.h"
#include "monitor/kvm/cpu.h"
#include "monitor/kvm/hypercall.h"
#include "monitor/kvm/pagetable.h"

#define WINDOW MF_WINDOW_MIN
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define RECORDS_MAX 64u

struct record {
    uint32_t number;
    uint32_t address;
    uint8_t bytes[24];
};

static struct memory memory;
/* What of the window is a file's. */
static const struct image image = {
    .segment = {{.address = MF_PROGRAM_BASE, .memory_bytes = 4 * MF_PAGE_BYTES, .file_bytes = 4 * MF_PAGE_BYTES}},
    .segment_count = 1,
};

static void setup(void)
{
    struct mf_why why;
    int channel = memfd_create("channel", MFD_CLOEXEC);
    if (channel < 0 || ftruncate(channel, MF_CHANNEL_BYTES) ||
        memory_open(&memory, MF_WINDOW_DEFAULT, channel, &why))
        abort();
    memory.window_bytes = WINDOW;
    memory.channel_base = CHANNEL;
    memory.content.image = &image;
}

static void check_walls(void)
{
    if (pagetable_allows(memory.cpu, MF_GATE_BASE, 1, false) ||
        pagetable_allows(memory.cpu, MF_BOOT_BASE, 1, true) ||
        pagetable_allows(memory.cpu, WINDOW, 1, false) ||
        pagetable_allows(memory.cpu, MF_KERNEL_BASE - 1, 1, false) ||
        !pagetable_allows(memory.cpu, CHANNEL, MF_CHANNEL_BYTES, true))
        abort();
}

static void serve(const struct record *record)
{
    static struct kvm_run run; /* of no processor: a base is refused after all checks */
    const struct cpu cpu = {.fd = -1, .run = &run};
    const struct hypercall_host host = {.memory = &memory, .cpu = &cpu, .console = -1};
    struct hypercall call;
    if (record->address < WINDOW - sizeof record->bytes &&
        pagetable_allows(memory.cpu, record->address, sizeof record->bytes, true))
        memcpy(memory.window + record->address, record->bytes, sizeof record->bytes);
    if (!hypercall_decode(&memory, record->number, record->address, &call))
        return;
    if (call.number == MF_HC_protect && !call.refused && call.protect.prot & MF_PROT_EXECUTE &&
        (!memory.jit || call.protect.address < MF_PROGRAM_BASE))
        abort();
    if (call.number == MF_HC_halt || call.number == MF_HC_fault || call.number == MF_HC_wait)
        return; /* they end or sleep */
    hypercall_act(&host, &call);
    hypercall_answer(&memory, &call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct record record;
    if (!memory.window)
        setup();
    (void)pagetable_set(memory.cpu, MF_KERNEL_BASE, CHANNEL, PAGE_NONE);
    (void)pagetable_set(memory.cpu, MF_KERNEL_BASE, MF_KERNEL_BASE + 4 * MF_PAGE_BYTES,
                        PAGE_READ_WRITE);
    (void)pagetable_set(memory.cpu, CHANNEL, WINDOW, PAGE_READ_WRITE);
    for (uint32_t i = 0; i < RECORDS_MAX && bytes >= sizeof record; i++) {
        memcpy(&record, data, sizeof record);
        data += sizeof record;
        bytes -= sizeof record;
        memory.jit = record.number >> 31;
        record.number %= MF_HYPERCALL_COUNT + 1;
        serve(&record);
        check_walls();
    }
    return 0;
}
