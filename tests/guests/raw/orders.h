/*
 * orders.h: what the hostile kernel is told to do. The host's tests put a struct
 * order into an event's body; the raw guest does it, whatever it is, and answers
 * with a struct answer if it is still there. So the nonsense is made and judged on
 * the host, where the expectation stands beside it.
 */
#ifndef MF_TESTS_RAW_ORDERS_H
#define MF_TESTS_RAW_ORDERS_H

#include <stdint.h>

#include "abi/channel.h"
#include "abi/trap.h"

enum order_kind {
    ORDER_NOTHING,     /* answer                                                             */
    ORDER_HYPERCALL,   /* put bytes at address if that is ours; call slot number with address;
                          answer.bytes = what then stands there                              */
    ORDER_CALL_AT,     /* number in rax, argument[] in the system call's registers, then jump
                          to address, which ought to hold `syscall; ret`                     */
    ORDER_SYSCALLS,    /* `syscall` in our own text for every number in [number, last], with
                          argument[]; answer.count = how many came to kernel_syscall         */
    ORDER_TOUCH,       /* address: number 0 reads a byte, 1 writes one, 2 jumps there        */
    ORDER_TOUCH_ALL,   /* the same at address, address + bytes_step … last; answer.count = how
                          many did not fault, answer.value = the first of those              */
    ORDER_EXECUTE,     /* write `ret` at address, call it                                    */
    ORDER_SNIPPET,     /* run snippet number (snippets.h), rax = argument[0], …              */
    ORDER_SELECTORS,   /* load every selector of [number, last] into register argument[0];
                          answer.count = how many did not fault                              */
    ORDER_MESSAGE,     /* publish message verbatim                                           */
    ORDER_WORD,        /* write number into the channel at offset address (4 bytes); last 1:
                          no answer                                                          */
    ORDER_SEQUENCE,    /* publish `count` messages of sequence[] verbatim, answer nothing    */
    ORDER_FLIP,        /* publish good messages, and change their descriptors meanwhile      */
    ORDER_FLOOD_BELL,  /* ring number times, then answer                                     */
    ORDER_FLOOD_LOG,   /* log records without end                                            */
    ORDER_FLOOD_CONSOLE,
    ORDER_SPIN,        /* for ever                                                           */
    ORDER_SILENCE,     /* keep the event, wait for the next                                  */
    ORDER_LARGE_REPLY, /* a reply of number bytes, whatever the limit                        */
    ORDER_POKE,        /* write number (8 bytes) to address, then touch address last             */
    ORDER_COMPAT,      /* far return to selector argument[0]; there, in 32-bit code: number 0:
                          int 0x80, 1: sysenter, 2: syscall                                  */
    ORDER_MARK,        /* leave marks everywhere; number: enum mark_way (marks.h). [address,
                          last) is made writable before, but for the kernel's text;
                          [argument[0], argument[1]) is discarded after; no answer           */
    ORDER_LOOK,        /* look for marks; the reply's body is a struct looked                */
    ORDER_COUNT
};

#define ORDER_SEQUENCE_MAX 8u

/* Writable memory of the hostile kernel that it does not use, at its image's end. */
#define RAW_SCRATCH 0x11c000ull
#define RAW_SCRATCH_BYTES 0x2000ull

struct order {
    uint32_t kind;
    uint32_t sequence_count;
    uint64_t number;
    uint64_t last;
    uint64_t address;
    uint64_t step;
    uint64_t argument[6];
    uint8_t bytes[32];
    struct mf_desc message; /* data_offset and all as they are to stand; id 0: the event's own */
    struct mf_desc sequence[ORDER_SEQUENCE_MAX];
    uint8_t text[64];       /* stands at offset 0 of the data area                              */
};

struct answer {
    uint64_t trapped; /* 1: an exception came instead of a result */
    struct mf_trap trap;
    uint64_t value;
    uint64_t count;
    uint8_t bytes[32];
};

#define ORDER_OWN_ID 0xfffffffffffffff1ull /* in a descriptor: the id of the event */

#endif
