/* await.c: see event.h. All sleeps until there is a message. Owns nothing. */
#include "kernel/core/freeze.h"
#include "kernel/event/event.h"
#include "kernel/event/wire.h"

int64_t event_await(void)
{
    freeze_here();
    wire_wait(true);
    return 0;
}
