/* root_sample.c: see root_sample.h. */
#include "root_sample.h"

#include <string.h>

#define PASSWD_AT (3u * MF_PAGE_BYTES)

static struct mf_root_entry entry_of(struct root_sample *sample, uint32_t inode, const char *name)
{
    struct mf_root_entry entry = {inode, sample->head.name_bytes, (uint32_t)strlen(name)};
    memcpy(sample->names + entry.name_at, name, entry.name_bytes);
    sample->head.name_bytes += entry.name_bytes;
    return entry;
}

static struct mf_root_inode folder_of(uint32_t parent, uint32_t folders, uint64_t first,
                                      uint64_t entries)
{
    return (struct mf_root_inode){.mode = MF_ROOT_FOLDER | 0755,
                                  .links = 2 + folders,
                                  .at = first,
                                  .bytes = entries,
                                  .modified_s = 1,
                                  .parent = parent};
}

static struct mf_root_inode file_of(uint32_t mode, uint32_t links, uint64_t at, uint64_t bytes)
{
    return (struct mf_root_inode){
        .mode = MF_ROOT_FILE | mode, .links = links, .at = at, .bytes = bytes, .modified_s = 2};
}

void root_sample(struct root_sample *sample)
{
    *sample = (struct root_sample){
        .head = {.magic = MF_ROOT_MAGIC,
                 .root_bytes = sizeof *sample,
                 .contents_at = MF_PAGE_BYTES,
                 .inode_count = SAMPLE_INODES,
                 .entry_count = SAMPLE_ENTRIES},
        .inode = {[SAMPLE_ROOT] = folder_of(0, 2, 0, 4),
                  [SAMPLE_BIN] = folder_of(0, 0, 4, 2),
                  [SAMPLE_ETC] = folder_of(0, 0, 6, 1),
                  [SAMPLE_HELLO] = file_of(0755, 2, MF_PAGE_BYTES, SAMPLE_HELLO_BYTES),
                  [SAMPLE_HI] = {.mode = MF_ROOT_LINK | 0777, .links = 1},
                  [SAMPLE_EMPTY] = file_of(0644, 1, 0, 0),
                  [SAMPLE_PASSWD] =
                      file_of(0644, 1, PASSWD_AT, sizeof SAMPLE_PASSWD_TEXT - 1)},
    };
    sample->entry[0] = entry_of(sample, SAMPLE_BIN, "bin");
    sample->entry[1] = entry_of(sample, SAMPLE_EMPTY, "empty");
    sample->entry[2] = entry_of(sample, SAMPLE_ETC, "etc");
    sample->entry[3] = entry_of(sample, SAMPLE_HELLO, "same");
    sample->entry[4] = entry_of(sample, SAMPLE_HELLO, "hello");
    sample->entry[5] = entry_of(sample, SAMPLE_HI, "hi");
    sample->entry[6] = entry_of(sample, SAMPLE_PASSWD, "passwd");
    sample->inode[SAMPLE_HI].at = sample->entry[4].name_at; /* its target: hello */
    sample->inode[SAMPLE_HI].bytes = sample->entry[4].name_bytes;
    for (uint32_t i = 0; i < SAMPLE_HELLO_BYTES; i++)
        sample->contents[i] = (uint8_t)(i % 251);
    memcpy(sample->contents + PASSWD_AT - MF_PAGE_BYTES, SAMPLE_PASSWD_TEXT,
           sizeof SAMPLE_PASSWD_TEXT - 1);
}
