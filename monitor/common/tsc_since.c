/* tsc_since.c: owns the spawner's moment, which blanks inherit. Linux watches the counter, and goes by another clock when it is no good. */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/common/tsc.h"

#define CLOCK_FILE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

#define SLEPT_NS_MIN MF_NS_PER_MS

static struct tsc_moment since;
static uint64_t asleep_ns; /* of the host, until then */

static bool trusted(void)
{
    static const char name[] = "tsc\n";
    char text[32] = "";
    int fd = open(CLOCK_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return bytes == sizeof name - 1 && memcmp(text, name, sizeof name - 1) == 0;
}

void tsc_begin(void)
{
    asleep_ns = mf_clock_ns(CLOCK_BOOTTIME) - mf_monotonic_ns();
    if (trusted())
        since = tsc_moment();
}

void tsc_renew(void)
{
    if (!since.counter)
        return;
    uint64_t now_ns = mf_clock_ns(CLOCK_BOOTTIME) - mf_monotonic_ns();
    if (now_ns - asleep_ns + SLEPT_NS_MIN > 2 * SLEPT_NS_MIN) {
        asleep_ns = now_ns;
        since = tsc_moment();
    } else {
        since.apart_ns = mf_realtime_ns() - mf_monotonic_ns(); /* its clock may have been set meanwhile */
    }
}

const struct tsc_moment *tsc_since(void)
{
    return &since;
}
