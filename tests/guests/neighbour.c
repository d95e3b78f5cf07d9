/*
 * neighbour.c: while the victim spins, floods or dies in a loop, the neighbour answers
 * every time. How fast is the benchmark's business; that it does, and nothing of the
 * host grows meanwhile, is judged here.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define ROUNDS 40u
#define PAUSE_NS (5 * MF_NS_PER_MS)
#define RUN_NS (2 * MF_NS_PER_S)
#define SAID_BYTES_MAX (1024ull << 20) /* of log in that time: what a ring can carry, and some */

static void while_it(struct harness *harness, const char *name, const struct order *order,
                     const char *expected)
{
    char outcome[OUTCOME_BYTES] = "answers every time";
    if (!wanted(harness, name))
        return;
    victim_close(harness);
    if (!victim_open(harness, harness->raw_fd) || !victim_begin(harness, order, RUN_NS)) {
        judge(harness, name, "", "cannot be started", expected);
        return;
    }
    uint64_t said = harness->said_bytes, slowest_ns = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start_ns = mf_monotonic_ns();
        while (mf_monotonic_ns() < start_ns + PAUSE_NS)
            session_step(&harness->host, start_ns + PAUSE_NS);
        start_ns = mf_monotonic_ns();
        if (!neighbour_answers(harness))
            snprintf(outcome, sizeof outcome, "fails in round %u", i);
        uint64_t took_ns = mf_monotonic_ns() - start_ns;
        slowest_ns = took_ns > slowest_ns ? took_ns : slowest_ns;
    }
    if (harness->said_bytes - said > SAID_BYTES_MAX)
        snprintf(outcome, sizeof outcome, "is heard too much");
    judge(harness, name, "", outcome, expected);
    printf("  slowest answer %.1f ms; the hostile one said %.1f MiB, rang %llu times\n",
           (double)slowest_ns / 1e6, (double)(harness->said_bytes - said) / 1048576.0,
           (unsigned long long)harness->victim.bells);
    victim_close(harness);
}

/* An instance that dies at once, again and again. */
static void while_it_dies(struct harness *harness)
{
    const char *name = "neighbour of one that dies";
    char outcome[OUTCOME_BYTES] = "answers every time";
    struct order order = {.kind = ORDER_HYPERCALL, .number = 0, .address = 1};
    struct answer answer;
    if (!wanted(harness, name))
        return;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char death[OUTCOME_BYTES];
        (void)victim_order_anew(harness, &order, CASE_NS, &answer, death);
        if (!outcome_matches(death, "dies protocol"))
            snprintf(outcome, sizeof outcome, "death %u: %.100s", i, death);
        if (!neighbour_answers(harness))
            snprintf(outcome, sizeof outcome, "fails in round %u", i);
    }
    judge(harness, name, "", outcome, "answers every time");
}

void test_neighbour(struct harness *harness)
{
    static const struct order spin = {.kind = ORDER_SPIN};
    static const struct order bell = {.kind = ORDER_FLOOD_BELL, .number = UINT64_MAX};
    static const struct order log = {.kind = ORDER_FLOOD_LOG, .text = "flood\n"};
    static const struct order console = {.kind = ORDER_FLOOD_CONSOLE, .text = "flood"};
    while_it(harness, "neighbour of a spinner", &spin, "answers every time");
    while_it(harness, "neighbour of a bell flood", &bell, "answers every time");
    while_it(harness, "neighbour of a log flood", &log, "answers every time");
    while_it(harness, "neighbour of a console flood", &console, "answers every time");
    while_it_dies(harness);
}
