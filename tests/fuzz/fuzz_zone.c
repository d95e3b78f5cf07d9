/*
 * fuzz_zone.c: a cron expression, a line feed, then a time zone's file. Times ascend, each with an
 * offset that is one, and local times have their instants in order.
 */
#include <stdlib.h>
#include <string.h>

#include "node/triggers/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_zone(const struct zone *zone)
{
    int64_t at = -3000000000;
    struct zone_step step;
    for (int i = 0; i < 600 && zone_next(zone, at, &step); i++) {
        mf_assert(step.at > at);
        mf_assert(zone_offset(zone, at) > -26 * 3600 && zone_offset(zone, at) < 26 * 3600);
        (void)zone_instant(zone, step.at);
        (void)zone_instant(zone, step.at - 3600);
        at = step.at;
    }
}

static void check_schedule(const struct cron *cron, const struct zone *zone)
{
    static const int64_t from[] = {0, 1790000000, 4102444800, -2208988800};
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        int64_t at = from[i];
        for (int n = 0; n < 20; n++) {
            int64_t next = schedule_cron(cron, zone, at);
            mf_assert(next > at);
            if (next == SCHEDULE_NEVER)
                break;
            at = next;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const uint8_t *feed = memchr(data, '\n', bytes);
    size_t text_bytes = feed ? (size_t)(feed - data) : bytes;
    struct zone zone = {0};
    struct cron cron;
    struct mf_why why = {{0}};
    char *text = malloc(text_bytes + 1);
    memcpy(text, data, text_bytes);
    text[text_bytes] = 0;
    mf_err cron_err = cron_parse(text, &cron, &why);
    mf_assert(!cron_err || why.text[0]);
    mf_err err = feed ? zone_parse(feed + 1, bytes - text_bytes - 1, &zone, &why) : MF_EFORMAT;
    if (!err)
        check_zone(&zone);
    if (!err && !cron_err)
        check_schedule(&cron, &zone);
    zone_close(&zone);
    free(text);
    return 0;
}
