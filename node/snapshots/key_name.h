/* key_name.h: names of files that belong to a snapshot's key: its digits and a suffix. Pure. */
#ifndef MF_NODE_SNAPSHOTS_KEY_NAME_H
#define MF_NODE_SNAPSHOTS_KEY_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/snapshot.h"

/* Writes 2 * MF_SNAPSHOT_HASH_BYTES digits, the suffix and a NUL. */
void key_name(const uint8_t key[MF_SNAPSHOT_HASH_BYTES], const char *suffix, char *name);

/* Is it such a name? Then *key is its key. */
bool key_name_read(const char *name, const char *suffix, uint8_t key[MF_SNAPSHOT_HASH_BYTES]);

#endif
