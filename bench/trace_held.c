/* trace_held.c: see trace_held.h. */
#include "bench/trace_held.h"

#include <stdlib.h>
#include <string.h>

static mf_err room_for_one(struct held *held)
{
    if (held->count < held->room)
        return MF_OK;
    uint32_t room = held->room ? held->room * 2 : 2;
    struct holding *item = realloc(held->item, room * sizeof *item);
    if (!item)
        return MF_ENOMEM;
    held->item = item;
    held->room = room;
    return MF_OK;
}

static void swap(struct holding *a, struct holding *b)
{
    struct holding other = *a;
    *a = *b;
    *b = other;
}

mf_err held_insert(struct held *heap, struct holding item)
{
    mf_err err = room_for_one(heap);
    if (err)
        return err;
    uint32_t at = heap->count++;
    heap->item[at] = item;
    for (; at > 0; at = (at - 1) / 2) {
        if (heap->item[(at - 1) / 2].until_ns <= heap->item[at].until_ns)
            break;
        swap(&heap->item[(at - 1) / 2], &heap->item[at]);
    }
    return MF_OK;
}

uint64_t held_first_ns(const struct held *heap)
{
    return heap->count ? heap->item[0].until_ns : UINT64_MAX;
}

struct holding held_pop_first(struct held *heap)
{
    mf_assert(heap->count > 0);
    struct holding first = heap->item[0];
    heap->item[0] = heap->item[--heap->count];
    for (uint32_t at = 0, child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->item[child + 1].until_ns < heap->item[child].until_ns)
            child++;
        if (heap->item[at].until_ns <= heap->item[child].until_ns)
            break;
        swap(&heap->item[at], &heap->item[child]);
    }
    return first;
}

mf_err held_push(struct held *stack, struct holding item)
{
    mf_err err = room_for_one(stack);
    if (err)
        return err;
    if (stack->count == 0 || item.until_ns < stack->due_ns)
        stack->due_ns = item.until_ns;
    stack->item[stack->count++] = item;
    return MF_OK;
}

bool held_pop_last(struct held *stack, struct holding *item)
{
    if (stack->count == 0)
        return false;
    *item = stack->item[--stack->count];
    return true;
}

bool held_take_due(struct held *stack, uint64_t now_ns, struct holding *item)
{
    if (stack->count == 0 || stack->due_ns > now_ns)
        return false;
    uint32_t found = 0;
    for (uint32_t i = 1; i < stack->count; i++)
        if (stack->item[i].until_ns < stack->item[found].until_ns)
            found = i;
    stack->due_ns = stack->item[found].until_ns;
    if (stack->due_ns > now_ns)
        return false;
    *item = stack->item[found];
    memmove(&stack->item[found], &stack->item[found + 1],
            (stack->count - found - 1) * sizeof *stack->item);
    stack->count--;
    return true;
}

void held_close(struct held *held)
{
    free(held->item);
    *held = (struct held){0};
}
