/*
 * call.c: from a system call's number to its handler.
 * Guarantees: an unknown number is ENOSYS, and one line in the log, once for each.
 * Leaves to others: what the calls do (a file for each family; kernel/event for
 * those of abi/calls.h), and what follows (task/). Owns what was told.
 */
#include <stdbool.h>
#include <stddef.h>

#include "kernel/linux/call.h"

#include <asm/errno.h>

#include "abi/calls.h"
#include "kernel/core/text.h"
#include "kernel/event/event.h"
#include "kernel/event/operation.h"
#include "kernel/event/output.h"
#include "kernel/event/reply.h"

static int64_t mayfly_call(struct frame *frame);
static int64_t not_implemented(const struct frame *frame);

/* All names one after the other, and where each begins. */
static const struct {
#define NAME_MEMBER(nr, name) char name_##name[sizeof #name];
    MF_LINUX_CALLS(NAME_MEMBER)
#undef NAME_MEMBER
} name_text = {
#define NAME_TEXT(nr, name) #name,
    MF_LINUX_CALLS(NAME_TEXT)
#undef NAME_TEXT
};
static const uint16_t name_at[LINUX_NR_END] = { /* one more than its offset; 0: no name */
#define NAME_AT(nr, name) [nr] = offsetof(typeof(name_text), name_##name) + 1,
    MF_LINUX_CALLS(NAME_AT)
#undef NAME_AT
};

static uint64_t told[(LINUX_NR_END + 63) / 64];
static struct told_option {
    uint64_t site, option; /* with its call's number above */
} told_options[OPTIONS_TOLD_MAX];
static uint32_t options_told;

int64_t call_serve(struct frame *frame)
{
    if (frame->call < LINUX_NR_END && call_handler[frame->call])
        return call_handler[frame->call](frame);
    if (frame->call - MF_CALL_BASE <= MF_CALL_result - MF_CALL_BASE)
        return mayfly_call(frame);
    return not_implemented(frame);
}

const char *linux_call_name(uint64_t number)
{
    if (number >= LINUX_NR_END || name_at[number] == 0)
        return NULL;
    return (const char *)&name_text + name_at[number] - 1;
}

static int64_t mayfly_call(struct frame *frame)
{
    const uint64_t argument[] = {
        frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2),
        frame_argument(frame, 3), frame_argument(frame, 4), frame_argument(frame, 5),
    };
    const struct event_data first = {argument[0], argument[1]};
    const struct event_data second = {argument[1], argument[2]};
    const struct event_data fourth = {argument[3], argument[4]};
    switch ((enum mf_call)frame->call) {
    case MF_CALL_next:
        return event_next(argument[0], &second);
    case MF_CALL_body:
        return event_body(&first);
    case MF_CALL_reply:
        return reply_begin(argument[0], &second, &fourth, argument[5]);
    case MF_CALL_write:
        return reply_write(&first, argument[2]);
    case MF_CALL_fail:
        return event_fail(&first);
    case MF_CALL_log:
        return output_log(argument[0], &second);
    case MF_CALL_cancelled:
        return event_cancelled();
    case MF_CALL_operation:
        return operation_call(argument[0], &second, &fourth, argument[5]);
    case MF_CALL_result:
        return operation_result(&first);
    }
    return -ENOSYS;
}

/* The first time of each number: all that are nobody's count as one, the last. */
static bool is_first(uint64_t number)
{
    if (number >= LINUX_NR_END)
        number = 64 * (sizeof told / sizeof told[0]) - 1;
    const uint64_t bit = 1ull << (number % 64);
    const bool first = !(told[number / 64] & bit);
    told[number / 64] |= bit;
    return first;
}

static void tell(const struct frame *frame, const char *what)
{
    const char *name = linux_call_name(frame->call);
    struct text line = {.bytes = 0};
    text_add(&line, "system call ");
    text_decimal(&line, frame->call);
    text_add(&line, " (");
    text_add(&line, name ? name : "unknown");
    text_add(&line, ") ");
    text_add(&line, what);
    text_add(&line, ", called from ");
    text_hex(&line, frame_site(frame));
    output_kernel(MF_LOG_WARN, line.data, line.bytes);
}

void call_tell(const struct frame *frame, const char *what)
{
    if (is_first(frame->call))
        tell(frame, what);
}

void call_tell_option(const struct frame *frame, const char *kind, uint32_t option)
{
    const struct told_option now = {frame_site(frame), frame->call << 32 | option};
    struct text what = {.bytes = 0};
    for (uint32_t i = 0; i < options_told; i++)
        if (told_options[i].site == now.site && told_options[i].option == now.option)
            return;
    if (options_told == OPTIONS_TOLD_MAX)
        return;
    told_options[options_told++] = now;
    text_add(&what, "asks for ");
    text_add(&what, kind);
    text_add(&what, " ");
    text_hex(&what, option);
    text_add(&what, ", which is not there");
    tell(frame, text_string(&what));
}

static int64_t not_implemented(const struct frame *frame)
{
    call_tell(frame, "is not implemented");
    return -ENOSYS;
}

_Static_assert(LINUX_NR_END % 64 != 0, "the last bit of `told` is no call's");
