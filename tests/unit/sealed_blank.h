/*
 * sealed_blank.h: in a child of a test, what a blank is while it waits: gate and trampoline mapped, the filter
 * in force. What fails ends the child.
 */
#ifndef MF_TESTS_SEALED_BLANK_H
#define MF_TESTS_SEALED_BLANK_H

#include <stdint.h>
#include <sys/mman.h>

#include "abi/channel.h"
#include "abi/layout.h"
#include "sealed.h"

#define PAGE (uint64_t)MF_PAGE_BYTES
#define HIGH (1ull << 32)
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)
#define HERE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE)
#define NOBODY ~0ull
#define LARGEST_CHANNEL (MF_WINDOW_MAX - MF_CHANNEL_BYTES)
#define DEFAULT_CHANNEL (MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES)
#define SMALL_CHANNEL (MF_WINDOW_MIN - MF_CHANNEL_BYTES)

/* All that the process monitor sets up before a blank waits, but the filter; and with it. */
void prepare_blank(void);
void wait_sealed(void);

/* The trampoline's own instruction, with its host_call() around it. */
SEALED long through_trampoline(long number, const uint64_t a[6]);

#endif
