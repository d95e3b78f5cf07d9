/*
 * fault.c: the report of a fault, on the console, which works without the channel:
 *
 *   fault: cause=page-fault address=0x10 access=write rip=0x401136
 *     rax=0x0000000000000000 rbx=…
 *     #0 0x0000000000401136
 *
 * The node puts the symbol's name behind each line of the backtrace, which follows
 * the chain of frame pointers, innermost first.
 * Guarantees: bounded; memory is only read by user_peek(); a fault during a report
 * ends the instance at once (trap.c asks fault_reporting()).
 * Owns the flag.
 */
#include "kernel/core/fault.h"

#include "kernel/core/assert.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/limits.h"
#include "kernel/core/user.h"
#include "kernel/event/event.h"

static bool reporting;

static void registers(const struct frame *frame);
static void backtrace(const struct frame *frame);

static const char *const cause_name[] = {
    [MF_CAUSE_NONE] = "none",
#define CAUSE_NAME(nr, NAME, name, meaning) [nr] = name,
    MF_CAUSES(CAUSE_NAME)
#undef CAUSE_NAME
};

bool fault_reporting(void)
{
    return reporting;
}

/* Then what was printed before comes before the report; else after it, if at all. */
static bool channel_is_sound(enum mf_cause cause)
{
    return cause != MF_CAUSE_KERNEL_BUG && cause != MF_CAUSE_PROTOCOL;
}

static void begin(struct text *line, enum mf_cause cause)
{
    if (reporting)
        hypercall_fault(cause);
    reporting = true;
    if (channel_is_sound(cause))
        event_flush_now();
    text_add(line, "fault: cause=");
    text_add(line, cause_name[cause]);
}

static _Noreturn void finish(enum mf_cause cause)
{
    if (!channel_is_sound(cause))
        event_flush_now();
    hypercall_fault(cause);
}

static void say(struct text *line)
{
    if (line->bytes == sizeof line->data)
        line->bytes--;
    line->data[line->bytes++] = '\n';
    hypercall_console(line->data, line->bytes);
}

void fault_program(enum mf_cause cause, const struct frame *frame, const char *detail)
{
    struct text line = {.bytes = 0};
    begin(&line, cause);
    text_add(&line, detail);
    text_add(&line, " rip=");
    text_hex(&line, frame->trap.rip);
    say(&line);
    if (frame->trap.vector != FRAME_VECTOR_CALL) /* those of a call tell nothing */
        registers(frame);
    backtrace(frame);
    finish(cause);
}

void fault_words(enum mf_cause cause, const char *words)
{
    struct text line = {.bytes = 0};
    begin(&line, cause);
    text_add(&line, " ");
    text_add(&line, words);
    say(&line);
    finish(cause);
}

void kernel_assert_failed(const char *fact, const char *file, int line_number)
{
    struct text line = {.bytes = 0};
    text_add(&line, "assertion \"");
    text_add(&line, fact);
    text_add(&line, "\" at ");
    text_add(&line, file);
    text_add(&line, ":");
    text_decimal(&line, (uint64_t)line_number);
    fault_words(MF_CAUSE_KERNEL_BUG, text_string(&line));
}

static void registers(const struct frame *frame)
{
    const struct {
        const char *name;
        uint64_t value;
    } shown[] = {
        {"rax", frame->rax}, {"rbx", frame->rbx}, {"rcx", frame->rcx},
        {"rdx", frame->rdx}, {"rsi", frame->rsi}, {"rdi", frame->rdi},
        {"rbp", frame->rbp}, {"rsp", frame->trap.rsp}, {"r8 ", frame->r8},
        {"r9 ", frame->r9}, {"r10", frame->r10}, {"r11", frame->r11},
        {"r12", frame->r12}, {"r13", frame->r13}, {"r14", frame->r14},
        {"r15", frame->r15}, {"flags", frame->trap.rflags},
    };
    enum { SHOWN = sizeof shown / sizeof shown[0], PER_LINE = 4 };
    for (unsigned i = 0; i < SHOWN; i += PER_LINE) {
        struct text line = {.bytes = 0};
        for (unsigned k = i; k < i + PER_LINE && k < SHOWN; k++) {
            text_add(&line, k == i ? "  " : " ");
            text_add(&line, shown[k].name);
            text_add(&line, "=");
            text_hex16(&line, shown[k].value);
        }
        say(&line);
    }
}

static void say_frame(unsigned depth, uint64_t address)
{
    struct text line = {.bytes = 0};
    text_add(&line, "  #");
    text_decimal(&line, depth);
    text_add(&line, " ");
    text_hex16(&line, address);
    say(&line);
}

static void backtrace(const struct frame *frame)
{
    unsigned depth = 0;
    uint64_t at = frame->rbp;
    uint64_t pair[2] = {0}; /* a frame: the caller's frame pointer, the return address */

    say_frame(depth++, frame->trap.rip);
    /* A jump to where no code is: the caller has left only its return address. */
    if (frame->trap.vector == MF_VECTOR_PAGE_FAULT && frame->trap.error & MF_PF_FETCH &&
        user_peek(&pair[1], frame->trap.rsp, sizeof pair[1]) == 0)
        say_frame(depth++, pair[1]);
    while (depth < BACKTRACE_MAX && at % sizeof pair[0] == 0 &&
           user_peek(pair, at, sizeof pair) == 0 && pair[1] != 0) {
        say_frame(depth++, pair[1]);
        if (pair[0] <= at) /* stacks grow down: a caller's frame lies above */
            return;
        at = pair[0];
    }
}
