/* reading.c: one walk over a reading, made twice: without a visitor to check, then to visit. */
#include "reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "date.h"

static bool wrong(struct reading_fault *fault, const char *what,
                  const struct mayfly_json *found, const char *where, ...)
    __attribute__((format(printf, 4, 5)));

static bool wrong(struct reading_fault *fault, const char *what,
                  const struct mayfly_json *found, const char *where, ...)
{
    va_list args;
    va_start(args, where);
    (void)vsnprintf(fault->where, sizeof fault->where, where, args);
    va_end(args);
    fault->what = what;
    fault->found = mayfly_json_kind_name(found);
    return false;
}

static bool is(const struct mayfly_json *value, enum mayfly_json_kind kind)
{
    return value && value->kind == kind;
}

/* A sensor's id is a whole number that fits 32 bits. */
static bool is_id(const struct mayfly_json *value)
{
    return is(value, MAYFLY_JSON_NUMBER) && value->number >= 0 && value->number <= UINT32_MAX &&
           value->number == (double)(uint32_t)value->number;
}

static bool sensor_walk(const struct mayfly_json *sensor, size_t i, size_t j,
                        const char *recorded_at, reading_visit *visit, void *context,
                        struct reading_fault *fault)
{
    if (!is(sensor, MAYFLY_JSON_OBJECT))
        return wrong(fault, "an object with id and value belongs here", sensor,
                     "data[%zu].sensors[%zu]", i, j);
    const struct mayfly_json *id = mayfly_json_member(sensor, "id");
    const struct mayfly_json *value = mayfly_json_member(sensor, "value");
    if (!is_id(id)) {
        wrong(fault, "the sensor's number belongs here, whole and from 0", id,
              "data[%zu].sensors[%zu].id", i, j);
        if (is(id, MAYFLY_JSON_NUMBER))
            fault->found = "another number";
        return false;
    }
    if (!is(value, MAYFLY_JSON_NUMBER))
        return wrong(fault, "a number belongs here", value, "data[%zu].sensors[%zu].value", i, j);
    if (visit)
        visit(context, &(struct measurement){recorded_at, (uint32_t)id->number, value->number});
    return true;
}

static bool item_walk(const struct mayfly_json *item, size_t i, reading_visit *visit,
                      void *context, struct reading_fault *fault)
{
    if (!is(item, MAYFLY_JSON_OBJECT))
        return wrong(fault, "an object with recorded_at and sensors belongs here", item,
                     "data[%zu]", i);
    const struct mayfly_json *at = mayfly_json_member(item, "recorded_at");
    if (!is(at, MAYFLY_JSON_STRING))
        return wrong(fault, "a time as a string belongs here", at, "data[%zu].recorded_at", i);
    const char *date = date_fault(at->text);
    if (date || strlen(at->text) != at->text_bytes) {
        wrong(fault, date ? date : "a NUL has no place in a time", at, "data[%zu].recorded_at", i);
        fault->found = NULL;
        return false;
    }
    const struct mayfly_json *sensors = mayfly_json_member(item, "sensors");
    if (!is(sensors, MAYFLY_JSON_ARRAY))
        return wrong(fault, "an array of sensors belongs here", sensors, "data[%zu].sensors", i);
    size_t j = 0;
    for (const struct mayfly_json *s = sensors->first; s; s = s->next)
        if (!sensor_walk(s, i, j++, at->text, visit, context, fault))
            return false;
    return true;
}

static bool walk(const struct mayfly_json *reading, reading_visit *visit, void *context,
                 struct reading_fault *fault)
{
    if (!is(reading, MAYFLY_JSON_OBJECT))
        return wrong(fault, "a reading is an object with data", reading, "the body");
    const struct mayfly_json *data = mayfly_json_member(reading, "data");
    if (!is(data, MAYFLY_JSON_ARRAY))
        return wrong(fault, "an array of measurements belongs here", data, "data");
    if (!data->first)
        return wrong(fault, "at least one measurement belongs here", data, "data");
    size_t i = 0;
    for (const struct mayfly_json *item = data->first; item; item = item->next)
        if (!item_walk(item, i++, visit, context, fault))
            return false;
    return true;
}

bool reading_each(const struct mayfly_json *reading, reading_visit *visit, void *context,
                  struct reading_fault *fault)
{
    return walk(reading, NULL, NULL, fault) && walk(reading, visit, context, fault);
}
