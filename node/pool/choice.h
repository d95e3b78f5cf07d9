/*
 * choice.h: which instance a call goes to:
 *
 *   1. if events are very short: one that runs and has few, so as to wake none for nothing;
 *   2. an idle one, the one used last, or one that has been rolled back;
 *   3. if events are short: one that runs and has room ahead;
 *   4. a new one, if there may be one more, after the call has waited for as long as
 *      policy_patience_ns() says: not at all if none lives, or if events are long.
 *
 * Loop thread only.
 */
#ifndef MF_NODE_POOL_CHOICE_H
#define MF_NODE_POOL_CHOICE_H

#include <stdint.h>

struct call;
struct function;
struct instance;

/* By rules 1 to 3, of the function's present version, which is not NULL. NULL: none. */
struct instance *choice_of(struct function *function, const struct call *call);

/* By rule 4: from when on the first call that waits may have an instance started for it, in
 * CLOCK_MONOTONIC. UINT64_MAX: not before something else happens. */
uint64_t choice_start_due_ns(const struct function *function, const struct call *call);

#endif
