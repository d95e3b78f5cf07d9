/*
 * restored.c: clones of one snapshot must not draw the same numbers.
 * Guarantees: the C library's generators that the program uses are seeded anew; those it
 * does not use are not linked in. Leaves to others: generators of the program's own
 * (mayfly_restored(), the function's).
 */
#include "sdk/restored.h"

#include <stdlib.h>

#include "sdk/mayfly.h"

/* Weak: there only if the program has them from the C library for itself. */
#pragma weak srand
#pragma weak srandom
#pragma weak srand48

__attribute__((weak)) void mayfly_restored(void) {}

void restored(void)
{
    unsigned seed;
    if (srand || srandom || srand48) {
        mayfly_random(&seed, sizeof seed);
        if (srand)
            srand(seed);
        if (srandom)
            srandom(~seed);
        if (srand48)
            srand48((long)(seed ^ 0x5bd1e995u));
    }
    mayfly_restored();
}
