/* timer_note.c: see timer_note.h. */
#include "node/triggers/timer_note.h"

#include <stdio.h>
#include <string.h>

#include "node/store/decimal.h"

size_t timer_note_write(const struct timer_note *note, char text[static TIMER_NOTE_BYTES])
{
    int bytes = note->turn ? snprintf(text, TIMER_NOTE_BYTES, "%llu %u", (unsigned long long)note->last_ms, note->turn)
                           : snprintf(text, TIMER_NOTE_BYTES, "%llu", (unsigned long long)note->last_ms);
    return (size_t)bytes;
}

struct timer_note timer_note_read(struct store_bytes text)
{
    const struct timer_note never = {.last_ms = 1};
    const char *blank = text.bytes ? memchr(text.data, ' ', text.bytes) : NULL;
    size_t first = blank ? (size_t)(blank - (const char *)text.data) : text.bytes;
    int64_t last_ms, turn = 0;
    if (!decimal_read((struct store_bytes){text.data, first}, &last_ms) || last_ms <= 0)
        return never;
    if (blank && (!decimal_read((struct store_bytes){blank + 1, text.bytes - first - 1}, &turn) || turn <= 0 ||
                  turn > UINT32_MAX))
        return never;
    return (struct timer_note){(uint64_t)last_ms, (uint32_t)turn};
}

struct timer_note timer_note_after(const struct timer_note *note, uint64_t due_ms)
{
    return (struct timer_note){due_ms, note->turn + (due_ms <= note->last_ms)};
}
