/*
 * harness.h: how the guest tests run a case: a victim and a neighbour side by side,
 * an event for the victim, its outcome in words, a comparison, a line of the report.
 *
 * An outcome in words: "replies TEXT" (status 200), "status N", "fails TEXT",
 * "dies CAUSE" where CAUSE is the name that logs and answers use. An expectation is
 * such words; "|" separates what is allowed, a "*" at the end stands for the rest.
 */
#ifndef MF_TESTS_GUESTS_HARNESS_H
#define MF_TESTS_GUESTS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "node/instance/session.h"
#include "raw/orders.h"

#define OUTCOME_BYTES 160u
#define CASE_NS (60 * MF_NS_PER_S)  /* until a case that should end counts as hung: the longest
                                        take 2 s of a processor, which others may want, too */
#define HANG_NS (60 * MF_NS_PER_MS)  /* for cases that hang by design                */

#define SEEDS 12u /* of nonsense, in an ordinary run */

struct harness {
    struct session_host host;
    enum mf_sandbox sandbox;
    bool jit;                             /* victims may make memory executable    */
    int hostile_fd, neighbour_fd, raw_fd; /* images; -1: not there                 */
    struct session neighbour;
    struct session victim;
    const char *images;                   /* directory */
    struct mf_buf *heard;                 /* the victim's log of level info goes here, too */
    const char *only;                     /* run what contains this; NULL: all     */
    unsigned seeds;                       /* of nonsense.c */
    unsigned neighbour_served;
    unsigned cases, failures, skipped;
    unsigned group_cases, group_failures;
    uint64_t said_bytes;                  /* the victim's log so far               */
    char last_log[OUTCOME_BYTES];
    bool verbose;
};

/* NAME.mf of a directory: a descriptor, or -1, and it is said. */
int open_image(const char *directory, const char *name);
void close_image(int fd);

/* The victim: open (fresh), give it something, and say in words what came of it. */
bool victim_open(struct harness *harness, int image_fd);
void victim_close(struct harness *harness);
bool victim_alive(struct harness *harness);
/* Event GET target (path and query) for the hostile function. */
void victim_get(struct harness *harness, const char *target, const void *body, size_t body_bytes,
                uint64_t limit_ns, char outcome[OUTCOME_BYTES]);
/* An order for the hostile kernel; true: it answered, and answer holds what. */
bool victim_order(struct harness *harness, const struct order *order, uint64_t limit_ns,
                  struct answer *answer, char outcome[OUTCOME_BYTES]);
/* Give it an order, which stays the caller's until the outcome, and do not wait. */
bool victim_begin(struct harness *harness, const struct order *order, uint64_t limit_ns);
/* Event GET target for the hostile function, and do not wait. */
bool victim_begin_get(struct harness *harness, const char *target, uint64_t limit_ns);
/* Wait for what was begun, and say what came of it. */
void victim_wait(struct harness *harness, char outcome[OUTCOME_BYTES]);
/* victim_order() with a fresh victim if the last one has ended. */
bool victim_order_anew(struct harness *harness, const struct order *order, uint64_t limit_ns,
                       struct answer *answer, char outcome[OUTCOME_BYTES]);

/* Compare, count, report; checks the neighbour. detail may be "". */
void judge(struct harness *harness, const char *name, const char *detail, const char *outcome,
           const char *expected);
bool outcome_matches(const char *outcome, const char *expected);

/* How long to wait for it: short only where hanging is the expectation, so that a slow
 * machine fails no test. */
uint64_t limit_of(const char *expected);

/* One line for many generated cases. */
void group_begin(struct harness *harness);
void group_end(struct harness *harness, const char *name);

bool wanted(const struct harness *harness, const char *name);
/* The words for one of two sandboxes. */
const char *here(const struct harness *harness, const char *process, const char *kvm);

/* The neighbour answers now, within the time that a case may take. */
bool neighbour_answers(struct harness *harness);

/* What main.c runs, in order. */
void test_deaths(struct harness *harness);
void test_hypercalls(struct harness *harness);
void test_messages(struct harness *harness);
void test_host_calls(struct harness *harness);
void test_instructions(struct harness *harness);
void test_memory(struct harness *harness);
void test_neighbour(struct harness *harness);
void test_nonsense(struct harness *harness);
void test_outside(struct harness *harness);
void test_snapshots(struct harness *harness);
void test_stopped(struct harness *harness);
void test_touched(struct harness *harness);
void test_differential(struct harness *harness);

#endif
