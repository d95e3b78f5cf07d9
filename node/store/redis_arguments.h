/*
 * redis_arguments.h: operations to the script's arguments (redis_script.lua). No state.
 */
#ifndef MF_NODE_STORE_REDIS_ARGUMENTS_H
#define MF_NODE_STORE_REDIS_ARGUMENTS_H

#include "node/store/store_op.h"

#define REDIS_ALSO_ARGUMENTS 9 /* each: its queue's name, seven numbers, the event */
#define REDIS_ARGUMENTS_MAX (19 + (int)MF_QUEUE_BATCH_MAX + REDIS_ALSO_ARGUMENTS * (int)MF_STORE_ALSO_MAX)
#define REDIS_NAME_BYTES (16 + 2 * (MF_NAME_BYTES_MAX + 1))
#define REDIS_NUMBERS_MAX (14 + 7 * (int)MF_STORE_ALSO_MAX)

/* The arguments of one call; what they point to is here or in the operation. */
struct redis_arguments {
    int count;
    const char *argument[REDIS_ARGUMENTS_MAX];
    size_t bytes[REDIS_ARGUMENTS_MAX];
    char base[1 + MF_STORE_ALSO_MAX][REDIS_NAME_BYTES];
    char number[REDIS_NUMBERS_MAX][24];
    int numbers;
    char from[MF_KEY_BYTES_MAX + 1];
};

/* "mayfly:{tenant/name}:", or "mayfly:{tenant}:" */
void redis_base_of_queue(const struct queue *queue, char base[REDIS_NAME_BYTES]);

void redis_arguments_bytes(struct redis_arguments *arguments, struct store_bytes bytes);
void redis_arguments_text(struct redis_arguments *arguments, const char *text);
void redis_arguments_number(struct redis_arguments *arguments, uint64_t number);

/* Behind what is there: how many beginnings of names, these, the operation, its arguments. */
void redis_arguments_operation(struct redis_arguments *arguments, const struct store_op *op,
                               const char *node);

#endif
