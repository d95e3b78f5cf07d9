/*
 * fuzz_store_tail.c: any file of LMDB that may be too short. Input: two bytes for the number of
 * its last page, then the file, in pages of 512 bytes (LMDB's least), of which the last may be
 * a part.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "node/store/lmdb_head.h"
#include "node/store/lmdb_tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int fd = -1;
    struct input input = {data, bytes};
    uint64_t last_page = number(&input, 2);
    if (fd < 0)
        fd = memfd_create("tail", MFD_CLOEXEC);
    mf_assert(fd >= 0 && ftruncate(fd, 0) == 0);
    mf_assert(pwrite(fd, input.data, input.bytes, 0) == (ssize_t)input.bytes);
    mf_err err = lmdb_head_check(fd, input.bytes);
    mf_assert(err == MF_OK || err == MF_EFORMAT);
    err = lmdb_tail_check(fd, input.bytes, 512, last_page);
    mf_assert(err == MF_OK || err == MF_EFORMAT); /* never a read outside: that were MF_EIO */
    return 0;
}
