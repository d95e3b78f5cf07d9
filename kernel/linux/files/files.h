/* files.h: what system calls on files share: paths and times of the program's. */
#ifndef KERNEL_LINUX_FILES_FILES_H
#define KERNEL_LINUX_FILES_FILES_H

#include <stdint.h>

#include "kernel/file/file.h"
#include "kernel/fs/walk.h"

/* The root file system, the working folder, and descriptors 0 to 2. */
void files_start(void);

/* A path of the program's, in a buffer that the next call here uses again. */
int files_path(uint64_t address, const char **path);

/* Walk a path of the program's from a folder's descriptor or AT_FDCWD. how: WALK_… */
int files_walk(uint64_t folder_fd, uint64_t path, uint32_t how, struct walked *walked);
/* The same for calls with AT_… flags: AT_SYMLINK_NOFOLLOW, and AT_EMPTY_PATH, by which the
 * descriptor's own file may be meant: *file is that one, else NULL. */
int files_walk_at(uint64_t folder_fd, uint64_t path, uint32_t flags, struct walked *walked,
                  struct file **file);

/* What is not there yet: mode is its type and permissions; target: of a link, else NULL. */
int files_make(const struct walked *walked, uint32_t mode, const char *target, struct place *made);

/* Permissions of what is made, less those of the mask. */
uint32_t files_mode(uint64_t mode);

/* fcntl(2) with F_…LK…, on a struct flock of the program's: a handler's result. */
int64_t files_lock(struct file *file, int command, uint64_t address);

int files_stat(struct file *file, struct file_stat *stat);
int64_t files_now_ns(void); /* CLOCK_REALTIME */

/* The end of a wait: of milliseconds (negative: never), or a struct timespec of the program's
 * (NULL: never). WAIT_FOR_EVER, 0: do not wait, or a time of CLOCK_MONOTONIC. */
uint64_t files_deadline_ms(int32_t timeout_ms);
int files_deadline(uint64_t timespec, uint64_t *deadline_ns);
uint64_t files_deadline_in(uint64_t ns); /* so long from now; UINT64_MAX: never */

#endif
