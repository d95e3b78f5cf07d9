/*
 * memory.h: the program's address space. Addresses and sizes are page-aligned unless
 * said otherwise; results are 0 (or an address) or -errno. What is handed out is
 * zero, belongs to one owner, and is executable only where memory_may_execute().
 */
#ifndef KERNEL_CORE_MEMORY_H
#define KERNEL_CORE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/boot.h"

/* Lay out stack, heap and mappings behind the program; open what a start needs. */
int memory_start(const struct mf_boot *boot);

uint64_t memory_stack_top(void);
uint64_t memory_stack_bytes(void);

/* A touch of the stack's part that is not open yet? Then open it: true. */
bool memory_grow_stack(uint64_t address);
/* Is this address in the guard below the stack? */
bool memory_is_guard(uint64_t address);
/* Does it belong to the program, whatever it allows? */
bool memory_is_owned(uint64_t address);

/* Linux's brk: the break after it, which is the old one if it cannot be. Any address. */
uint64_t memory_break(uint64_t address);

/* hint: 0, or where it should be if that is free. */
int64_t memory_map(uint64_t hint, uint64_t bytes, uint32_t prot);
/* Exactly there; replace: instead of what is there, else -EEXIST. */
int64_t memory_map_fixed(uint64_t address, uint64_t bytes, uint32_t prot, bool replace);
int memory_unmap(uint64_t address, uint64_t bytes);
int memory_protect(uint64_t address, uint64_t bytes, uint32_t prot);
/* Pages of a mapping are behind the end of their file, which is SIGBUS, or no more, and may be written. */
int memory_behind(uint64_t address, uint64_t bytes, bool behind);
bool memory_is_behind(uint64_t address);
int memory_discard(uint64_t address, uint64_t bytes);
/* Is it wiped when the instance is frozen, so that clones find zeros? Only heap and mappings
 * may be: else -EINVAL. */
int memory_wipe(uint64_t address, uint64_t bytes, bool wipe);

/* Another program instead: nothing is the old one's any more, of the image it only has to be adopted; the
 * stack is empty, and of it so many bytes and what a start opens are open. 0 or -errno: then what was there is
 * not whole. */
int memory_renew(uint64_t stack_bytes);

/* Pages of the image that are nobody's yet become the program's, text among them; as they are. */
int memory_adopt(uint64_t address, uint64_t bytes);
/* May memory become executable: do the function's settings say `jit: true`? */
bool memory_may_execute(void);
/* Is all of it the image's text? */
bool memory_executes(uint64_t address, uint64_t bytes);
/* Bytes into pages that the program may write; zeros behind them, up to a length. */
void memory_fill(uint64_t address, const void *from, uint64_t bytes, uint64_t length);

enum memory_move { MEMORY_STAY, MEMORY_MOVE, MEMORY_MOVE_TO };
int64_t memory_remap(uint64_t address, uint64_t old_bytes, uint64_t new_bytes,
                     enum memory_move move, uint64_t to);

/* Bytes that belong to somebody, and of the whole space. */
void memory_usage(uint64_t *used, uint64_t *total);

#endif
