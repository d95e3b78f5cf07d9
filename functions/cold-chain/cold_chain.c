/*
 * cold_chain.c: the cold chain of a shop. What happens is told by
 *   shop/SHOP/fridge/FRIDGE/reading   {"temperature":4.2,"at":1515692571}
 *   shop/SHOP/fridge/FRIDGE/door      {"door":"open","at":1515692571} or closed
 *   shop/SHOP/acknowledge             {"fridge":"FRIDGE"}: somebody is on the way
 *   a timer                           looks at all fridges: which fell silent, what ripened
 * Each fridge has a state of its own (fridge.h), changed once by each event. An alarm is pushed to the
 * queue `alarms`, from which the siren in the shop and the webhook take it, each at its own pace.
 * Its id is made of what it is about, so that whoever gets it twice knows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fridge.h"

#define PREFIX "cold-chain/"
#define KEY_BYTES 257 /* the longest key, and its NUL */
#define ALARM_BYTES 4096
#define SCAN_COUNT 200
#define CLOCK_SET 1704067200 /* 2024: a machine that knows only an earlier time has not been told it yet */

static struct limits limits;

/* A step of one fridge, as mayfly_once() wants it. */
struct step {
    struct mayfly_event *event;
    struct news news;
};

struct telling {
    struct mayfly_text *answer;
    unsigned count;
};

static bool minutes(const char *name, const char *otherwise, double *seconds)
{
    char *end;
    const char *text = mayfly_env(name, otherwise);
    *seconds = strtod(text, &end) * 60;
    if (end != text && *end == 0 && *seconds >= 0 && isfinite(*seconds))
        return true;
    mayfly_log(MAYFLY_ERROR, "environment %s: \"%s\"; a number of minutes belongs here", name, text);
    return false;
}

int mayfly_init(void)
{
    char *end;
    const char *text = mayfly_env("TEMPERATURE_MAX", "7");
    limits.temperature_max = strtod(text, &end);
    if (end == text || *end || !isfinite(limits.temperature_max)) {
        mayfly_log(MAYFLY_ERROR, "environment TEMPERATURE_MAX: \"%s\"; degrees belong here", text);
        return 1;
    }
    return !minutes("WARM_MINUTES", "10", &limits.limit_s[WATCH_WARM]) ||
           !minutes("DOOR_MINUTES", "5", &limits.limit_s[WATCH_DOOR]) ||
           !minutes("SILENT_MINUTES", "15", &limits.limit_s[WATCH_SILENT]) ||
           !minutes("ESCALATE_MINUTES", "30", &limits.escalate_s);
}

static void tell(void *context, const struct fridge *fridge, enum watch_kind kind, const char *what,
                 double since)
{
    struct telling *telling = context;
    mayfly_text_printf(telling->answer, "%s{\"kind\":\"%s\",\"what\":\"%s\",\"since\":%.3f,\"temperature\":%.15g}",
                       telling->count++ ? "," : "[", watch_name(kind), what, since,
                       fridge->temperature);
}

static bool take_step(void *context, const char *state, struct mayfly_text *next,
                      struct mayfly_text *answer)
{
    struct step *step = context;
    struct telling telling = {answer, 0};
    struct fridge fridge = fridge_read(step->event, state);
    if (step->news.kind == NEWS_ACKNOWLEDGED && !*state)
        return false;
    bool changed = fridge_hears(&fridge, &step->news, &limits, tell, &telling);
    if (telling.count)
        mayfly_text_printf(answer, "]");
    fridge_write(&fridge, next);
    return changed;
}

/* "Shop 12, fridge milk: too warm since 10:42, 9.1 degrees" */
static void describe(struct mayfly_text *text, const char *shop, const char *fridge,
                     const struct mayfly_json *alarm)
{
    static const char *const words[][2] = {
        {"warm", "too warm"}, {"door", "door open"}, {"silent", "sensor silent"}};
    const char *kind = mayfly_json_text(alarm, "kind", ""), *what = mayfly_json_text(alarm, "what", "");
    const char *said = kind;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i][0], kind) == 0)
            said = words[i][1];
    time_t since = (time_t)mayfly_json_number(alarm, "since", 0);
    struct tm tm;
    char clock[32] = "";
    if (gmtime_r(&since, &tm))
        (void)strftime(clock, sizeof clock, "%Y-%m-%d %H:%M UTC", &tm);
    char line[512];
    bool over = strcmp(what, "over") == 0, escalated = strcmp(what, "escalated") == 0;
    (void)snprintf(line, sizeof line, "%sShop %.100s, fridge %.100s: %s%s since %s, last %.1f degrees",
                   escalated ? "NOBODY ACKNOWLEDGED. " : "", shop, fridge, over ? "over: " : "", said,
                   clock, mayfly_json_number(alarm, "temperature", 0));
    mayfly_text_string(text, line);
}

static void add_text(struct mayfly_text *text, const char *name, const char *value)
{
    mayfly_text_printf(text, ",\"%s\":", name);
    mayfly_text_string(text, value);
}

static enum mayfly_error push_alarm(struct mayfly_event *event, const char *shop, const char *fridge,
                                    const struct mayfly_json *alarm)
{
    const char *kind = mayfly_json_text(alarm, "kind", ""), *what = mayfly_json_text(alarm, "what", "");
    bool escalated = strcmp(what, "escalated") == 0;
    char id[2 * KEY_BYTES];
    struct mayfly_text text = {.data = mayfly_alloc(event, ALARM_BYTES), .room = ALARM_BYTES};
    if (!text.data)
        return MAYFLY_BUSY;
    (void)snprintf(id, sizeof id, "%.150s/%.150s/%s/%.0f/%s", shop, fridge, kind,
                   mayfly_json_number(alarm, "since", 0), what);
    mayfly_text_printf(&text, "{\"id\":");
    mayfly_text_string(&text, id);
    add_text(&text, "shop", shop);
    add_text(&text, "fridge", fridge);
    add_text(&text, "kind", kind);
    add_text(&text, "what", what);
    mayfly_text_printf(&text, ",\"text\":");
    describe(&text, shop, fridge, alarm);
    if (*mayfly_env("WEBHOOK", ""))
        add_text(&text, "webhook", mayfly_env("WEBHOOK", ""));
    const char *channel = mayfly_env("CHANNEL", "");
    if (escalated)
        channel = mayfly_env("ESCALATION_CHANNEL", channel);
    if (*channel)
        add_text(&text, "channel", channel);
    mayfly_text_printf(&text, "}");
    if (text.cut)
        return MAYFLY_TOO_LARGE;
    struct mayfly_message message = {.data = text.data, .bytes = text.bytes,
                                     .content_type = "application/json", .type = "cold-chain.alarm",
                                     .urgent = true};
    mayfly_log(MAYFLY_WARN, "alarm %s", id);
    return mayfly_push(event, "alarms", &message, NULL);
}

/* One fridge hears the news; its alarms go out. False: the event failed, and says why. */
static bool hear(struct mayfly_event *event, struct mayfly_reply *reply, const char *shop,
                 const char *fridge, const struct news *news)
{
    char key[KEY_BYTES];
    if (snprintf(key, sizeof key, PREFIX "%s/%s", shop, fridge) >= (int)sizeof key) {
        mayfly_answer(reply, 400, "text/plain", "the names of shop and fridge are too long\n");
        return false;
    }
    struct step step = {event, *news};
    const char *answer;
    enum mayfly_error failed = mayfly_once(event, key, take_step, &step, &answer);
    struct mayfly_json_error error;
    const struct mayfly_json *alarms = NULL;
    if (!failed && *answer)
        alarms = mayfly_json_parse(event, answer, strlen(answer), &error);
    for (const struct mayfly_json *at = alarms ? alarms->first : NULL; at && !failed; at = at->next)
        failed = push_alarm(event, shop, fridge, at);
    if (failed)
        mayfly_fail(reply, "%s: %s: %s", key, mayfly_error_name(failed), mayfly_error_words(event));
    return !failed;
}

static double now_or_unknown(void)
{
    const time_t now = time(NULL);
    return now >= CLOCK_SET ? (double)now : 0;
}

/* All fridges, one after the other, hear what time it is. */
static bool look_at_all(struct mayfly_event *event, struct mayfly_reply *reply, double now)
{
    struct news news = {.kind = NEWS_TIME, .at = now, .now = now_or_unknown()};
    char after[KEY_BYTES] = "";
    struct mayfly_pairs pairs = {.more = true};
    while (pairs.more) {
        enum mayfly_error failed = mayfly_scan(event, PREFIX, after, SCAN_COUNT, &pairs);
        if (failed) {
            mayfly_fail(reply, "%s: %s", mayfly_error_name(failed), mayfly_error_words(event));
            return false;
        }
        for (size_t i = 0; i < pairs.count; i++) {
            char name[KEY_BYTES];
            (void)snprintf(name, sizeof name, "%s", pairs.pair[i].key);
            (void)snprintf(after, sizeof after, "%s", name);
            char *fridge = strchr(name + sizeof PREFIX - 1, '/');
            if (!fridge)
                continue;
            *fridge++ = 0;
            if (!hear(event, reply, name + sizeof PREFIX - 1, fridge, &news))
                return false;
        }
    }
    return true;
}

/* What the message says; NULL: well, else what is wrong. */
static const char *understand(const struct mayfly_json *message, const char *leaf, struct news *news)
{
    news->at = mayfly_json_number(message, "at", (double)time(NULL));
    if (!(news->at > 0 && news->at < 1e12))
        return "at is in seconds since 1970";
    news->temperature = mayfly_json_number(message, "temperature", NAN);
    const char *door = mayfly_json_text(message, "door", "");
    news->open = strcmp(door, "open") == 0;
    news->kind = strcmp(leaf, "door") == 0 ? NEWS_DOOR : NEWS_TEMPERATURE;
    if (news->kind == NEWS_TEMPERATURE && !(fabs(news->temperature) < 1000))
        return "a reading says {\"temperature\":4.2}";
    if (news->kind == NEWS_DOOR && !news->open && strcmp(door, "closed") != 0)
        return "a door says {\"door\":\"open\"} or closed";
    return NULL;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *message = mayfly_json_parse(event, body.data, body.bytes, &error);
    const char *type = mayfly_header(event, "ce-type");
    if (type && strcmp(type, "mayfly.timer") == 0) {
        if (look_at_all(event, reply, mayfly_json_number(message, "at", (double)time(NULL))))
            mayfly_set_status(reply, 204);
        return;
    }
    const char *shop = mayfly_topic_level(event, 1), *what = mayfly_topic_level(event, 2);
    const char *fridge = mayfly_topic_level(event, 3), *leaf = mayfly_topic_level(event, 4);
    struct news news = {.kind = NEWS_ACKNOWLEDGED, .now = now_or_unknown()};
    const char *wrong = NULL;
    if (what && strcmp(what, "acknowledge") == 0)
        fridge = mayfly_json_text(message, "fridge", "");
    else
        wrong = leaf ? understand(message, leaf, &news) : "its topic is none of this function's";
    if (!wrong && (!shop || !*shop || !fridge || !*fridge))
        wrong = "which shop, which fridge?";
    if (wrong)
        mayfly_answer(reply, 400, "text/plain", "%s\n", wrong);
    else if (hear(event, reply, shop, fridge, &news))
        mayfly_set_status(reply, 204);
}
