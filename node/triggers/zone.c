/*
 * zone.c: see zone.h.
 * Guarantees: nothing outside the file's bytes is read; steps ascend; every loop over them ends.
 */
#include "node/triggers/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES 44
#define TYPE_BYTES 6
#define DAY 86400
#define YEAR_SECONDS 31556952 /* of 400 Gregorian years, one 400th */
#define OFFSET_MAX (26 * 3600) /* what RFC 8536, 3.2 says offsets keep to: less than that */

/* Far enough from the ends of the numbers that nothing below overflows. */
#define SECONDS_MAX (INT64_C(1) << 56)

struct header {
    uint32_t isutc, isstd, leap, time, type, chars;
    char version;
};

static mf_err parse_block(const uint8_t *at, const struct header *header, size_t time_bytes,
                          struct zone *zone);

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static int64_t time_at(const uint8_t *at, size_t bytes)
{
    return bytes == 4 ? (int32_t)(uint32_t)big_endian(at, 4) : (int64_t)big_endian(at, 8);
}

static bool read_header(const uint8_t *at, size_t bytes, struct header *header)
{
    if (bytes < HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
        return false;
    *header = (struct header){(uint32_t)big_endian(at + 20, 4), (uint32_t)big_endian(at + 24, 4),
                              (uint32_t)big_endian(at + 28, 4), (uint32_t)big_endian(at + 32, 4),
                              (uint32_t)big_endian(at + 36, 4), (uint32_t)big_endian(at + 40, 4),
                              (char)at[4]};
    return header->type >= 1 && header->type <= 256 && header->time <= MF_ZONE_STEPS_MAX &&
           header->leap <= MF_ZONE_STEPS_MAX && header->chars <= 4096 && header->isutc <= 256 &&
           header->isstd <= 256;
}

static size_t block_bytes(const struct header *header, size_t time_bytes)
{
    return header->time * (time_bytes + 1) + (size_t)header->type * TYPE_BYTES + header->chars +
           header->leap * (time_bytes + 4) + header->isstd + header->isutc;
}

/* The rule between two line feeds. An empty one: there is none. */
static bool parse_footer(const uint8_t *at, size_t bytes, struct zone *zone)
{
    if (bytes < 2 || at[0] != '\n')
        return false;
    const uint8_t *end = memchr(at + 1, '\n', bytes - 1);
    if (!end)
        return false;
    zone->has_rule = end > at + 1;
    return !zone->has_rule ||
           zone_rule_parse((const char *)at + 1, (size_t)(end - at) - 1, &zone->rule);
}

mf_err zone_parse(const uint8_t *data, size_t bytes, struct zone *zone, struct mf_why *why)
{
    struct header header;
    size_t time_bytes = 4, block;
    zone->steps = NULL;
    zone->count = 0;
    zone->has_rule = false;
    if (!read_header(data, bytes, &header))
        return mf_why(why, MF_EFORMAT, "not a file of a time zone");
    if (header.version >= '2') { /* a second block, of 64 bits, which is the one to read */
        block = HEADER_BYTES + block_bytes(&header, 4);
        if (block > bytes || !read_header(data + block, bytes - block, &header))
            return mf_why(why, MF_EFORMAT, "a file of a time zone without its second part");
        data += block;
        bytes -= block;
        time_bytes = 8;
    }
    block = HEADER_BYTES + block_bytes(&header, time_bytes);
    if (block > bytes)
        return mf_why(why, MF_EFORMAT, "a file of a time zone that is cut off");
    mf_err err = parse_block(data + HEADER_BYTES, &header, time_bytes, zone);
    if (!err && time_bytes == 8 && !parse_footer(data + block, bytes - block, zone))
        err = MF_EFORMAT;
    return err == MF_EFORMAT ? mf_why(why, err, "a file of a time zone that breaks RFC 8536") : err;
}

static mf_err parse_block(const uint8_t *at, const struct header *header, size_t time_bytes,
                          struct zone *zone)
{
    const uint8_t *indices = at + header->time * time_bytes, *types = indices + header->time;
    int32_t offset[256];
    for (uint32_t i = 0; i < header->type; i++) {
        offset[i] = (int32_t)(uint32_t)big_endian(types + i * TYPE_BYTES, 4);
        if (offset[i] <= -OFFSET_MAX || offset[i] >= OFFSET_MAX)
            return MF_EFORMAT;
    }
    zone->first = offset[0];
    if (header->time == 0)
        return MF_OK;
    zone->steps = calloc(header->time, sizeof *zone->steps);
    if (!zone->steps)
        return MF_ENOMEM;
    for (uint32_t i = 0; i < header->time; i++) {
        struct zone_step step = {time_at(at + i * time_bytes, time_bytes), 0};
        if (step.at < -SECONDS_MAX && i == 0) /* "from the beginning on", in some files */
            step.at = -SECONDS_MAX;
        if (indices[i] >= header->type || step.at < -SECONDS_MAX || step.at > SECONDS_MAX ||
            (zone->count && step.at <= zone->steps[zone->count - 1].at))
            return MF_EFORMAT;
        step.offset = offset[indices[i]];
        zone->steps[zone->count++] = step;
    }
    return MF_OK;
}

void zone_close(struct zone *zone)
{
    free(zone->steps);
    zone->steps = NULL;
    zone->count = 0;
}

/* ---- times ---- */

/* How many steps are not after that moment. */
static uint32_t steps_until(const struct zone *zone, int64_t utc)
{
    uint32_t low = 0, high = zone->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->steps[middle].at <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the rule: the last step that is not after that moment, and the first that is. */
static void rule_around(const struct zone_rule *rule, int64_t utc, struct zone_step *before,
                        struct zone_step *after)
{
    int64_t year = 1970 + utc / YEAR_SECONDS;
    bool found = false;
    *before = (struct zone_step){INT64_MIN, rule->standard};
    for (int64_t y = year - 2; y <= year + 2 && !found; y++) {
        struct zone_step step[2];
        zone_rule_year(rule, y, step);
        for (int i = 0; i < 2 && !found; i++) {
            found = step[i].at > utc;
            *(found ? after : before) = step[i];
        }
    }
}

bool zone_next(const struct zone *zone, int64_t utc, struct zone_step *step)
{
    struct zone_step before;
    uint32_t at = steps_until(zone, utc);
    if (at < zone->count) {
        *step = zone->steps[at];
        return true;
    }
    if (!zone->has_rule || !zone->rule.changes || utc >= SECONDS_MAX || utc <= -SECONDS_MAX)
        return false;
    rule_around(&zone->rule, utc, &before, step);
    return true;
}

int32_t zone_offset(const struct zone *zone, int64_t utc)
{
    struct zone_step before, after;
    uint32_t at = steps_until(zone, utc);
    if (at < zone->count || !zone->has_rule)
        return at ? zone->steps[at - 1].offset : zone->first;
    if (!zone->rule.changes)
        return zone->rule.standard;
    if (utc >= SECONDS_MAX || utc <= -SECONDS_MAX)
        return zone->rule.standard;
    rule_around(&zone->rule, utc, &before, &after);
    return before.offset;
}

/* From stretch to stretch with one offset: in the first that has the local time, or between
 * the two that leave it out. */
int64_t zone_instant(const struct zone *zone, int64_t local)
{
    int64_t from = local - OFFSET_MAX;
    int32_t offset = zone_offset(zone, from);
    struct zone_step step;
    while (zone_next(zone, from, &step) && step.at <= local + OFFSET_MAX) {
        if (local - offset < step.at)
            return local - offset;
        if (local - step.offset < step.at)
            return step.at;
        from = step.at;
        offset = step.offset;
    }
    return local - offset;
}

/* ---- those in use ---- */

static mf_err read_zone(const char *name, struct zone *zone, struct mf_why *why)
{
    char path[sizeof ZONE_DIRECTORY + 1 + MF_TIMEZONE_BYTES_MAX];
    if (strcmp(name, "UTC") == 0)
        return MF_OK;
    (void)snprintf(path, sizeof path, "%s/%s", ZONE_DIRECTORY, name);
    uint8_t *room = malloc(MF_ZONE_FILE_BYTES_MAX);
    if (!room)
        return MF_ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t bytes = fd < 0 ? -1 : read(fd, room, MF_ZONE_FILE_BYTES_MAX);
    if (fd >= 0)
        (void)close(fd);
    mf_err err = bytes < 0 ? mf_why(why, MF_ENOENT, "no time zone %s in " ZONE_DIRECTORY
                                    " (Debian: apt install tzdata)", name)
                           : zone_parse(room, (size_t)bytes, zone, why);
    free(room);
    return err;
}

mf_err zone_get(struct zones *zones, const char *name, struct zone **out, struct mf_why *why)
{
    struct zone *zone = zones->first;
    while (zone && strcmp(zone->name, name) != 0)
        zone = zone->next;
    if (!zone) {
        zone = calloc(1, sizeof *zone);
        if (!zone)
            return MF_ENOMEM;
        (void)snprintf(zone->name, sizeof zone->name, "%s", name);
        mf_err err = read_zone(name, zone, why);
        if (err) {
            zone_close(zone);
            free(zone);
            return err;
        }
        zone->next = zones->first;
        zones->first = zone;
    }
    zone->references++;
    *out = zone;
    return MF_OK;
}

void zone_put(struct zones *zones, struct zone *zone)
{
    if (!zone || --zone->references > 0)
        return;
    struct zone **at = &zones->first;
    while (*at != zone)
        at = &(*at)->next;
    *at = zone->next;
    zone_close(zone);
    free(zone);
}
