/* inspect_more.h: what `mayfly inspect` tells of things that are no image. */
#ifndef MF_CLI_INSPECT_MORE_H
#define MF_CLI_INSPECT_MORE_H

#include <stdbool.h>

/* Is the open file a snapshot? */
bool inspect_is_snapshot(int fd);
int inspect_snapshot_file(const char *path, int fd, bool json);

/* A function of the node. */
int inspect_function(const char *node, const char *name, bool json);

#endif
