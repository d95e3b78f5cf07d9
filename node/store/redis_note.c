/* redis_note.c: see redis_note.h. */
#include "node/store/redis_note.h"

#include <stdlib.h>

#define AT_ONCE MF_QUEUE_AGED_MAX

struct notes {
    const struct store_op *op;
    const char *sha;
    void (*send)(void *context, const struct redis_arguments *arguments);
    void *context;
    uint32_t count;
    struct store_own_note own[AT_ONCE];
    struct redis_arguments arguments;
};
_Static_assert(8 + 2 * AT_ONCE <= REDIS_ARGUMENTS_MAX, "they have room");

static void flush(struct notes *notes)
{
    struct redis_arguments *arguments = &notes->arguments;
    if (!notes->count)
        return;
    arguments->count = arguments->numbers = 0;
    redis_base_of_queue(notes->op->queue, arguments->base[0]);
    redis_arguments_text(arguments, "EVALSHA");
    redis_arguments_text(arguments, notes->sha);
    redis_arguments_text(arguments, "1");
    redis_arguments_text(arguments, arguments->base[0]);
    redis_arguments_text(arguments, "notes");
    redis_arguments_number(arguments, notes->op->now_ms);
    for (uint32_t i = 0; i < notes->count; i++) {
        const struct store_note *note = &notes->own[i].note;
        redis_arguments_bytes(arguments, (struct store_bytes){note->key, sizeof note->key});
        redis_arguments_bytes(arguments, note->text);
    }
    notes->send(notes->context, arguments);
    notes->count = 0;
}

static void take(struct notes *notes, const struct store_op *op, const struct queue_entry *entry)
{
    if (!op->queue_settings.note_of(op->queue->name, entry, op->now_ms, &notes->own[notes->count]))
        return;
    if (++notes->count == AT_ONCE)
        flush(notes);
}

/* An append that became dead letters at once, by itself or beside something else; of it there is no list. */
static bool is_buried(const struct store_op *op)
{
    return op->kind == STORE_APPEND && op->queue_settings.overflow == QUEUE_BURIES && op->answer.number > 0;
}

static bool has_ended(const struct store_op *op)
{
    return op->queue && op->queue_settings.note_of && (op->ended_count || is_buried(op));
}

static void take_all(struct notes *notes, const struct store_op *op)
{
    for (size_t i = 0; i < op->ended_count; i++)
        take(notes, op, &op->ended[i]);
    for (size_t i = 0; i < op->event_count && is_buried(op); i++)
        take(notes, op,
             &(struct queue_entry){.enqueued_ms = op->now_ms,
                                   .died_ms = op->now_ms,
                                   .reason = {QUEUE_WAS_FULL, sizeof QUEUE_WAS_FULL - 1},
                                   .event = op->events[i]});
}

void redis_note_ended(const struct store_op *op, const char *sha,
                      void (*send)(void *context, const struct redis_arguments *arguments), void *context)
{
    bool any = false;
    for (const struct store_op *each = op; each; each = each->also)
        any |= has_ended(each);
    if (!any)
        return;
    struct notes *notes = calloc(1, sizeof *notes);
    if (!notes)
        return;
    notes->op = op;
    notes->sha = sha;
    notes->send = send;
    notes->context = context;
    for (const struct store_op *each = op; each; each = each->also)
        if (has_ended(each)) {
            notes->op = each;
            take_all(notes, each);
            flush(notes);
        }
    free(notes);
}
