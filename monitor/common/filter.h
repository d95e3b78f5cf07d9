/*
 * filter.h: the host system calls that a sealed monitor can make, as data: one line a
 * call, with the rule for its arguments and its reason. From such lists come the
 * seccomp filters, `mayfly inspect --host` and the tests. Any thread.
 */
#ifndef MF_MONITOR_COMMON_FILTER_H
#define MF_MONITOR_COMMON_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define FILTER_LINES_MAX 24u
#define FILTER_CHECKS_MAX 5u

enum filter_kind {
    FILTER_NOTHING,  /* end of the list of checks                                        */
    FILTER_EQUAL,    /* argument == value                                                */
    FILTER_AT_MOST,  /* argument <= value; value < 2^32                                  */
    FILTER_ONE_OF,   /* argument < 32 and bit `argument` of value is set                 */
    FILTER_HIGH,     /* argument >= 2^32                                                 */
    FILTER_BELL,     /* argument == host address of the channel's bell word, or of one that
                        it may be, where any window is meant                             */
    FILTER_RANGE,    /* arguments n, n + 1 are whole pages of the window's [value, channel):
                        host address, bytes                                              */
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

/* What the lines' rules refer to. */
struct filter_place {
    uint64_t base;         /* host address of the window's address 0; its low 32 bits are 0 */
    uint64_t channel_base; /* in the window                                                 */
    bool any_window;       /* channel_base is the highest of many                           */
    uint32_t call_return;  /* the address after the only `syscall` instruction that may be
                              judged: a call from elsewhere traps (SIGSYS). 0: any may be   */
    uint32_t before_return; /* the same of one whose calls are judged by lines of their own,
                              as long as there is an instruction. 0: there is none           */
    uint32_t any_return;   /* one whose calls are judged by the lines as for any window, since
                              another filter will judge them by one. 0: there is none        */
    uint64_t home;         /* calls that end in [home, home_end) are not judged; above, and     */
    uint64_t home_end;     /*   within one, 4 GiB. home_end 0: there is no such place           */
    const struct filter_line *before; /* before_count lines, their ranges of any window      */
    uint32_t before_count;
    uint32_t more_return;  /* likewise any_return, judged by more_count lines of its own      */
    const struct filter_line *more;
    uint32_t more_count;
};

/* Compile lines into out (room instructions). What no line admits, a 32-bit or an x32
 * call kills the process. Returns how many were written; 0: no room. */
uint32_t filter_program(const struct filter_place *place, const struct filter_line *lines,
                        uint32_t count, struct sock_filter *out, uint32_t room);

#endif
