/* in_scratch.h: files of a test, in a folder that goes with its group. */
#ifndef MF_TESTS_IN_SCRATCH_H
#define MF_TESTS_IN_SCRATCH_H

#include <stddef.h>

#include "base/buf.h"
#include "bench/scratch.h"

extern struct scratch scratch_of_test;

/* Setup and teardown of the group. */
int open_scratch(void **state);
int close_scratch(void **state);

/* Where NAME is in it; until the next call. */
const char *in_scratch(const char *name);

/* Each fails the test where it cannot. What is read is the caller's, to be closed. */
void write_file(const char *name, const void *data, size_t bytes);
struct mf_buf read_file(const char *name);

#endif
