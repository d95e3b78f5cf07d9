/*
 * guard.c: see guard.h. In the place of the C library's __assert_fail(), for all of the program.
 * Guarantees: only an assertion in libmosquitto's own code below mqtt_guarded_read() returns
 * there; each other one ends the process with the same words as ever.
 * What the library had allocated for that packet, some hundred bytes, is not freed. It holds no
 * lock there that mosquitto_destroy() would wait for.
 */
#include "node/mqtt/guard.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local struct {
    jmp_buf back;
    bool armed;
} guard;

_Noreturn void __assert_fail(const char *assertion, const char *file, unsigned int line,
                             const char *function);

int mqtt_guarded_read(struct mosquitto *client)
{
    if (setjmp(guard.back) != 0) {
        guard.armed = false;
        return MOSQ_ERR_PROTOCOL;
    }
    guard.armed = true;
    int rc = mosq.loop_read(client, 1);
    guard.armed = false;
    return rc;
}

void mqtt_guard_pause(void)
{
    guard.armed = false;
}

void mqtt_guard_resume(void)
{
    guard.armed = true;
}

_Noreturn void __assert_fail(const char *assertion, const char *file, unsigned int line,
                             const char *function)
{
    if (guard.armed)
        longjmp(guard.back, 1);
    fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, assertion);
    abort();
}
