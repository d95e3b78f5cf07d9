/*
 * lmdb_head.h: may LMDB open this file? It checks of its heads that they are such, and believes the numbers in
 * them: it divides by the size of a page, maps as much as there are pages, and reads the roots of its trees where
 * they are said to be.
 */
#ifndef MF_NODE_STORE_LMDB_HEAD_H
#define MF_NODE_STORE_LMDB_HEAD_H

#include <stdint.h>

#include "base/err.h"

/*
 * fd: readable, has file_bytes. MF_OK: a new file, one that LMDB will refuse by itself (none of its own, another
 * version), or one whose heads and roots can be what they say. MF_EFORMAT: they cannot. MF_EIO. Any content does:
 * reads two heads and a page. Any thread.
 */
MF_CHECKED mf_err lmdb_head_check(int fd, uint64_t file_bytes);

#endif
