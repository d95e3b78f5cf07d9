/*
 * trouble.c: a function for the node's tests: the path says what to do, the query's n
 * how long or how much.
 */
#include <mayfly.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int served;

/* What goes wrong before the first event: as TROUBLE_INIT says. */
__attribute__((constructor)) static void begin(void)
{
    const char *how = getenv("TROUBLE_INIT");
    if (how && strcmp(how, "abort") == 0)
        abort();
    while (how && strcmp(how, "spin") == 0)
        ;
}

static unsigned long number(struct mayfly_event *event)
{
    const char *n = mayfly_parameter(event, "n");
    return n ? strtoul(n, NULL, 10) : 0;
}

static void sleep_ms(unsigned long ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void spin_ms(unsigned long ms)
{
    long long until = now_ms() + (long long)ms;
    while (now_ms() < until)
        ;
}

/* Answers by the kernel's own call (abi/calls.h: reply, with MF_CALL_END), then goes on. */
static void linger_ms(unsigned long ms)
{
    (void)syscall(0x6d6602, 200L, NULL, 0L, NULL, 0L, 1L);
    spin_ms(ms);
}

static void reply_bytes(struct mayfly_reply *reply, unsigned long bytes)
{
    static char block[65536];
    memset(block, 'x', sizeof block);
    while (bytes) {
        size_t part = bytes < sizeof block ? bytes : sizeof block;
        mayfly_write(reply, block, part);
        bytes -= part;
    }
}

__attribute__((noinline)) static void deep_fault(volatile int *where)
{
    *where = (int)getpid(); /* a call, so that there is a frame to walk */
}

/* Until a server of the test's own has answered: `url`. */
static void hold(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const struct mayfly_request request = {.url = mayfly_parameter(event, "url")};
    struct mayfly_response response;
    if (!request.url || mayfly_fetch(event, &request, &response))
        mayfly_fail(reply, "nobody holds it: %s", mayfly_error_words(event));
}

static void show(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *name, *value;
    mayfly_printf(reply, "method=%s\npath=%s\nquery=%s\nbody=%zu\n", mayfly_method(event),
                  mayfly_path(event), mayfly_query(event), mayfly_body(event).bytes);
    for (size_t at = 0; mayfly_each_header(event, &at, &name, &value);)
        mayfly_printf(reply, "header %s=%s\n", name, value);
    mayfly_printf(reply, "served=%d\ncolour=%s\n", served, mayfly_env("COLOUR", "none"));
}

/* What show() shows, in the log. */
static void tell(struct mayfly_event *event)
{
    const char *name, *value;
    mayfly_log(MAYFLY_INFO, "method=%s path=%s query=%s body=%zu", mayfly_method(event),
               mayfly_path(event), mayfly_query(event), mayfly_body(event).bytes);
    for (size_t at = 0; mayfly_each_header(event, &at, &name, &value);)
        mayfly_log(MAYFLY_INFO, "header %s=%s", name, value);
}

static void log_lines(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        mayfly_log(MAYFLY_INFO, "line %lu", i);
}

static void reply_headers(struct mayfly_reply *reply)
{
    mayfly_set_status(reply, 207);
    mayfly_add_header(reply, "x-one", "1");
    mayfly_add_header(reply, "set-cookie", "a=1");
    mayfly_add_header(reply, "set-cookie", "b=2");
    mayfly_add_header(reply, "connection", "x-hop");
    mayfly_add_header(reply, "content-length", "999");
    mayfly_add_header(reply, "x-call-id", "forged");
    mayfly_puts(reply, "headers");
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *path = mayfly_path(event);
    unsigned long n = number(event);
    served++;
    if (strcmp(path, "/show") == 0)
        show(event, reply);
    else if (strcmp(path, "/tell") == 0)
        tell(event);
    else if (strcmp(path, "/count") == 0)
        mayfly_printf(reply, "%d", served);
    else if (strcmp(path, "/fail") == 0)
        mayfly_fail(reply, "it failed with \"%lu\"", n);
    else if (strcmp(path, "/null") == 0) {
        deep_fault(n ? (int *)n : NULL);
        mayfly_puts(reply, "still here"); /* so that the call above is none at the tail */
    }
    else if (strcmp(path, "/toil") == 0) {
        mayfly_log(MAYFLY_INFO, "it toils");
        spin_ms(n);
    }
    else if (strcmp(path, "/last") == 0) {
        mayfly_log(MAYFLY_INFO, "its last words");
        deep_fault(NULL);
    }
    else if (strcmp(path, "/abort") == 0)
        abort();
    else if (strcmp(path, "/exit") == 0)
        exit((int)n);
    else if (strcmp(path, "/status") == 0)
        mayfly_answer(reply, (unsigned)n, "text/plain", "status %lu", n);
    else if (strcmp(path, "/headers") == 0)
        reply_headers(reply);
    else if (strcmp(path, "/bytes") == 0)
        reply_bytes(reply, n);
    else if (strcmp(path, "/log") == 0)
        log_lines(n);
    else if (strcmp(path, "/nap") == 0)
        sleep_ms(n);
    else if (strcmp(path, "/hold") == 0)
        hold(event, reply);
    else if (strcmp(path, "/spin") == 0)
        spin_ms(n);
    else if (strcmp(path, "/linger") == 0)
        linger_ms(n);
    else if (strcmp(path, "/stderr") == 0)
        (void)dprintf(STDERR_FILENO, "a line on standard error\n");
    else if (strcmp(path, "/cancel") == 0)
        while (!mayfly_cancelled(event))
            sleep_ms(5);
    if (strcmp(path, "/show") != 0 && n == 0 && strcmp(path, "/fail") != 0)
        mayfly_log(MAYFLY_DEBUG, "did %s", path);
}
