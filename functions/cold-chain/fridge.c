/* fridge.c: one refrigerator's state and its rules (fridge.h). */
#include "fridge.h"

#include <string.h>

static const char *const names[WATCH_KINDS] = {"warm", "door", "silent"};

const char *watch_name(enum watch_kind kind)
{
    return names[kind];
}

struct fridge fridge_read(struct mayfly_event *event, const char *text)
{
    struct mayfly_json_error error;
    const struct mayfly_json *state = mayfly_json_parse(event, text, strlen(text), &error);
    struct fridge fridge = {.seen = mayfly_json_number(state, "seen", 0),
                            .measured = mayfly_json_number(state, "measured", 0),
                            .moved = mayfly_json_number(state, "moved", 0),
                            .temperature = mayfly_json_number(state, "temperature", 0)};
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        const struct mayfly_json *watch = mayfly_json_member(state, names[kind]);
        double level = mayfly_json_number(watch, "level", LEVEL_FINE);
        fridge.watch[kind] = (struct watch){
            mayfly_json_number(watch, "since", 0),
            level == LEVEL_RAISED ? LEVEL_RAISED : level == LEVEL_ESCALATED ? LEVEL_ESCALATED : LEVEL_FINE,
            mayfly_json_bool(watch, "acknowledged", false)};
    }
    return fridge;
}

void fridge_write(const struct fridge *fridge, struct mayfly_text *text)
{
    mayfly_text_printf(text, "{\"seen\":%.3f,\"temperature\":%.15g", fridge->seen, fridge->temperature);
    if (fridge->measured > 0)
        mayfly_text_printf(text, ",\"measured\":%.3f", fridge->measured);
    if (fridge->moved > 0)
        mayfly_text_printf(text, ",\"moved\":%.3f", fridge->moved);
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        const struct watch *watch = &fridge->watch[kind];
        if (watch->since > 0)
            mayfly_text_printf(text, ",\"%s\":{\"since\":%.3f,\"level\":%d,\"acknowledged\":%s}",
                               names[kind], watch->since, (int)watch->level,
                               watch->acknowledged ? "true" : "false");
    }
    mayfly_text_printf(text, "}");
}

static void begin(struct watch *watch, double at)
{
    if (watch->since == 0)
        watch->since = at;
}

static void end(struct fridge *fridge, enum watch_kind kind, fridge_tell *tell, void *context)
{
    struct watch *watch = &fridge->watch[kind];
    if (watch->level != LEVEL_FINE)
        tell(context, fridge, kind, "over", watch->since);
    *watch = (struct watch){0};
}

/* Does a watch go a step by now? */
static bool ripen(struct fridge *fridge, enum watch_kind kind, double now,
                  const struct limits *limits, fridge_tell *tell, void *context)
{
    struct watch *watch = &fridge->watch[kind];
    double lasts = now - watch->since;
    if (watch->since == 0)
        return false;
    if (watch->level == LEVEL_FINE && lasts >= limits->limit_s[kind]) {
        watch->level = LEVEL_RAISED;
        tell(context, fridge, kind, "raised", watch->since);
        return true;
    }
    if (watch->level == LEVEL_RAISED && !watch->acknowledged &&
        lasts >= limits->limit_s[kind] + limits->escalate_s) {
        watch->level = LEVEL_ESCALATED;
        tell(context, fridge, kind, "escalated", watch->since);
        return true;
    }
    return false;
}

static bool ripen_all(struct fridge *fridge, double now, const struct limits *limits,
                      fridge_tell *tell, void *context)
{
    bool changed = false;
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        changed |= ripen(fridge, (enum watch_kind)kind, now, limits, tell, context);
    return changed;
}

static bool acknowledge(struct fridge *fridge)
{
    bool changed = false;
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        struct watch *watch = &fridge->watch[kind];
        changed |= watch->level != LEVEL_FINE && !watch->acknowledged;
        watch->acknowledged = watch->level != LEVEL_FINE;
    }
    return changed;
}

/* A message of its sensor: not silent, if it is the newest. False: it is an old one. */
static bool heard(struct fridge *fridge, const struct news *news, const struct limits *limits,
                  fridge_tell *tell, void *context)
{
    double *last = news->kind == NEWS_TEMPERATURE ? &fridge->measured : &fridge->moved;
    if (news->at < *last)
        return false;
    *last = news->at;
    if (news->at >= fridge->seen) {
        fridge->seen = news->at;
        end(fridge, WATCH_SILENT, tell, context);
    }
    if (news->kind == NEWS_TEMPERATURE) {
        fridge->temperature = news->temperature;
        if (news->temperature > limits->temperature_max)
            begin(&fridge->watch[WATCH_WARM], news->at);
        else
            end(fridge, WATCH_WARM, tell, context);
    } else if (news->open) {
        begin(&fridge->watch[WATCH_DOOR], news->at);
    } else {
        end(fridge, WATCH_DOOR, tell, context);
    }
    return true;
}

static void not_after(double *time, double now)
{
    if (*time > now)
        *time = now;
}

static void forget_the_future(struct fridge *fridge, double now)
{
    not_after(&fridge->seen, now);
    not_after(&fridge->measured, now);
    not_after(&fridge->moved, now);
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        not_after(&fridge->watch[kind].since, now);
}

static bool time_goes(struct fridge *fridge, double now, const struct limits *limits,
                      fridge_tell *tell, void *context)
{
    bool fell_silent = fridge->seen > 0 && fridge->watch[WATCH_SILENT].since == 0 &&
                       now - fridge->seen >= limits->limit_s[WATCH_SILENT];
    if (fell_silent)
        begin(&fridge->watch[WATCH_SILENT], fridge->seen);
    return ripen_all(fridge, now, limits, tell, context) || fell_silent;
}

bool fridge_hears(struct fridge *fridge, const struct news *told, const struct limits *limits,
                  fridge_tell *tell, void *context)
{
    struct news news = *told;
    if (news.now > 0) {
        not_after(&news.at, news.now);
        forget_the_future(fridge, news.now);
    }
    if (news.kind == NEWS_ACKNOWLEDGED)
        return acknowledge(fridge);
    if (news.kind == NEWS_TIME)
        return time_goes(fridge, news.at, limits, tell, context);
    if (!heard(fridge, &news, limits, tell, context))
        return false;
    (void)ripen_all(fridge, news.at, limits, tell, context);
    return true;
}
