/*
 * fuzz_start.c: MF_START with any image: two bytes of packet length, the packet, the
 * image. No expectation but: no crash, and what is accepted lies within the ABI.
 */
#include <string.h>

#include "abi/channel.h"
#include "base/limits.h"
#include "monitor/common/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(const struct monitor_start *start)
{
    mf_assert(start->window_bytes >= MF_WINDOW_MIN && start->window_bytes <= MF_WINDOW_MAX);
    mf_assert(start->channel_base == start->window_bytes - MF_CHANNEL_BYTES);
    mf_assert(start->nice >= 0 && start->nice <= 19);
    mf_assert(start->env_count <= MF_ENV_COUNT_MAX && start->env_bytes <= MF_START_ENV_MAX);
    for (uint32_t i = 0; i < start->image.segment_count; i++) {
        const struct image_segment *segment = &start->image.segment[i];
        mf_assert(segment->address >= MF_KERNEL_BASE);
        mf_assert(segment->memory_bytes <= start->channel_base - segment->address);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct start_packet packet;
    static struct monitor_start start;
    struct mf_why why;
    uint16_t packet_bytes;
    if (bytes < sizeof packet_bytes)
        return 0;
    memcpy(&packet_bytes, data, sizeof packet_bytes);
    data += sizeof packet_bytes;
    bytes -= sizeof packet_bytes;
    size_t take = packet_bytes < bytes ? packet_bytes : bytes;
    take = take < sizeof packet ? take : sizeof packet;
    memcpy(&packet, data, take);
    if (start_decode(&packet, take, data + take, bytes - take, bytes - take, &start, &why) == MF_OK)
        check(&start);
    return 0;
}
