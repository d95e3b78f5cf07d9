/* axis.c: ticks at 1, 2 and 5 times powers of ten, Heckbert's "nice numbers" for linear ones. */
#include "bench/plot/axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double steps[] = {1, 2, 5};
#define STEPS (sizeof steps / sizeof steps[0])
#define SLACK 1e-9
#define LINEAR_TICKS 6.0

/* The nearest 1, 2 or 5 times a power of ten at or below value; at or above it if up. */
static double nice(double value, bool up)
{
    double decade = pow(10, floor(log10(value) + SLACK));
    double best = up ? 10 * decade : decade;
    for (size_t i = 0; i < STEPS; i++) {
        double step = steps[i] * decade;
        if (up ? step >= value * (1 - SLACK) && step < best : step <= value * (1 + SLACK))
            best = step;
    }
    return best;
}

struct axis axis_around(bool log, double low, double high, double from_px, double to_px)
{
    struct axis axis = {.log = log, .from_px = from_px, .to_px = to_px};
    if (log) {
        if (!(high > 0))
            high = 1;
        if (!(low > 0) || low > high)
            low = high;
        axis.low = nice(low, false);
        axis.high = nice(high, true);
        if (axis.high <= axis.low)
            axis.high = nice(axis.low * 1.5, true);
        return axis;
    }
    double step = nice((high > 0 ? high : 1) / LINEAR_TICKS, true);
    axis.high = step * ceil((high > 0 ? high : 1) / step - SLACK);
    return axis;
}

double axis_at(const struct axis *axis, double value)
{
    double share;
    value = value > axis->low ? value : axis->low;
    value = value < axis->high ? value : axis->high;
    if (axis->log)
        share = (log10(value) - log10(axis->low)) / (log10(axis->high) - log10(axis->low));
    else
        share = (value - axis->low) / (axis->high - axis->low);
    return axis->from_px + share * (axis->to_px - axis->from_px);
}

void axis_number(double value, char text[static AXIS_LABEL_BYTES])
{
    char plain[AXIS_LABEL_BYTES];
    double size = fabs(value);
    int digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    int bytes = snprintf(plain, sizeof plain, "%.*f", digits, fabs(value) < 1e12 ? value : 0);
    char *point = memchr(plain, '.', (size_t)bytes);
    if (point) { /* 0.500 is 0.5, 2.00 is 2 */
        char *end = plain + bytes;
        while (end[-1] == '0')
            *--end = 0;
        if (end[-1] == '.')
            *--end = 0;
    }
    size_t whole = strcspn(plain, "."), at = 0;
    for (size_t i = 0; plain[i] && at < AXIS_LABEL_BYTES - 1; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0 && plain[i - 1] != '-' &&
            at < AXIS_LABEL_BYTES - 2)
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = 0;
}

static size_t add(struct tick *ticks, size_t count, double value)
{
    ticks[count] = (struct tick){.value = value};
    axis_number(value, ticks[count].label);
    return count + 1;
}

static size_t linear_ticks(const struct axis *axis, struct tick ticks[AXIS_TICKS_MAX])
{
    double step = nice((axis->high - axis->low) / LINEAR_TICKS, true);
    size_t count = 0;
    for (double value = axis->low; value <= axis->high + step * SLACK && count < AXIS_TICKS_MAX;
         value = axis->low + step * (double)count)
        count = add(ticks, count, value);
    return count;
}

static size_t log_ticks(const struct axis *axis, struct tick ticks[AXIS_TICKS_MAX])
{
    size_t count = 0;
    for (double decade = pow(10, floor(log10(axis->low) + SLACK));
         decade <= axis->high && count + STEPS <= AXIS_TICKS_MAX; decade *= 10)
        for (size_t i = 0; i < STEPS; i++) {
            double value = steps[i] * decade;
            if (value >= axis->low * (1 - SLACK) && value <= axis->high * (1 + SLACK))
                count = add(ticks, count, value);
        }
    return count;
}

static bool is_power_of_ten(double value)
{
    double exponent = log10(value);
    return fabs(exponent - round(exponent)) < SLACK;
}

/* Powers of ten first; others where they leave room on both sides. */
static void choose_labels(const struct axis *axis, double apart_px, struct tick *ticks,
                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        ticks[i].major = !axis->log || is_power_of_ten(ticks[i].value);
    for (size_t i = 0; i < count; i++) {
        double at = axis_at(axis, ticks[i].value);
        bool room = true;
        for (size_t j = 0; j < count && !ticks[i].major; j++)
            if (ticks[j].major && fabs(axis_at(axis, ticks[j].value) - at) < apart_px)
                room = false;
        ticks[i].major |= room;
    }
}

size_t axis_ticks(const struct axis *axis, double apart_px, struct tick ticks[AXIS_TICKS_MAX])
{
    size_t count = axis->log ? log_ticks(axis, ticks) : linear_ticks(axis, ticks);
    choose_labels(axis, apart_px, ticks, count);
    return count;
}
