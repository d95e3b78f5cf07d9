/*
 * threshold.c: takes a reading of a Smart Citizen Kit and says whether a sensor
 * passed its limit. Which sensors count and what the limit is stands in the
 * environment (SENSORS, LIMIT) or, for one request, in the query (sensors, limit).
 * The answer names the highest value among those sensors. As a step of a workflow it
 * answers only an alert, with what a message needs: text, WEBHOOK and CHANNEL.
 */
#include <errno.h>
#include <math.h>
#include <mayfly.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"
#include "reading.h"

/* eCO2 of the kit's CCS811 is 112, CO2 of an SCD30 158; 10 is what the kit's manual uses. */
#define SENSORS_DEFAULT "10,112,158"
#define LIMIT_DEFAULT "1000" /* ppm CO2: the air wants changing (Pettenkofer's number) */
#define SENSORS_MAX 64
#define NUMBER_BYTES 32

struct rule {
    uint32_t sensor[SENSORS_MAX];
    size_t sensors;
    double limit;
};

struct highest {
    const struct rule *rule;
    struct measurement measurement;
    bool any;
};

static bool sensors_from(const char *text, struct rule *rule)
{
    rule->sensors = 0;
    for (;;) {
        char *end;
        errno = 0;
        unsigned long id = strtoul(text, &end, 10);
        bool number = text[0] >= '0' && text[0] <= '9' && !errno && id <= UINT32_MAX;
        if (!number || rule->sensors == SENSORS_MAX)
            return false;
        rule->sensor[rule->sensors++] = (uint32_t)id;
        if (*end == 0)
            return true;
        if (*end != ',')
            return false;
        text = end + 1;
    }
}

static bool limit_from(const char *text, struct rule *rule)
{
    char *end;
    rule->limit = strtod(text, &end);
    return end != text && *end == 0 && isfinite(rule->limit);
}

static void consider(void *context, const struct measurement *measurement)
{
    struct highest *highest = context;
    for (size_t i = 0; i < highest->rule->sensors; i++) {
        if (highest->rule->sensor[i] != measurement->sensor)
            continue;
        if (!highest->any || measurement->value > highest->measurement.value)
            highest->measurement = *measurement;
        highest->any = true;
    }
}

/* {"error":"where: what"} with 400. */
static void refuse(struct mayfly_reply *reply, const char *where, const char *what,
                   const char *found)
{
    char text[512];
    (void)snprintf(text, sizeof text, found ? "%s: %s, not %s" : "%s: %s", where, what, found);
    mayfly_answer(reply, 400, "application/json", "{\"error\":");
    mayfly_json_write_string(reply, text);
    mayfly_puts(reply, "}\n");
}

/* Environment first, the query over it. A wrong environment is the owner's fault (500), a wrong
 * query the caller's (400). */
static bool rule_make(struct mayfly_event *event, struct mayfly_reply *reply, struct rule *rule)
{
    if (!sensors_from(mayfly_env("SENSORS", SENSORS_DEFAULT), rule)) {
        mayfly_fail(reply, "environment SENSORS: sensor numbers joined by commas belong here, "
                           "such as " SENSORS_DEFAULT);
        return false;
    }
    if (!limit_from(mayfly_env("LIMIT", LIMIT_DEFAULT), rule)) {
        mayfly_fail(reply, "environment LIMIT: a number belongs here, such as " LIMIT_DEFAULT);
        return false;
    }
    const char *sensors = mayfly_parameter(event, "sensors");
    const char *limit = mayfly_parameter(event, "limit");
    if (sensors && !sensors_from(sensors, rule)) {
        refuse(reply, "query, sensors", "sensor numbers joined by commas belong here", NULL);
        return false;
    }
    if (limit && !limit_from(limit, rule)) {
        refuse(reply, "query, limit", "a number belongs here", NULL);
        return false;
    }
    return true;
}

/* Fifteen digits where they read back the same, which is what people wrote; else all. */
static const char *shortest(double value, char text[static NUMBER_BYTES])
{
    (void)snprintf(text, NUMBER_BYTES, "%.15g", value);
    if (strtod(text, NULL) != value)
        (void)snprintf(text, NUMBER_BYTES, "%.17g", value);
    return text;
}

static void add_text(struct mayfly_reply *reply, const char *name, const char *value)
{
    if (!*value)
        return;
    mayfly_printf(reply, ",\"%s\":", name);
    mayfly_json_write_string(reply, value);
}

/* An alert is named after its reading, when it is known whose it is: a kit, or its broker, that got no
 * acknowledgement sends a reading once more, as another event, and it stays one alert. */
static void add_id(struct mayfly_reply *reply, const char *kit, const struct measurement *m)
{
    char id[192];
    (void)snprintf(id, sizeof id, "%.100s/%u/%s", kit, m->sensor, m->recorded_at);
    add_text(reply, "id", id);
}

/* For the next step of a workflow: who is to be told what. */
static void pass_on(struct mayfly_event *event, struct mayfly_reply *reply, const struct rule *rule,
                    const struct measurement *m)
{
    char limit[NUMBER_BYTES], value[NUMBER_BYTES], text[320];
    const char *kit = mayfly_topic_level(event, 2);
    shortest(rule->limit, limit);
    shortest(m->value, value);
    (void)snprintf(text, sizeof text, "CO2%s%.100s: sensor %u measured %s at %s, above the limit of %s",
                   kit ? " of kit " : "", kit ? kit : "", m->sensor, value, m->recorded_at, limit);
    mayfly_answer(reply, 200, "application/json",
                  "{\"alert\":true,\"sensor\":%u,\"value\":%s,\"limit\":%s,\"recorded_at\":\"%s\"",
                  m->sensor, value, limit, m->recorded_at);
    if (kit)
        add_id(reply, kit, m);
    add_text(reply, "text", text);
    add_text(reply, "webhook", mayfly_env("WEBHOOK", ""));
    add_text(reply, "channel", mayfly_env("CHANNEL", ""));
    mayfly_puts(reply, "}\n");
}

static void answer(struct mayfly_event *event, struct mayfly_reply *reply, const struct rule *rule,
                   const struct highest *highest)
{
    if (mayfly_header(event, "ce-type")) {
        if (highest->any && highest->measurement.value > rule->limit)
            pass_on(event, reply, rule, &highest->measurement);
        else
            mayfly_set_status(reply, 204);
        return;
    }
    char limit[NUMBER_BYTES], value[NUMBER_BYTES];
    shortest(rule->limit, limit);
    if (!highest->any) {
        mayfly_answer(reply, 200, "application/json",
                      "{\"alert\":false,\"reason\":\"none of the sensors asked for is in this "
                      "reading\",\"limit\":%s}\n", limit);
        return;
    }
    const struct measurement *m = &highest->measurement;
    bool alert = m->value > rule->limit;
    shortest(m->value, value);
    mayfly_answer(reply, 200, "application/json",
                  "{\"alert\":%s,\"reason\":\"sensor %u measured %s at %s, %s the limit of %s\","
                  "\"sensor\":%u,\"value\":%s,\"limit\":%s,\"recorded_at\":\"%s\"}\n",
                  alert ? "true" : "false", m->sensor, value, m->recorded_at,
                  alert ? "above" : "within", limit, m->sensor, value, limit, m->recorded_at);
    if (alert)
        mayfly_log(MAYFLY_WARN, "alert: sensor %u measured %s, the limit is %s", m->sensor, value,
                   limit);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct rule rule;
    if (!rule_make(event, reply, &rule))
        return;
    struct mayfly_bytes body = mayfly_body(event);
    struct highest highest = {.rule = &rule};
    struct reading_fault fault;
    if (raw_is(body.data, body.bytes)) {
        if (raw_each(event, body.data, body.bytes, consider, &highest, &fault))
            answer(event, reply, &rule, &highest);
        else
            refuse(reply, fault.where, fault.what, fault.found);
        return;
    }
    struct mayfly_json_error error;
    const struct mayfly_json *reading = mayfly_json_parse(event, body.data, body.bytes, &error);
    if (!reading) {
        char where[WHERE_BYTES];
        (void)snprintf(where, sizeof where, "the body is no JSON, line %zu, column %zu",
                       error.line, error.column);
        refuse(reply, where, error.what, NULL);
        return;
    }
    if (reading_each(reading, consider, &highest, &fault))
        answer(event, reply, &rule, &highest);
    else
        refuse(reply, fault.where, fault.what, fault.found);
}
