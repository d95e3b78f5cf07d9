/*
 * callback.h: an attempt whose caller wants word of its end (X-Callback-Url): a letter to him is
 * durable (node/callbacks/) before its event is acknowledged or buried. Whoever kills the node
 * in between makes it send two, with one call id. Between the files of this folder. Loop thread
 * only.
 */
#ifndef MF_NODE_DELIVERY_CALLBACK_H
#define MF_NODE_DELIVERY_CALLBACK_H

#include "node/delivery/consumer.h"

/* Does the event's head name somebody? */
bool callback_wanted(const struct attempt *attempt);

/* The last outcome of it; attempt->callback stays NULL where nobody wants word. Copies. MF_EFULL,
 * MF_ENOMEM: no room for the reply now. */
MF_CHECKED mf_err callback_make(struct attempt *attempt, const struct outcome *outcome,
                                uint64_t took_ns, struct mf_why *why);
/* It was never answered: words instead of an outcome. */
void callback_make_words(struct attempt *attempt, const char *words, size_t bytes);

/* Of an event that will not be attempted, or not any more, as its queue was full, it too old, or purged: to its caller,
 * if that wants word; an error of that code. Not durable with what became of it: who kills the node in between keeps it from him. */
void callback_tell(struct delivery *delivery, const char *function, const struct envelope *envelope, const char *code,
                   const char *words);

/* Append it. At the end attempt_settle(), with attempt->callback NULL, or attempt_stuck(). */
void callback_send(struct attempt *attempt);
bool callback_under_way(const struct callback *callback); /* NULL: no */
/* Its append is not under way. NULL is fine. */
void callback_destroy(struct callback *callback, struct delivery *delivery);

#endif
