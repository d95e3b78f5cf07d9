/*
 * generators.h: random generators of a program's own, as libraries have them: each drew a
 * seed and a number before the freeze. And signals to itself, by what it knew then.
 */
#ifndef GENERATORS_H
#define GENERATORS_H

struct mayfly_reply;

/* The marks: words FIRST, FIRST + 1, … fill the rest of the generators' pages. */
#define MARK_WIPED 0x6b65792077697065ull
#define MARK_KEPT 0x6b6579206b657074ull

int generators_begin(void); /* nonzero: failed */

/* "KEPT WIPED BY_PID PID", a number of each generator, the last one decimal: of one that
 * notices nothing, of one in a page with MADV_WIPEONFORK, of one that looks at getpid(). */
void generators_show(struct mayfly_reply *reply);

/* How many of its signals came, and what is as it should be with its number. */
void signals_show(struct mayfly_reply *reply);

#endif
