/*
 * large.h: buffers of which an event touches the first page, if any. Inside mayfly they lie
 * behind all other variables, the C library's included, so that what every event writes is
 * close together: a start pays for each page, and under some KVMs for each eight.
 */
#ifndef MF_SDK_LARGE_H
#define MF_SDK_LARGE_H

/* .lbss: the linker puts it last (ld's default script), the file holds nothing of it. */
#ifdef MF_SDK_GUEST
#define SDK_LARGE __attribute__((section(".lbss.mayfly")))
#else
#define SDK_LARGE
#endif

#endif
