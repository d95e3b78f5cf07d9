/*
 * tmp.h: file systems in the instance's memory: /tmp, /run, /dev/shm. What they hold together is
 * bounded by a share of the kernel's own memory.
 */
#ifndef KERNEL_FS_TMP_H
#define KERNEL_FS_TMP_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/place.h"

enum tmp_which { TMP_TMP, TMP_RUN, TMP_SHM, TMP_COUNT };

struct place tmp_root(uint32_t which);
bool tmp_is(const struct place *place);

/* No file grows beyond so many bytes from now on (RLIMIT_FSIZE): EFBIG, and SIGXFSZ. */
void tmp_limit(uint64_t bytes_max);

/* A file without a name, which goes with its last holder (O_TMPFILE). */
int tmp_make_nameless(uint32_t mode, struct place *made);

#endif
