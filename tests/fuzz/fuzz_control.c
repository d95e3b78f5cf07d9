/*
 * fuzz_control.c: a program's ancillary data (kernel/linux/control.h): each input is what stands beside a message, its
 * first byte how much room there is for it where it is received. No expectation but: no crash, what is received is well
 * formed and within its room, and nothing is left open or allocated at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/boot.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/limits.h"
#include "kernel/linux/control.h"
#include "kernel/socket/limits.h"
#include "tests/unit/kernel_stubs.h"
#include "tests/unit/socket_rig.h"

#define MUST(fact) ((fact) ? (void)0 : abort())
#define HEAD_BYTES 16u

static uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    for (uint32_t fd = descriptor_next(0); fd < DESCRIPTORS_MAX; fd = descriptor_next(fd + 1))
        count++;
    return count;
}

static void check(const uint8_t *beside, uint64_t used, uint64_t room, bool cut)
{
    uint64_t bytes;
    MUST(used <= room);
    for (uint64_t at = 0; used - at >= HEAD_BYTES && at < used; at += (bytes + 7) & ~7ull) {
        memcpy(&bytes, beside + at, sizeof bytes);
        MUST(bytes >= HEAD_BYTES && (bytes <= used - at || cut));
    }
}

static void receive(struct socket *socket, uint64_t room)
{
    static uint8_t beside[SOCKET_CONTROL_BYTES_MAX];
    const struct control control = {(uintptr_t)beside, room};
    struct rights *rights;
    struct io io;
    uint32_t flags = 0;
    char byte;
    bool cut;
    io_kernel(&io, &byte, 1);
    MUST(socket_receive(socket, &io, &flags, NULL, &rights) == 1);
    check(beside, control_write(socket, &control, rights, false, &cut), room, cut);
}

/* The boot page, and a table of descriptors that needs to grow no more: its bytes. */
static size_t boot(void)
{
    static size_t table_bytes;
    struct socket *socket;
    if (table_bytes)
        return table_bytes;
    MUST(mmap((void *)MF_BOOT_BASE, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
              -1, 0) == (void *)MF_BOOT_BASE);
    MUST(socket_create(FAMILY_UNIX, SOCKET_STREAM, 0, 0, &socket) == 0);
    MUST(descriptor_add(&socket->file, false, 2 * RIGHTS_MAX) == 2 * RIGHTS_MAX);
    MUST(descriptor_close(2 * RIGHTS_MAX) == 0);
    table_bytes = stub_heap_used;
    return table_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct socket *pair[2];
    struct rights *rights = NULL;
    if (bytes == 0)
        return 0;
    const size_t table_bytes = boot();
    MUST(socket_pair(FAMILY_UNIX, bytes % 2 ? SOCKET_STREAM : SOCKET_PACKETS, 0, 0, pair) == 0);
    int64_t ends[2] = {descriptor_add(&pair[0]->file, false, 0), descriptor_add(&pair[1]->file, false, 0)};
    uint8_t *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    const struct control control = {(uintptr_t)copy + 1, bytes - 1};
    pair[1]->options.value[OPTION_PASSCRED] = data[0] & 1;
    int error = control_read(pair[0], &control, &rights);
    MUST(error == 0 || !rights);
    struct io io;
    io_kernel(&io, copy, 1);
    if (!error) {
        MUST(socket_send(pair[0], &io, NULL, &rights) == 1);
        MUST(!rights);
        if (data[0] & 2)
            receive(pair[1], data[0] * 8u);
    }
    free(copy);
    for (uint32_t fd = descriptor_next(2); fd < DESCRIPTORS_MAX; fd = descriptor_next(fd + 1))
        (void)descriptor_close(fd);
    (void)descriptor_close((uint64_t)ends[0]);
    (void)descriptor_close((uint64_t)ends[1]);
    MUST(open_descriptors() == 0 && stub_heap_used == table_bytes);
    return 0;
}
