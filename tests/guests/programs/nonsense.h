/* nonsense.h: of nonsense.c, whose threads make calls in any order. */
#ifndef TEST_NONSENSE_H
#define TEST_NONSENSE_H

#include <stdint.h>

uint64_t next(uint64_t *state); /* a random number */
void set_wake(void);            /* from now on, whatever waits is interrupted often */

/* So many calls on a few files, named pipes, folders and those who watch them: each of them sensible. */
void file_calls(uint64_t seed, unsigned count, uint8_t *memory, uint64_t bytes);

#endif
