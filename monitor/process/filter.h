/*
 * filter.h: the host system calls of the process sandbox, as data: one line a call, with
 * the rule for its arguments and its reason. From these lists come the seccomp filter,
 * `mayfly inspect --host` and the tests. Any thread.
 *
 * The filter is in force before a blank waits: the spawner attaches it to itself, since
 * attaching is the dearest thing in a blank's life, and blanks inherit it. It knows three
 * places:
 *
 *   the spawner's own text, not judged: unmapped before a blank waits;
 *   the gate's one `syscall` instruction, judged by filter_lines: the guest's calls;
 *   the trampoline's, judged by trampoline_lines, until it is unmapped: by these calls a
 *     blank becomes a guest, and no guest's code runs as long as they can be made.
 *
 * A call from anywhere else traps to the guest's own kernel (SIGSYS), which is how
 * programs make system calls; a call of either place that no line admits, a 32-bit or an
 * x32 call kills the process.
 *
 * Rules that depend on the window's size are those of MF_WINDOW_DEFAULT. A window of
 * another size gets a second filter, and then the other gate page, whose instruction
 * stands where the first page has none. The first filter judges calls from there by what
 * any window needs, the second by what this one needs: it only narrows, and whoever moves
 * that page without it has gained nothing but a wider window. Functions with jit have a
 * third page in the same way, whatever their window, with a line more (filter_jit_lines): no
 * other guest has an instruction where the first filter would listen to that line.
 */
#ifndef MF_MONITOR_PROCESS_FILTER_H
#define MF_MONITOR_PROCESS_FILTER_H

#include "monitor/common/filter.h"

#define FILTER_PROCESS_MAX 896u /* instructions */

extern const struct filter_line filter_lines[];
extern const uint32_t filter_line_count;
extern const struct filter_line filter_jit_lines[]; /* besides, of functions with jit */
extern const uint32_t filter_jit_line_count;
extern const struct filter_line trampoline_lines[];
extern const uint32_t trampoline_line_count;

/* Compile lines alone, for the gate's calls in a window whose channel starts at
 * channel_base, into out (room instructions). Returns how many were written; 0: no room. */
uint32_t filter_compile(const struct filter_line *lines, uint32_t count, uint64_t channel_base,
                        struct sock_filter *out, uint32_t room);

/* All of a guest's calls: filter_lines, and with jit filter_jit_lines behind them. How many. */
uint32_t filter_choose(bool jit, struct filter_line lines[FILTER_LINES_MAX]);

enum filter_gate { FILTER_GATE_DEFAULT, FILTER_GATE_OTHER, FILTER_GATE_JIT };

/* The same of a whole blank's: both lists, with this page as the gate. */
uint32_t filter_compile_blank(enum filter_gate gate, uint64_t channel_base,
                              struct sock_filter *out, uint32_t room);

/* The same, for the spawner, whose blanks inherit it: its own text [home, home_end) may call
 * what it likes. 0 also where that text lies so that no filter can tell it (filter.h). */
uint32_t filter_compile_spawner(uint64_t home, uint64_t home_end, struct sock_filter *out,
                                uint32_t room);

#endif
