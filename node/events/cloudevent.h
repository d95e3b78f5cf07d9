/*
 * cloudevent.h: CloudEvents 1.0: an event's attributes and data, as headers (binary mode), as
 * one JSON text (structured mode), as a list of them (batch).
 *
 *     HTTP, MQTT ──▶ cloudevent_parse() ──┐                         ┌──▶ cloudevent_put():   headers
 *     headers    ──▶ cloudevent_read()  ──┼──▶ struct cloudevent ───┼──▶ cloudevent_write(): JSON
 *     the node   ──▶ cloudevent_set()   ──┘                         └──▶ cloudevent_guest(): an event
 *                                                                        for a function's queue
 *
 * All that comes in may be hostile. Pure functions but for cloudevent_write()'s buffer; any
 * thread. Texts are borrowed and not terminated; see each function for what they point into.
 */
#ifndef MF_NODE_EVENTS_CLOUDEVENT_H
#define MF_NODE_EVENTS_CLOUDEVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct field_writer;

struct event_text {
    const char *text; /* NULL: there is none */
    size_t bytes;
};

struct event_attribute {
    struct event_text name;  /* a-z, 0-9; 1 … MF_EVENT_NAME_BYTES_MAX                         */
    struct event_text value; /* 1 … MF_EVENT_VALUE_BYTES_MAX bytes of UTF-8, no controls      */
};

/* id, source, type, time, subject, datacontenttype … and extensions; specversion is "1.0" and
 * not among them. */
struct cloudevent {
    struct event_attribute attributes[MF_EVENT_ATTRIBUTES_MAX];
    uint32_t count;
    const uint8_t *data;
    size_t data_bytes;
};

void cloudevent_init(struct cloudevent *event);

/* Add, or replace. MF_EINVAL: not a name or not a value of the specification (3, "Context
 * attributes"; 3.1.x for the ones it knows); MF_ETOOBIG: too many. */
MF_CHECKED mf_err cloudevent_set(struct cloudevent *event, const char *name, struct event_text value,
                                 struct mf_why *why);
struct event_text cloudevent_get(const struct cloudevent *event, const char *name);
/* MF_EINVAL: without id, source or type. */
MF_CHECKED mf_err cloudevent_check(const struct cloudevent *event, struct mf_why *why);

/* ---- which mode: by Content-Type ---- */

enum cloudevent_mode {
    CLOUDEVENT_PLAIN,      /* binary mode, if there are ce- headers; else no event at all  */
    CLOUDEVENT_STRUCTURED, /* application/cloudevents+json                                 */
    CLOUDEVENT_BATCH,      /* application/cloudevents-batch+json                           */
    CLOUDEVENT_UNKNOWN,    /* application/cloudevents… in a format that is not JSON        */
};
#define CLOUDEVENT_JSON "application/cloudevents+json"
#define CLOUDEVENT_BATCH_JSON "application/cloudevents-batch+json"

enum cloudevent_mode cloudevent_mode_of(const char *content_type, size_t bytes);

/* ---- JSON (CloudEvents JSON event format 1.0.2) ---- */

/* Checked as by cloudevent_check(). The event points into the text, parts of which are written
 * over (escapes, base64); after an error, too. Data that is JSON is there letter by letter;
 * without a datacontenttype it becomes application/json. MF_EINVAL says what is wrong. */
MF_CHECKED mf_err cloudevent_parse(char *json, size_t bytes, struct cloudevent *event,
                                   struct mf_why *why);

/* A list of them, one after the other. next: MF_ENOENT: the end, all of it was right. */
struct cloudevent_batch {
    char *at, *end;
    uint32_t count; /* taken so far */
};
MF_CHECKED mf_err cloudevent_batch_open(struct cloudevent_batch *batch, char *json, size_t bytes,
                                        struct mf_why *why);
MF_CHECKED mf_err cloudevent_batch_next(struct cloudevent_batch *batch, struct cloudevent *event,
                                        struct mf_why *why);

/* To the end of a buffer: data that says it is JSON, and is, as JSON; other text (text/…, XML)
 * as a string, the rest in base64. */
MF_CHECKED mf_err cloudevent_write(const struct cloudevent *event, struct mf_buf *json);

/* ---- headers (HTTP protocol binding 1.0.2, 3.1) and events of functions (abi/event.h) ---- */

/* Is there a ce-specversion among the fields? */
bool cloudevent_in_fields(const uint8_t *fields, uint32_t field_bytes, bool reply);

/* Of ce- headers and Content-Type; data is the caller's to set. Checked as by cloudevent_check(),
 * and specversion. room: as long as the fields; values that were encoded are decoded there, the
 * others lie in the fields. */
MF_CHECKED mf_err cloudevent_read(const uint8_t *fields, uint32_t field_bytes, bool reply,
                                  char *room, struct cloudevent *event, struct mf_why *why);

/* A ce- header's value as the attribute's: as cloudevent_read() reads it. *room: as long as the value,
 * if it is encoded; moved behind what was decoded there. */
struct event_text cloudevent_decode(struct event_text value, char **room);

/* ce-specversion, ce-… and content-type; values percent-encoded. writer->err tells. */
void cloudevent_put(const struct cloudevent *event, struct field_writer *writer);

/* All fields of an event that is not HTTP, for an envelope (delivery/envelope.h): TYPE, headers,
 * x-call-id, x-start-time, and room for the number of the attempt. writer: just initialised. */
MF_CHECKED mf_err cloudevent_guest(const struct cloudevent *event, const char *call_id,
                                   uint64_t arrived_ns, struct field_writer *writer);

/* ---- for those who make events ---- */

#define EVENT_ID_BYTES 33
/* The id that follows from these texts (other texts, another id): 32 hexadecimal digits and a
 * NUL. So an event that is made again has the id it had. */
void event_id_derive(const struct event_text *texts, size_t count, char id[static EVENT_ID_BYTES]);

#define EVENT_TIME_BYTES 32
/* As `time` is written (RFC 3339, UTC, milliseconds). Its length. */
size_t event_time_text(uint64_t realtime_ms, char room[static EVENT_TIME_BYTES]);

#endif
