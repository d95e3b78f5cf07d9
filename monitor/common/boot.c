/* boot.c: everything in the boot page comes from the node, the image's checked info, or the host. */
#include "monitor/common/boot.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "abi/boot.h"
#include "base/clock.h"

/* Below: how often this instance was rolled back. */
#define GENERATION_SHIFT 32

_Static_assert(sizeof(struct mf_boot) + MF_START_ENV_MAX <= MF_BOOT_BYTES,
               "the largest environment fits behind the struct");

static mf_err fill_seed(uint8_t seed[MF_BOOT_SEED_BYTES], struct mf_why *why)
{
    if (getrandom(seed, MF_BOOT_SEED_BYTES, 0) == (ssize_t)MF_BOOT_SEED_BYTES)
        return MF_OK;
    return mf_why(why, MF_EIO, "no random bytes for the guest's seed: %s", strerror(errno));
}

mf_err boot_renew(void *area, struct mf_why *why)
{
    struct mf_boot *boot = area;
    boot->generation++;
    return fill_seed(boot->seed, why);
}

void boot_stamp(void *area, const struct boot_host *host)
{
    struct mf_boot *boot = area;
    const struct tsc_moment now = host->since.counter ? tsc_moment() : (struct tsc_moment){0};
    boot->monotonic_ns = now.counter ? now.monotonic_ns : mf_monotonic_ns();
    boot->realtime_ns = now.counter ? now.monotonic_ns + now.apart_ns : mf_realtime_ns();
    boot->tsc_scale = tsc_scale(&host->since, &now);
    boot->tsc = host->same_counter && boot->tsc_scale ? now.counter : 0;
}

mf_err boot_fill(void *area, const struct monitor_start *start, const struct boot_host *host,
                 struct mf_why *why)
{
    mf_assert(start->env_bytes <= MF_START_ENV_MAX);
    const struct mf_image_info *info = &start->image.info;
    struct mf_boot boot = {
        .magic = MF_BOOT_MAGIC,
        .abi_version = MF_ABI_VERSION,
        .boot_bytes = sizeof(struct mf_boot),
        .window_bytes = start->window_bytes,
        .channel_base = start->channel_base,
        .program_entry = info->program_entry,
        .program_phdr = info->program_phdr,
        .program_phnum = info->program_phnum,
        .program_phent = info->program_phent,
        .program_end = info->program_end,
        .instance_id = start->instance_id,
        .hwcap = host->hwcap,
        .hwcap2 = host->hwcap2,
        .env_offset = sizeof(struct mf_boot), /* the same page while it is small */
        .env_bytes = start->env_bytes,
        .env_count = start->env_count,
        .flags = (start->flags & MF_START_FREEZE ? MF_BOOT_FREEZE : 0) |
                 (start->flags & MF_START_RESTORE ? MF_BOOT_RESTORED : 0) |
                 (start->flags & MF_START_RESET ? MF_BOOT_WAIT_RINGS : 0) |
                 (start->flags & MF_START_JIT ? MF_BOOT_JIT : 0) |
                 host->flags,
        .generation = start->instance_id << GENERATION_SHIFT,
        .root_base = info->root_base,
        .root_bytes = info->root_bytes,
    };
    mf_err err = fill_seed(boot.seed, why);
    if (err)
        return err;
    boot_stamp(&boot, host);
    memcpy(area, &boot, sizeof boot);
    if (start->env_bytes)
        memcpy((uint8_t *)area + boot.env_offset, start->env, start->env_bytes);
    explicit_bzero(boot.seed, sizeof boot.seed);
    return MF_OK;
}
