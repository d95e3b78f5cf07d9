/* root_sample.h: a small root file system (abi/root.h), for tests that read one or spoil one. */
#ifndef TEST_ROOT_SAMPLE_H
#define TEST_ROOT_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "abi/root.h"

/* Its inodes; in the root folder stand bin, empty, etc, and `same`, another name of HELLO. */
enum { SAMPLE_ROOT, SAMPLE_BIN, SAMPLE_ETC, SAMPLE_HELLO, SAMPLE_HI, SAMPLE_EMPTY, SAMPLE_PASSWD,
       SAMPLE_INODES };
enum { SAMPLE_ENTRIES = 7 };
#define SAMPLE_HELLO_BYTES 5000u
#define SAMPLE_PASSWD_TEXT "root of the image\n"

struct root_sample {
    struct mf_root head;
    struct mf_root_inode inode[SAMPLE_INODES];
    struct mf_root_entry entry[SAMPLE_ENTRIES];
    char names[MF_PAGE_BYTES - sizeof(struct mf_root) -
               SAMPLE_INODES * sizeof(struct mf_root_inode) -
               SAMPLE_ENTRIES * sizeof(struct mf_root_entry)];
    uint8_t contents[3 * MF_PAGE_BYTES]; /* hello: two pages, passwd: one */
} __attribute__((packed, aligned(4096)));
_Static_assert(sizeof(struct root_sample) == 4 * MF_PAGE_BYTES, "whole pages");

void root_sample(struct root_sample *sample);

#endif
