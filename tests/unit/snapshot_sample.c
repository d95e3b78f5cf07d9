/* snapshot_sample.c: see snapshot_sample.h. */
#include "snapshot_sample.h"

#include <string.h>
#include <unistd.h>

#include "abi/hypercall.h"
#include "image/snapshot.h"

void snapshot_sample_write(int fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                           const uint8_t image[MF_SNAPSHOT_HASH_BYTES], uint8_t content)
{
    static _Alignas(8) uint8_t data[SAMPLE_BYTES];
    struct mf_snapshot *head = (struct mf_snapshot *)(void *)data;
    struct snapshot snapshot;
    *head = (struct mf_snapshot){.magic = MF_SNAPSHOT_MAGIC,
                                 .abi_version = MF_ABI_VERSION,
                                 .head_bytes = sizeof *head + sizeof(struct mf_run),
                                 .window_bytes = MF_WINDOW_DEFAULT,
                                 .file_bytes = SAMPLE_BYTES,
                                 .made_at_ns = 1,
                                 .run_count = 1};
    memcpy(head->key, key, sizeof head->key);
    memcpy(head->image, image, sizeof head->image);
    *(struct mf_run *)(void *)(head + 1) =
        (struct mf_run){.page = SAMPLE_PAGE, .pages = 1, .prot = MF_PROT_READ};
    memset(data + SAMPLE_PAGE * MF_PAGE_BYTES, content, MF_PAGE_BYTES);
    mf_assert(snapshot_parse(data, sizeof data, SAMPLE_BYTES, &snapshot, NULL) == MF_OK);
    snapshot_digest(&snapshot, data, head->digest);
    mf_assert(pwrite(fd, data, MF_PAGE_BYTES, 0) == (ssize_t)MF_PAGE_BYTES);
    mf_assert(pwrite(fd, data + SAMPLE_PAGE * MF_PAGE_BYTES, MF_PAGE_BYTES,
                     SAMPLE_PAGE * MF_PAGE_BYTES) == (ssize_t)MF_PAGE_BYTES);
}
