/*
 * dhs.c: daily health statistics. A scale's {"weight":71.5} on health/USER/weight (over HTTP
 * with "user") becomes the user's running average, (current * day + value) / (day + 1), and
 * what the day, the week and the month have changed. Each weight counts once, however often it is
 * delivered: the state of a user changes once by each event (mayfly_state.h).
 *
 * The state: the days so far; the average of all; of this week's and of this month's days
 * how many and their average; the averages of the week and the month before.
 */
#include <math.h>
#include <mayfly_json.h>
#include <mayfly_state.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES 160
#define WEEK_DAYS 7
#define MONTH_DAYS 30

struct span {
    double days, average, before; /* before: NAN until one has passed */
};

struct statistics {
    double days, average;
    struct span week, month;
};

struct step {
    struct mayfly_event *event;
    const char *user;
    double weight;
};

static double running(double current, double days, double value)
{
    return (current * days + value) / (days + 1);
}

static struct span span_read(const struct mayfly_json *state, const char *name)
{
    const struct mayfly_json *span = mayfly_json_member(state, name);
    return (struct span){mayfly_json_number(span, "days", 0), mayfly_json_number(span, "average", 0),
                         mayfly_json_number(span, "before", NAN)};
}

static void span_add(struct span *span, double length, double value)
{
    if (span->days >= length)
        *span = (struct span){.before = span->average};
    span->average = running(span->average, span->days, value);
    span->days++;
}

static void span_write(struct mayfly_text *text, const char *name, const struct span *span)
{
    mayfly_text_printf(text, ",\"%s\":{\"days\":%.0f,\"average\":%.17g", name, span->days, span->average);
    if (!isnan(span->before))
        mayfly_text_printf(text, ",\"before\":%.17g", span->before);
    mayfly_text_printf(text, "}");
}

static void progress_write(struct mayfly_text *text, const char *name, double now, double before)
{
    if (!isnan(before))
        mayfly_text_printf(text, ",\"%s\":%.17g", name, now - before);
}

static bool add_weight(void *context, const char *old, struct mayfly_text *next,
                       struct mayfly_text *answer)
{
    const struct step *step = context;
    struct mayfly_json_error error;
    const struct mayfly_json *state = mayfly_json_parse(step->event, old, strlen(old), &error);
    struct statistics s = {mayfly_json_number(state, "days", 0),
                           mayfly_json_number(state, "average", 0), span_read(state, "week"),
                           span_read(state, "month")};
    double before = s.days > 0 ? s.average : NAN;
    s.average = running(s.average, s.days, step->weight);
    s.days++;
    span_add(&s.week, WEEK_DAYS, step->weight);
    span_add(&s.month, MONTH_DAYS, step->weight);
    mayfly_text_printf(next, "{\"days\":%.0f,\"average\":%.17g", s.days, s.average);
    span_write(next, "week", &s.week);
    span_write(next, "month", &s.month);
    mayfly_text_printf(next, "}");
    mayfly_text_printf(answer, "{\"user\":");
    mayfly_text_string(answer, step->user);
    mayfly_text_printf(answer, ",\"day\":%.0f,\"average\":%.17g", s.days, s.average);
    progress_write(answer, "daily", step->weight, before);
    progress_write(answer, "weekly", s.week.average, s.week.before);
    progress_write(answer, "monthly", s.month.average, s.month.before);
    mayfly_text_printf(answer, "}");
    return true;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *message = mayfly_json_parse(event, body.data, body.bytes, &error);
    const char *user = mayfly_topic_level(event, 1);
    struct step step = {event, mayfly_json_text(message, "user", user ? user : ""),
                        mayfly_json_number(message, "weight", NAN)};
    char key[KEY_BYTES];
    int bytes = snprintf(key, sizeof key, "dhs/%s", step.user);
    if (!*step.user || bytes >= (int)sizeof key || !(step.weight > 0)) {
        mayfly_answer(reply, 400, "application/json",
                      "{\"error\":\"a scale says {\\\"weight\\\":71.5}, for a user in the topic or as user\"}\n");
        return;
    }
    const char *answer;
    enum mayfly_error failed = mayfly_once(event, key, add_weight, &step, &answer);
    if (failed)
        mayfly_fail(reply, "%s: %s: %s", key, mayfly_error_name(failed), mayfly_error_words(event));
    else
        mayfly_answer(reply, 200, "application/json", "%s\n", answer);
}
