/*
 * fib.c: Fibonacci numbers by the naive recursion, as work for a processor: the
 * index is ?n= or the body. fib(35) takes a tenth of a second, each step more by
 * the golden ratio.
 */
#include <mayfly.h>
#include <stdlib.h>

#define INDEX_MAX 93     /* the last that fits 64 bits */
#define INDEX_ASKS 30    /* looks here, every few milliseconds, whether anybody waits */

static bool cancelled;

static uint64_t fib(const struct mayfly_event *event, unsigned n)
{
    if (n < 2)
        return n;
    if (n == INDEX_ASKS && mayfly_cancelled(event))
        cancelled = true;
    if (cancelled)
        return 0;
    return fib(event, n - 1) + fib(event, n - 2);
}

static bool index_of(const char *text, unsigned *n)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    bool number = text[0] >= '0' && text[0] <= '9';
    while (*end == '\n' || *end == '\r' || *end == ' ')
        end++;
    *n = (unsigned)value;
    return number && *end == 0 && value <= INDEX_MAX;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *text = mayfly_parameter(event, "n");
    if (!text)
        text = mayfly_body(event).data;
    unsigned n;
    if (!index_of(text, &n)) {
        mayfly_answer(reply, 400, "text/plain; charset=utf-8",
                      "an index from 0 to %d belongs into ?n= or the body, not '%.32s'\n",
                      INDEX_MAX, text);
        return;
    }
    cancelled = false;
    uint64_t result = fib(event, n);
    if (!cancelled)
        mayfly_answer(reply, 200, "text/plain; charset=utf-8", "%llu\n",
                      (unsigned long long)result);
}
