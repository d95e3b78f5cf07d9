/* test_schedule.c: rules of zones, files of zones that are none, intervals, what is rarely due. What
 * is due when, in all zones: schedule_reference.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/triggers/schedule.h"
#include "node/triggers/timer_note.h"

static void dates_and_days_are_each_other(void **state)
{
    (void)state;
    assert_int_equal(days_of_date(1970, 1, 1), 0);
    assert_int_equal(days_of_date(2000, 3, 1), 11017);
    assert_int_equal(days_of_date(1969, 12, 31), -1);
    for (int64_t days = -1000000; days < 1000000; days += 17) {
        int64_t year;
        unsigned month, day;
        date_of_days(days, &year, &month, &day);
        assert_int_equal(days_of_date(year, month, day), days);
    }
}

static void rules_are_read(void **state)
{
    static const char *const good[] = {
        "UTC0", "<+03>-3", "CET-1CEST,M3.5.0,M10.5.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "EST5EDT,M3.2.0,M11.1.0", "IST-2IDT,M3.4.4/26,M10.5.0", "XXX3EDT4,0/0,J365/23",
        "AAA1:30:15BBB,J60/167,365/-167"};
    static const char *const bad[] = {
        "", "U0", "UTC", "UTC25", "<+03-3", "CET-1CEST", "CET-1CEST,", "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J1", "CET-1CEST,366,1", "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1CEST,M3.5.0,M10.5.0,"};
    struct zone_rule rule;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!zone_rule_parse(good[i], strlen(good[i]), &rule))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (zone_rule_parse(bad[i], strlen(bad[i]), &rule))
            fail_msg("%s", bad[i]);
    assert_true(zone_rule_parse("CET-1CEST,M3.5.0,M10.5.0/3", 26, &rule));
    struct zone_step step[2];
    zone_rule_year(&rule, 2026, step);
    assert_int_equal(step[0].at, 1774746000); /* 29 March 2026, 01:00 UTC */
    assert_int_equal(step[0].offset, 7200);
    assert_int_equal(step[1].at, 1792890000); /* 25 October 2026, 01:00 UTC */
    assert_int_equal(step[1].offset, 3600);
}

static void nonsense_is_no_zone(void **state)
{
    uint8_t file[128] = "TZif2";
    struct zone zone = {0};
    struct mf_why why = {{0}};
    (void)state;
    assert_int_equal(zone_parse((const uint8_t *)"TZif", 4, &zone, &why), MF_EFORMAT);
    assert_int_equal(zone_parse(file, sizeof file, &zone, &why), MF_EFORMAT);
    file[39] = 1; /* one type */
    assert_int_equal(zone_parse(file, sizeof file, &zone, &why), MF_EFORMAT);
    assert_string_equal(why.text, "a file of a time zone without its second part");
    file[4] = 0;
    assert_int_equal(zone_parse(file, 49, &zone, &why), MF_EFORMAT);
    assert_string_equal(why.text, "a file of a time zone that is cut off");
    assert_int_equal(zone_parse(file, 50, &zone, &why), MF_OK);
    assert_int_equal(zone_offset(&zone, 0), 0);
    zone_close(&zone);
    file[35] = 2; /* times, the second not after the first */
    assert_int_equal(zone_parse(file, 60, &zone, &why), MF_EFORMAT);
    zone_close(&zone);
    file[35] = 0xff;
    file[34] = 0xff;
    assert_int_equal(zone_parse(file, sizeof file, &zone, &why), MF_EFORMAT);
    zone_close(&zone);
}

static void zones_have_names(void **state)
{
    struct zones zones = {0};
    struct zone *utc, *again, *other;
    struct mf_why why = {{0}};
    (void)state;
    assert_int_equal(zone_get(&zones, "UTC", &utc, &why), MF_OK);
    assert_int_equal(zone_get(&zones, "UTC", &again, &why), MF_OK);
    assert_ptr_equal(utc, again);
    assert_int_equal(zone_get(&zones, "Europe/Nowhere", &other, &why), MF_ENOENT);
    assert_non_null(strstr(why.text, "no time zone Europe/Nowhere in /usr/share/zoneinfo"));
    assert_int_not_equal(zone_get(&zones, "Europe", &other, &why), MF_OK); /* a folder */
    assert_int_not_equal(zone_get(&zones, "tzdata.zi", &other, &why), MF_OK);
    zone_put(&zones, utc);
    zone_put(&zones, again);
    assert_null(zones.first);
}

static int64_t next(const char *text, int64_t after)
{
    static const struct zone utc;
    struct cron cron;
    assert_int_equal(cron_parse(text, &cron, NULL), MF_OK);
    return schedule_cron(&cron, &utc, after);
}

static void rare_days_come(void **state)
{
    (void)state;
    assert_int_equal(next("0 0 29 2 *", 4075718400) / 86400, days_of_date(2104, 2, 29)); /* from 2099 on */
    assert_int_equal(next("0 0 29 2 */7", 0) / 86400, days_of_date(1976, 2, 29));
    assert_int_equal(next("0 0 29 2 */7", 3980000000) / 86400, days_of_date(2128, 2, 29));
    assert_int_equal(next("* * * * *", 59), 60);
    assert_int_equal(next("* * * * *", 60), 120);
    assert_int_equal(next("* * * * *", -1), 0);
    assert_int_equal(next("0 0 1 1 *", INT64_C(1) << 40) % 86400, 0);
}

/* 25 October 2026, 01:00 UTC: in Vienna 02:00 to 03:00 comes again. */
static void an_hour_that_comes_twice_has_what_comes_each_hour_twice(void **state)
{
    const int64_t again = 1792890000;
    struct zones zones = {0};
    struct zone *vienna;
    struct mf_why why = {{0}};
    struct cron often, hourly, fixed;
    (void)state;
    assert_int_equal(zone_get(&zones, "Europe/Vienna", &vienna, &why), MF_OK);
    assert_int_equal(cron_parse("*/15 * * * *", &often, NULL), MF_OK);
    assert_int_equal(cron_parse("20 * * * *", &hourly, NULL), MF_OK);
    assert_int_equal(cron_parse("20 2 * * *", &fixed, NULL), MF_OK);
    for (int64_t at = again - 7200; at < again + 7200; at += 900)
        assert_int_equal(schedule_cron(&often, vienna, at), at + 900);
    for (int64_t at = again - 7200 + 1200; at < again + 7200; at += 3600)
        assert_int_equal(schedule_cron(&hourly, vienna, at), at + 3600);
    assert_int_equal(schedule_cron(&fixed, vienna, again - 7200), again - 3600 + 1200);
    assert_int_equal(schedule_cron(&fixed, vienna, again - 3600 + 1200), again + 86400 + 1200);
    zone_put(&zones, vienna);
}

static void intervals_keep_their_phase(void **state)
{
    (void)state;
    assert_int_equal(schedule_every(1000, 0, 0), 1000);
    assert_int_equal(schedule_every(1000, 0, 999), 1000);
    assert_int_equal(schedule_every(1000, 0, 1000), 2000);
    assert_int_equal(schedule_every(1000, 250, 0), 250);
    assert_int_equal(schedule_every(1000, 250, 250), 1250);
    assert_int_equal(schedule_every(1000, 4250, 251), 1250);
    assert_int_equal(schedule_every(2592000000u, 7, 1790000000000) % 2592000000u, 7);
}

/* ---- a clock that is set, a node that was down ---- */

#define HOUR 3600000ull
#define NOON 1790000000000ull /* about */

static bool by_others;

static uint64_t due(const char *fields, uint32_t every_ms, bool once, uint64_t last_ms, uint64_t now_ms)
{
    static const struct zone utc;
    struct trigger trigger = {.kind = fields ? TRIGGER_CRON : TRIGGER_EVERY, .every_ms = every_ms, .once = once};
    const struct schedule schedule = {&trigger, &utc, 0};
    if (fields)
        assert_int_equal(cron_parse(fields, &trigger.cron, NULL), MF_OK);
    return schedule_due(&schedule, last_ms, now_ms, by_others);
}

static void what_comes_next_is_waited_for(void **state)
{
    uint64_t hour = NOON / HOUR * HOUR;
    (void)state;
    assert_int_equal(due("0 * * * *", 0, false, hour, hour + 1), hour + HOUR);
    assert_int_equal(due("0 * * * *", 0, true, hour, hour + HOUR - 1), hour + HOUR);
    assert_int_equal(due(NULL, 10000, false, NOON, NOON), NOON + 10000);
}

static void what_was_missed_is_made_up_for_once_or_not(void **state)
{
    uint64_t hour = NOON / HOUR * HOUR, now = hour + 100 * HOUR + HOUR / 2;
    (void)state;
    assert_int_equal(due("0 * * * *", 0, false, hour, now), hour + 101 * HOUR);
    assert_int_equal(due("0 * * * *", 0, true, hour, now), hour + 100 * HOUR); /* the last of them */
    assert_int_equal(due("0 * * * *", 0, true, hour + 100 * HOUR, now), hour + 101 * HOUR);
    assert_int_equal(due("0 0 1 1 *", 0, true, 1, NOON) / 86400000, days_of_date(2026, 1, 1));
    assert_int_equal(due(NULL, 7200000, true, hour - 50 * HOUR, now), now / 7200000 * 7200000);
    assert_true(due(NULL, 7200000, false, hour - 50 * HOUR, now) > now);
}

static void a_late_run_is_no_missed_one(void **state)
{
    uint64_t hour = NOON / HOUR * HOUR;
    (void)state;
    assert_int_equal(due("0 * * * *", 0, false, hour - HOUR, hour + MF_TIMER_LATE_MS), hour);
    assert_int_equal(due("0 * * * *", 0, false, hour - HOUR, hour + MF_TIMER_LATE_MS + 1), hour + HOUR);
}

static void set_back_a_clock_makes_no_fixed_hour_run_twice(void **state)
{
    uint64_t day = NOON / 86400000 * 86400000, three = day + 3 * HOUR;
    (void)state;
    assert_int_equal(due("0 3 * * *", 0, true, three, three - 2 * HOUR), three + 24 * HOUR);
    assert_int_equal(due("0 3,4 * * *", 0, true, three, three - 2 * HOUR), three + HOUR);
    assert_int_equal(due("0 3 * * *", 0, true, three, three - MF_TIMER_BACK_MS), three + 24 * HOUR);
    assert_int_equal(due("0 3 * * *", 0, true, three, three - MF_TIMER_BACK_MS - 1), three);
}

static void set_back_a_clock_silences_nothing_that_comes_often(void **state)
{
    uint64_t hour = NOON / HOUR * HOUR, morning = NOON / 86400000 * 86400000 + 9 * HOUR;
    (void)state;
    assert_int_equal(due(NULL, 10000, true, hour, hour - HOUR), hour - HOUR + 10000);
    assert_int_equal(due(NULL, 10000, true, hour, hour - MF_TIMER_BACK_MS), hour - MF_TIMER_BACK_MS + 10000);
    assert_int_equal(due("* * * * *", 0, true, hour, hour - HOUR), hour - HOUR + 60000);
    assert_int_equal(due("0 * * * *", 0, true, hour, hour - 2 * HOUR + 1), hour - HOUR);
    assert_int_equal(due("*/5 8-18 * * *", 0, true, morning, morning - HOUR / 2), morning - HOUR / 2 + 300000);
}

/* A step that is no longer than the interval: else a run would come again in a moment. */
static void a_small_step_back_makes_no_second_run(void **state)
{
    uint64_t hour = NOON / HOUR * HOUR;
    (void)state;
    assert_int_equal(due("* * * * *", 0, true, hour, hour - 1), hour + 60000);
    assert_int_equal(due("* * * * *", 0, true, hour, hour - 60000), hour + 60000);
    assert_int_equal(due("* * * * *", 0, true, hour, hour - 60001), hour - 60000);
    assert_int_equal(due("0 * * * *", 0, true, hour, hour - HOUR), hour + HOUR);
    assert_int_equal(due(NULL, 10000, true, hour, hour - 10000), hour + 10000);
    assert_int_equal(due(NULL, 10000, true, hour, hour - 10001), hour - 10000);
}

/* Of nodes whose clocks differ one would else make runs beside those of the other. */
static void what_a_node_ahead_has_run_has_run(void **state)
{
    uint64_t hour = NOON / HOUR * HOUR;
    (void)state;
    by_others = true;
    assert_int_equal(due(NULL, 10000, true, hour, hour - MF_TIMER_BACK_MS), hour + 10000);
    assert_int_equal(due("0 * * * *", 0, true, hour, hour - 2 * HOUR), hour + HOUR);
    assert_int_equal(due(NULL, 10000, true, hour, hour - MF_TIMER_BACK_MS - 10000), hour - MF_TIMER_BACK_MS);
    by_others = false;
}

static struct timer_note note_of(const char *text)
{
    return timer_note_read((struct store_bytes){text, strlen(text)});
}

static void a_time_that_comes_again_is_another_one(void **state)
{
    struct timer_note note = {.last_ms = 50000};
    char text[TIMER_NOTE_BYTES];
    (void)state;
    note = timer_note_after(&note, 60000);
    assert_int_equal(timer_note_write(&note, text), 5);
    assert_string_equal(text, "60000");
    note = timer_note_after(&note, 50000);
    (void)timer_note_write(&note, text);
    assert_string_equal(text, "50000 1");
    note = timer_note_after(&note, 60000);
    (void)timer_note_write(&note, text);
    assert_string_equal(text, "60000 1"); /* not what the first was */
    note = timer_note_after(&note, 60000);
    (void)timer_note_write(&note, text);
    assert_string_equal(text, "60000 2");
    note = note_of(text);
    assert_true(note.last_ms == 60000 && note.turn == 2);
    assert_true(note_of("1790000000000").last_ms == NOON && note_of("1790000000000").turn == 0);
}

static void nonsense_is_a_note_of_no_run(void **state)
{
    static const char *const nonsense[] = {"", " ", "x", "-5", "0", "5 ", "5 0", "5 -1", "5 x", " 5", "5 4294967296",
                                           "5 1 1", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_true(note_of(nonsense[i]).last_ms == 1 && note_of(nonsense[i]).turn == 0);
}

static void a_clock_that_was_wrong_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(due(NULL, 10000, true, NOON + 1000 * HOUR, NOON), NOON + 10000);
    assert_int_equal(due(NULL, 10000, true, UINT64_MAX, NOON), NOON + 10000);
    assert_int_equal(due(NULL, 10000, false, 1, NOON - 1), NOON - 10000); /* set forward, from 1970: late, not missed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_and_days_are_each_other),
        cmocka_unit_test(rules_are_read),
        cmocka_unit_test(nonsense_is_no_zone),
        cmocka_unit_test(zones_have_names),
        cmocka_unit_test(rare_days_come),
        cmocka_unit_test(an_hour_that_comes_twice_has_what_comes_each_hour_twice),
        cmocka_unit_test(intervals_keep_their_phase),
        cmocka_unit_test(what_comes_next_is_waited_for),
        cmocka_unit_test(what_was_missed_is_made_up_for_once_or_not),
        cmocka_unit_test(a_late_run_is_no_missed_one),
        cmocka_unit_test(set_back_a_clock_makes_no_fixed_hour_run_twice),
        cmocka_unit_test(set_back_a_clock_silences_nothing_that_comes_often),
        cmocka_unit_test(a_small_step_back_makes_no_second_run),
        cmocka_unit_test(what_a_node_ahead_has_run_has_run),
        cmocka_unit_test(a_time_that_comes_again_is_another_one),
        cmocka_unit_test(nonsense_is_a_note_of_no_run),
        cmocka_unit_test(a_clock_that_was_wrong_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
