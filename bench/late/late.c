/* late.c: writes CLOCK_MONOTONIC, as it was when the handler began, under the key that the event's body names. */
#include <mayfly.h>
#include <stdio.h>
#include <time.h>

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char text[32];
    int bytes = snprintf(text, sizeof text, "%lld", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    if (mayfly_set(event, mayfly_body(event).data, text, (size_t)bytes, 0) != MAYFLY_OK)
        mayfly_fail(reply, "%s", mayfly_error_words(event));
}
