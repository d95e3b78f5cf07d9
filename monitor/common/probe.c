/* probe.c: a guest of one page in a memory file. */
#include "monitor/common/probe.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/channel.h"

extern const char probe_guest[], probe_guest_end[], probe_guest_syscall[], probe_guest_exception[];

/* A file with the guest's page at offset 0. */
static mf_err guest_file(int *fd, struct mf_why *why)
{
    size_t bytes = (size_t)(probe_guest_end - probe_guest);
    *fd = memfd_create("mayfly-probe", MFD_CLOEXEC);
    if (*fd < 0 || write(*fd, probe_guest, bytes) != (ssize_t)bytes)
        return mf_why(why, MF_EIO, "cannot make a memory file: %s", strerror(errno));
    return MF_OK;
}

static uint64_t loaded(const char *label)
{
    return MF_KERNEL_BASE + (uint64_t)(label - probe_guest);
}

mf_err probe_start(struct monitor_start *start, struct mf_why *why)
{
    const uint64_t stack = MF_KERNEL_BASE + MF_PAGE_BYTES;
    *start = (struct monitor_start){
        .image_fd = -1,
        .snapshot_fd = -1,
        .pagemap_fd = -1,
        .image =
            {
                .info =
                    {
                        .kernel_entry = loaded(probe_guest),
                        .kernel_syscall = loaded(probe_guest_syscall),
                        .kernel_exception = loaded(probe_guest_exception),
                        .trap_stack_top = stack + MF_PAGE_BYTES,
                        .program_end = MF_PROGRAM_BASE,
                    },
                .segment = {{.address = MF_KERNEL_BASE,
                             .memory_bytes = MF_PAGE_BYTES,
                             .file_bytes = MF_PAGE_BYTES,
                             .flags = PF_R | PF_X},
                            {.address = stack,
                             .memory_bytes = MF_PAGE_BYTES,
                             .flags = PF_R | PF_W}},
                .segment_count = 2,
            },
        .window_bytes = MF_WINDOW_DEFAULT,
        .channel_base = MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES,
    };
    return guest_file(&start->image_fd, why);
}
