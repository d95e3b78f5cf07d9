/*
 * filter.h: the host system calls that a sealed process sandbox can make, as data:
 * one line a call, with the rule for its arguments and its reason. From this list
 * come the seccomp filter, `mayfly inspect --host` and the tests. Any thread.
 *
 * The filter lets a call through only from the gate's one `syscall` instruction and
 * only if a line's rule holds; a call from anywhere else traps to the guest's own
 * kernel (SIGSYS), which is how programs make system calls; a call through the gate
 * that no line admits, a 32-bit or an x32 call kills the process.
 */
#ifndef MF_MONITOR_PROCESS_FILTER_H
#define MF_MONITOR_PROCESS_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#define FILTER_LINES_MAX 12u
#define FILTER_CHECKS_MAX 4u

enum filter_kind {
    FILTER_NOTHING,  /* end of the list of checks                                        */
    FILTER_EQUAL,    /* argument == value                                                */
    FILTER_AT_MOST,  /* argument <= value; value < 2^32                                  */
    FILTER_ONE_OF,   /* argument < 32 and bit `argument` of value is set                 */
    FILTER_BELL,     /* argument == address of the channel's bell word                   */
    FILTER_RANGE,    /* arguments n, n + 1 are whole pages in [value, channel): address, bytes */
};

struct filter_check {
    enum filter_kind kind;
    uint32_t argument; /* 0 to 5 */
    uint64_t value;
};

struct filter_line {
    const char *call;      /* host system call, by name                  */
    uint32_t number;       /* the same, by number                        */
    const char *arguments; /* the rule in words; what checks[] enforces  */
    const char *reason;    /* why a guest needs it, why that is harmless */
    struct filter_check checks[FILTER_CHECKS_MAX];
};

extern const struct filter_line filter_lines[];
extern const uint32_t filter_line_count;

/* Compile lines for a window whose channel starts at channel_base into out (room
 * instructions). Returns how many were written; 0: no room. */
uint32_t filter_compile(const struct filter_line *lines, uint32_t count, uint64_t channel_base,
                        struct sock_filter *out, uint32_t room);

#endif
