/* snapshot_world.h: node_world.h with a folder for snapshots, and no version of the function yet. */
#ifndef MF_TESTS_SNAPSHOT_WORLD_H
#define MF_TESTS_SNAPSHOT_WORLD_H

#include "node_world.h"

int open_with_snapshots(void **state);
int close_with_snapshots(void **state);

/* Its key is known: it has a snapshot, READY. */
void with_snapshot(struct version *version);

/* The order to start that it was given, taken: its flags; UINT32_MAX: none. */
uint32_t ordered(struct peer *at, unsigned *descriptors);

#endif
