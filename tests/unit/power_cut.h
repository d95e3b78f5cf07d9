/*
 * power_cut.h: what a disk holds after a power cut at any moment. Every write to one file is
 * noted (the test program's own pwrite(2) and others stand before the C library's, for LMDB,
 * too) with the moments at which it was synced. After a cut, what was synced is there; of
 * what was not, any 512-byte sector may be there or not, in any order: so the real disks are
 * never worse.
 */
#ifndef MF_TESTS_POWER_CUT_H
#define MF_TESTS_POWER_CUT_H

#include <stdbool.h>
#include <stddef.h>

/* Note from now on what is written to that file, which need not exist yet. */
void power_cut_watch(const char *path);
void power_cut_unwatch(void); /* stop noting; what was noted stays */
void power_cut_forget(void);

/* How many things were noted so far: a moment. */
size_t power_cut_now(void);

/* The file as a cut at that moment may leave it; another seed, another possibility. */
void power_cut_leave(const char *path, size_t moment, unsigned seed);

/* The newest whole content that NAME.steady beside the file had at that moment, written to
 * path; false: there was none. Its renaming is its sync. */
bool power_cut_leave_steady(const char *path, size_t moment);

#endif
