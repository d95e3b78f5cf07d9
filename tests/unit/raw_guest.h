/* raw_guest.h: blanks of one spawner that run guests of a few instructions, and how /proc sees them. */
#ifndef MF_TESTS_RAW_GUEST_H
#define MF_TESTS_RAW_GUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "blanks.h"

#define PROC_TEXT_MAX 65536

extern const char raw_halt[], raw_spin[], raw_wait[]; /* raw_guests.S */

extern struct spawner spawner; /* of all cases of a file: a group's set-up and tear-down */
int open_spawner(void **state);
int close_spawner(void **state);

/* An image whose program is that; the caller closes it. */
int guest_image(const char *entry);

/* The order to run it is given, nothing more; a window of the usual size is 0. */
void guest_start(struct blank *blank, const char *entry, uint64_t window_bytes);

/* Waits for a guest that says once that it runs, and is sealed therefore. */
void rung_once(struct blank *blank);

/* A new blank of that spawner with a guest that has rung once, and waits. */
void waiting_guest(struct spawner *of, uint64_t id, struct blank *blank);

int pidfd(pid_t pid); /* the caller's to close */

/* /proc/PID/NAME. */
void read_proc(pid_t pid, const char *name, char text[PROC_TEXT_MAX]);

/* The number after `key` in a /proc/PID/status text. */
unsigned long long field(const char *text, const char *key, int base);

#endif
