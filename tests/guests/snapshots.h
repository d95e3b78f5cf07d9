/* snapshots.h: what cases with snapshots share. */
#ifndef MF_TESTS_GUESTS_SNAPSHOTS_H
#define MF_TESTS_GUESTS_SNAPSHOTS_H

#include "harness.h"

/* A snapshot of the image made under sandbox, the caller's to close; or -1, and it is said. */
int snapshots_freeze(struct harness *harness, enum mf_sandbox sandbox, int image_fd);

/* A victim that goes on from the snapshot; touched_fd: with its touched pages; -1: without. */
bool snapshots_restore(struct harness *harness, int image_fd, int snapshot_fd, int touched_fd);

#endif
