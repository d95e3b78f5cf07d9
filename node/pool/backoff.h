/*
 * backoff.h: when a function whose instances die may have the next one. Each death costs
 * the node a new blank, and its neighbours the processor. Pure functions; any thread.
 */
#ifndef MF_NODE_POOL_BACKOFF_H
#define MF_NODE_POOL_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Faults in a row, no answer between them: the first two are replaced at once, then comes
 * a pause that doubles. */
#define BACKOFF_FREE 2u
#define BACKOFF_FIRST_MS 10u
#define BACKOFF_MS_MAX 1000u

/* All ends by force, whatever was answered between them: so many at once, later one in
 * so long. */
#define BACKOFF_BURST 32u
#define BACKOFF_EVERY_MS 100u

struct backoff {
    uint32_t in_a_row;   /* faults since the last answer                       */
    uint64_t pause_ns;   /* the end of their pause; 0: none                    */
    uint64_t charged_ns; /* every end adds BACKOFF_EVERY_MS; what lies further
                            ahead than the burst has to be waited for          */
};

/* An instance ended by its own fault. */
void backoff_fault(struct backoff *backoff, uint64_t now_ns);
/* One was ended by force for another reason: too slow, or nobody waited for it. */
void backoff_kill(struct backoff *backoff, uint64_t now_ns);
/* One has answered an event. */
void backoff_answer(struct backoff *backoff);
/* Another image, or other settings: what was in a row says nothing about them. */
void backoff_redeployed(struct backoff *backoff);
/* One is started. While faults are in a row, one at a time: the next one after a pause. */
void backoff_start(struct backoff *backoff, uint64_t now_ns);

/* No instance is to be started before this time. */
uint64_t backoff_until_ns(const struct backoff *backoff);

/* For a log or a caller: that there is a pause, and why. False: there is none. */
#define BACKOFF_WORDS_BYTES 192
bool backoff_words(const struct backoff *backoff, uint64_t now_ns, char words[BACKOFF_WORDS_BYTES]);

#endif
