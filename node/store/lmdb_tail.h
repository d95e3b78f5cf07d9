/*
 * lmdb_tail.h: the list of free pages of an LMDB file: can LMDB use it, and may the file be shorter than its head says?
 *
 * LMDB does not write a page that was taken and freed in the same commit, yet the head counts
 * it. So a healthy file may lack pages at its end: exactly such as are in the list of free
 * pages, which are written anew before they are read.
 */
#ifndef MF_NODE_STORE_LMDB_TAIL_H
#define MF_NODE_STORE_LMDB_TAIL_H

#include <stdint.h>

#include "base/err.h"

/*
 * fd: readable, has file_bytes; nobody writes it meanwhile. page_bytes, last_page: as its head
 * says, the number of the last page counted from 0. MF_OK: each page up to last_page that is not
 * in the file is in the list of free pages, and the list names none but pages up to it. MF_EFORMAT: one is not, or
 * the list is damaged. MF_EIO, MF_ENOMEM. Any content does: reads at most a MiB and 256 bytes for each page of the file,
 * and keeps at most 2 MiB and a 64th of file_bytes. Any thread.
 */
MF_CHECKED mf_err lmdb_tail_check(int fd, uint64_t file_bytes, uint32_t page_bytes,
                                  uint64_t last_page);

#endif
