/*
 * triggers.h: what makes a node call a function by itself: the setting `triggers`, a list of
 * objects. Each has one of the keys
 *   mqtt: FILTER     a message whose topic the filter takes; qos: 0, 1 (default) or 2;
 *                    nodes: one (default) | every, i.e. which of those that share a store make an event of it
 *   every: DURATION  an interval, as 10s
 *   cron: FIELDS     as crontab(5) (cron.h); timezone: a name of IANA's, default UTC
 *   key: PREFIX      a change of a key of the function's tenant that begins so; "": of any
 *   queue: NAME      what is pushed to that queue of the function's tenant
 * Beside every and cron: missed: skip (default) | once, i.e. what a node does that was down when
 * it was due.
 *
 * Part of struct settings (settings.h). Any thread; a struct triggers has one owner.
 */
#ifndef MF_IMAGE_TRIGGERS_H
#define MF_IMAGE_TRIGGERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "image/cron.h"

enum trigger_kind { TRIGGER_MQTT, TRIGGER_EVERY, TRIGGER_CRON, TRIGGER_KEY, TRIGGER_QUEUE };

struct trigger {
    enum trigger_kind kind;
    char *text;        /* heap: the filter, interval, fields, prefix or name; canonical     */
    size_t text_bytes; /* without its NUL                                                   */
    uint8_t qos;       /* MQTT: 0 … 2                                                       */
    bool every_node;   /* MQTT: nodes: every                                                */
    bool once;         /* every, cron: missed: once                                         */
    uint32_t every_ms; /* MF_TRIGGER_EVERY_MS_MIN … _MAX                                    */
    struct cron cron;
    char timezone[MF_TIMEZONE_BYTES_MAX + 1]; /* cron: is spelled like one; whether there is
                                                 such a zone, the machine knows             */
};

/* Zero-initialised: none. No two are the same. */
struct triggers {
    uint32_t count; /* at most MF_TRIGGERS_MAX          */
    struct trigger *each; /* heap, owned; NULL if none  */
};

/* Replace *triggers, which is unchanged on an error. MF_EINVAL names entry and key. */
MF_CHECKED mf_err triggers_from_json(const json_t *list, struct triggers *triggers,
                                     struct mf_why *why);
/* A new reference, every key of each; NULL on no memory. */
json_t *triggers_to_json(const struct triggers *triggers);
MF_CHECKED mf_err triggers_copy(const struct triggers *from, struct triggers *to);
void triggers_close(struct triggers *triggers);

/* The key it is written with: "mqtt", "every" … */
const char *trigger_kind_name(enum trigger_kind kind);
bool triggers_has(const struct triggers *triggers, enum trigger_kind kind);

#endif
