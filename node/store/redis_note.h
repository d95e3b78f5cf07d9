/*
 * redis_note.h: notes of what an operation ended by itself (store.h, note_of). The script cannot make them, so they
 * are sent behind its answer, on the same connection. Loop thread only.
 */
#ifndef MF_NODE_STORE_REDIS_NOTE_H
#define MF_NODE_STORE_REDIS_NOTE_H

#include "node/store/redis_arguments.h"

/* The operation is answered, well. send(): for each call of the script; the arguments are borrowed. Without memory
 * there are no notes. */
void redis_note_ended(const struct store_op *op, const char *sha,
                      void (*send)(void *context, const struct redis_arguments *arguments), void *context);

#endif
