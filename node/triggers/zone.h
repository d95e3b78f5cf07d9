/*
 * zone.h: a time zone, as TZif files have it (RFC 8536): from UTC to local time, and to the
 * instants of local times. Not the C library's: that has one zone for the whole process.
 * What is read may be anybody's. Seconds since 1970, UTC or local. Any thread; a zone that was
 * read is never changed.
 */
#ifndef MF_NODE_TRIGGERS_ZONE_H
#define MF_NODE_TRIGGERS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/triggers/zone_rule.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"

struct zone {
    char name[MF_TIMEZONE_BYTES_MAX + 1];
    struct zone *next;        /* among those of a zones */
    uint32_t references;
    int32_t first;            /* before the first step  */
    uint32_t count;
    struct zone_step *steps;  /* ascending; owned       */
    bool has_rule;            /* after the last step; else it stays as it was then */
    struct zone_rule rule;
};

/* The bytes of a TZif file. *zone is to be closed, whatever comes. MF_EFORMAT: it is none. */
MF_CHECKED mf_err zone_parse(const uint8_t *data, size_t bytes, struct zone *zone,
                             struct mf_why *why);
void zone_close(struct zone *zone);

/* The next change of the offset after that moment. False: there is none. */
bool zone_next(const struct zone *zone, int64_t utc, struct zone_step *step);
int32_t zone_offset(const struct zone *zone, int64_t utc);

/* When a local time comes: the first time if it comes twice; if it is left out, when that
 * begins, as at once after. Ascends with the local time. */
int64_t zone_instant(const struct zone *zone, int64_t local);

/* Zones that are in use, each read once from ZONE_DIRECTORY; "UTC" needs no file. One thread. */
struct zones {
    struct zone *first;
};
MF_CHECKED mf_err zone_get(struct zones *zones, const char *name, struct zone **zone,
                           struct mf_why *why);
void zone_put(struct zones *zones, struct zone *zone);

#endif
