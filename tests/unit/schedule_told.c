/*
 * schedule_told.c: for schedule_reference.py: lines "ZONE|CRON|AFTER|COUNT" on standard input; for
 * each a line of the next COUNT times after AFTER.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/triggers/schedule.h"

int main(void)
{
    char line[512];
    static struct zones zones;
    while (fgets(line, sizeof line, stdin)) {
        char *at = line, *name = strsep(&at, "|"), *fields = strsep(&at, "|"), *after = strsep(&at, "|");
        struct zone *zone;
        struct cron cron;
        struct mf_why why = {{0}};
        if (!at || cron_parse(fields, &cron, &why) || zone_get(&zones, name, &zone, &why)) {
            (void)printf("%s\n", why.text);
            continue;
        }
        int64_t time = strtoll(after, NULL, 10);
        for (long count = strtol(at, NULL, 10); count > 0; count--) {
            time = schedule_cron(&cron, zone, time);
            (void)printf("%lld ", (long long)time);
            if (time == SCHEDULE_NEVER)
                break;
        }
        (void)putchar('\n');
    }
    return 0; /* the zones stay: each is read once */
}
