/* test_fridge.c: the rules of the cold chain, and states that are changed once by each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "functions/cold-chain/fridge.h"
#include "sdk/event.h"
#include "sdk/port.h"

#define NOON 1700000000.0
#define MINUTE 60.0

static const struct limits limits = {
    .temperature_max = 7, .limit_s = {10 * MINUTE, 5 * MINUTE, 15 * MINUTE}, .escalate_s = 30 * MINUTE};

static char told[512];

static void tell(void *context, const struct fridge *fridge, enum watch_kind kind, const char *what,
                 double since)
{
    (void)context;
    (void)fridge;
    size_t at = strlen(told);
    (void)snprintf(told + at, sizeof told - at, "%s %s %.0f;", watch_name(kind), what,
                   (since - NOON) / MINUTE);
}

static bool hears(struct fridge *fridge, struct news news, double minute)
{
    told[0] = 0;
    news.at = NOON + minute * MINUTE;
    return fridge_hears(fridge, &news, &limits, tell, NULL);
}

static bool warm(struct fridge *fridge, double degrees, double minute)
{
    return hears(fridge, (struct news){.kind = NEWS_TEMPERATURE, .temperature = degrees}, minute);
}

static bool door(struct fridge *fridge, bool open, double minute)
{
    return hears(fridge, (struct news){.kind = NEWS_DOOR, .open = open}, minute);
}

static bool time_goes(struct fridge *fridge, double minute)
{
    return hears(fridge, (struct news){.kind = NEWS_TIME}, minute);
}

static bool acknowledge(struct fridge *fridge, double minute)
{
    return hears(fridge, (struct news){.kind = NEWS_ACKNOWLEDGED}, minute);
}

static void too_warm_is_an_alarm_only_after_its_minutes(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    assert_true(warm(&fridge, 9, 0));
    assert_true(warm(&fridge, 9, 9.9));
    assert_string_equal(told, "");
    assert_true(warm(&fridge, 9, 10));
    assert_string_equal(told, "warm raised 0;");
    assert_true(warm(&fridge, 9, 11));
    assert_string_equal(told, "");
    assert_true(warm(&fridge, 5, 12));
    assert_string_equal(told, "warm over 0;");
}

static void what_cools_down_in_time_is_none(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    warm(&fridge, 9, 0);
    warm(&fridge, 7, 9); /* at the limit, not above */
    warm(&fridge, 9, 10);
    assert_true(warm(&fridge, 9, 19));
    assert_string_equal(told, "");
    warm(&fridge, 9, 20);
    assert_string_equal(told, "warm raised 10;");
}

static void a_door_left_open_is_told_by_the_timer(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    door(&fridge, true, 0);
    assert_false(time_goes(&fridge, 4.9));
    assert_true(time_goes(&fridge, 5));
    assert_string_equal(told, "door raised 0;");
    assert_false(time_goes(&fridge, 6));
    assert_true(door(&fridge, false, 7));
    assert_string_equal(told, "door over 0;");
}

static void a_silent_sensor_is_an_alarm_until_it_speaks(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    assert_false(time_goes(&fridge, 100)); /* never heard of: not silent */
    warm(&fridge, 4, 100);
    assert_false(time_goes(&fridge, 114));
    assert_true(time_goes(&fridge, 115));
    assert_string_equal(told, "silent raised 100;");
    assert_true(warm(&fridge, 4, 120));
    assert_string_equal(told, "silent over 100;");
}

static void nobody_acknowledges_it_escalates_once(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    door(&fridge, true, 0);
    time_goes(&fridge, 5);
    assert_false(time_goes(&fridge, 14)); /* silent comes at 15 */
    assert_true(time_goes(&fridge, 35));
    assert_string_equal(told, "door escalated 0;silent raised 0;");
    assert_false(time_goes(&fridge, 36));
}

static void acknowledged_it_does_not_escalate_but_its_end_is_told(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    assert_false(acknowledge(&fridge, 0));
    door(&fridge, true, 0);
    assert_false(acknowledge(&fridge, 1)); /* there is no alarm yet */
    time_goes(&fridge, 5);
    assert_true(acknowledge(&fridge, 6));
    assert_false(acknowledge(&fridge, 6));
    door(&fridge, true, 34); /* not silent */
    assert_false(time_goes(&fridge, 40));
    assert_true(door(&fridge, false, 41));
    assert_string_equal(told, "door over 0;");
}

static void older_news_change_nothing(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    warm(&fridge, 4, 10);
    assert_false(warm(&fridge, 20, 9));
    assert_true(fridge.temperature == 4);
}

/* Instances work beside each other, and what failed comes again later. */
static void a_door_is_heard_though_a_reading_overtook_it(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    door(&fridge, true, 1);
    warm(&fridge, 4, 3);
    assert_true(door(&fridge, false, 2));
    assert_false(time_goes(&fridge, 9));
    assert_true(warm(&fridge, 9, 10));
    door(&fridge, true, 12);
    assert_true(warm(&fridge, 5, 11));
    assert_true(fridge.temperature == 5);
    assert_false(door(&fridge, false, 11.5));
    assert_true(time_goes(&fridge, 17));
    assert_string_equal(told, "door raised 12;");
}

static void who_is_silent_is_not_heard_by_what_came_late(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    warm(&fridge, 4, 10);
    time_goes(&fridge, 25);
    assert_string_equal(told, "silent raised 10;");
    assert_true(door(&fridge, true, 9));
    assert_string_equal(told, "");
    assert_true(fridge.watch[WATCH_SILENT].level == LEVEL_RAISED);
}

/* A sensor's clock, or this machine's before it was set. */
static void nothing_has_happened_later_than_now(void **state)
{
    (void)state;
    struct fridge fridge = {0};
    assert_true(hears(&fridge, (struct news){.kind = NEWS_TEMPERATURE, .temperature = 4, .now = NOON}, 100));
    assert_true(fridge.seen == NOON);
    assert_true(hears(&fridge, (struct news){.kind = NEWS_TIME, .now = NOON + 15 * MINUTE}, 15));
    assert_string_equal(told, "silent raised 0;");
    warm(&fridge, 9, 300); /* nobody knew the time then */
    assert_true(hears(&fridge, (struct news){.kind = NEWS_TEMPERATURE, .temperature = 9, .now = NOON + 20 * MINUTE}, 20));
    assert_true(hears(&fridge, (struct news){.kind = NEWS_TEMPERATURE, .temperature = 9, .now = NOON + 30 * MINUTE}, 30));
    assert_string_equal(told, "warm raised 20;");
}

/* An event of so many headers, as the SDK makes them. */
static struct mayfly_event event_of(const struct event_header *header)
{
    struct mayfly_event event = {.type = "test"};
    for (; header->name; header++)
        event.header[event.header_count++] = *header;
    return event;
}

static void close_event(struct mayfly_event *event)
{
    event_close(event);
    arena_reset(&event->arena);
}

static void assert_alike(const struct fridge *a, const struct fridge *b)
{
    assert_true(a->seen == b->seen && a->measured == b->measured && a->moved == b->moved);
    assert_true(a->temperature == b->temperature);
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        assert_true(a->watch[kind].since == b->watch[kind].since);
        assert_int_equal(a->watch[kind].level, b->watch[kind].level);
        assert_int_equal(a->watch[kind].acknowledged, b->watch[kind].acknowledged);
    }
}

static void a_state_is_written_as_it_is_read(void **state)
{
    (void)state;
    struct mayfly_event event = event_of(&(struct event_header){NULL, NULL});
    struct fridge fridge = {0};
    warm(&fridge, 9, 0);
    warm(&fridge, 9, 10);
    acknowledge(&fridge, 10);
    door(&fridge, true, 11);
    char room[512];
    struct mayfly_text text = {.data = room, .room = sizeof room};
    fridge_write(&fridge, &text);
    struct fridge again = fridge_read(&event, room);
    assert_alike(&fridge, &again);
    static const char *const nonsense[] = {"", "{", "[]", "{\"warm\":1,\"seen\":\"x\"}",
                                           "{\"warm\":{\"level\":7,\"since\":0}}"};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        again = fridge_read(&event, nonsense[i]);
        assert_true(again.seen == 0 && again.watch[WATCH_WARM].level == LEVEL_FINE);
    }
    close_event(&event);
}

static bool add_one(void *context, const char *old, struct mayfly_text *next,
                    struct mayfly_text *answer)
{
    unsigned *calls = context;
    unsigned number = 0;
    ++*calls;
    (void)sscanf(old, "%u", &number);
    mayfly_text_printf(next, "%u", number + 1);
    mayfly_text_printf(answer, "now %u", number + 1);
    return true;
}

static const char *once(struct mayfly_event *event, unsigned *calls)
{
    const char *answer;
    assert_int_equal(mayfly_once(event, "counted", add_one, calls, &answer), MAYFLY_OK);
    return answer;
}

static void each_event_counts_once_and_hears_its_answer_again(void **state)
{
    (void)state;
    unsigned calls = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct event_header header[] = {{"ce-id", i == 1 ? "b" : "a"}, {NULL, NULL}};
        struct mayfly_event event = event_of(header);
        assert_string_equal(once(&event, &calls), i == 1 ? "now 2" : "now 1");
        close_event(&event);
    }
    assert_int_equal(calls, 2);
}

static void so_many_events_are_remembered_and_no_more(void **state)
{
    (void)state;
    unsigned calls = 0;
    char id[16];
    for (unsigned i = 0; i <= MAYFLY_STATE_EVENTS; i++) { /* the last one pushes the first out */
        (void)snprintf(id, sizeof id, "n%u", i);
        struct event_header header[] = {{"x-call-id", id}, {NULL, NULL}};
        struct mayfly_event event = event_of(header);
        (void)once(&event, &calls);
        close_event(&event);
    }
    assert_int_equal(calls, MAYFLY_STATE_EVENTS + 1);
    struct event_header second[] = {{"x-call-id", "n1"}, {NULL, NULL}};
    struct event_header first[] = {{"x-call-id", "n0"}, {NULL, NULL}};
    struct mayfly_event event = event_of(second);
    (void)once(&event, &calls);
    assert_int_equal(calls, MAYFLY_STATE_EVENTS + 1);
    close_event(&event);
    event = event_of(first);
    (void)once(&event, &calls);
    assert_int_equal(calls, MAYFLY_STATE_EVENTS + 2);
    close_event(&event);
}

/* CloudEvents 1.0.2, "source": what one source calls 1, another may, too. */
static void events_of_two_sources_may_have_one_id(void **state)
{
    (void)state;
    unsigned calls = 0;
    for (unsigned i = 0; i < 4; i++) {
        struct event_header header[] = {{"ce-id", "same"}, {"ce-source", i & 1 ? "/scale/b" : "/scale/a"}, {NULL, NULL}};
        struct mayfly_event event = event_of(header);
        (void)once(&event, &calls);
        close_event(&event);
    }
    assert_int_equal(calls, 2);
}

static void an_event_without_an_id_is_always_new(void **state)
{
    (void)state;
    unsigned calls = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct mayfly_event event = event_of(&(struct event_header){NULL, NULL});
        (void)once(&event, &calls);
        close_event(&event);
    }
    assert_int_equal(calls, 2);
}

static bool too_much(void *context, const char *old, struct mayfly_text *next,
                     struct mayfly_text *answer)
{
    (void)context;
    (void)old;
    for (unsigned i = 0; i <= MAYFLY_ANSWER_BYTES; i++)
        mayfly_text_printf(answer, "x");
    mayfly_text_printf(next, "kept?");
    return true;
}

static void what_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct event_header header[] = {{"ce-id", "large"}, {NULL, NULL}};
    struct mayfly_event event = event_of(header);
    const char *answer;
    struct mayfly_bytes value;
    assert_int_equal(mayfly_once(&event, "large", too_much, NULL, &answer), MAYFLY_TOO_LARGE);
    assert_int_equal(mayfly_get(&event, "large", &value), MAYFLY_NOT_FOUND);
    close_event(&event);
}

static void a_topic_has_levels(void **state)
{
    (void)state;
    struct event_header header[] = {{"ce-subject", "shop/12//x"}, {NULL, NULL}};
    struct mayfly_event event = event_of(header);
    assert_string_equal(mayfly_topic_level(&event, 0), "shop");
    assert_string_equal(mayfly_topic_level(&event, 1), "12");
    assert_string_equal(mayfly_topic_level(&event, 2), "");
    assert_string_equal(mayfly_topic_level(&event, 3), "x");
    assert_null(mayfly_topic_level(&event, 4));
    close_event(&event);
    event = event_of(&(struct event_header){NULL, NULL});
    assert_null(mayfly_topic_level(&event, 0));
    close_event(&event);
}

static void a_topic_is_as_it_was_sent(void **state)
{
    (void)state;
    struct event_header encoded[] = {{"ce-subject", "lights/K%C3%BCche%20a+b/100%25/%00%zz%"}, {NULL, NULL}};
    struct mayfly_event event = event_of(encoded);
    assert_string_equal(mayfly_topic(&event), "lights/K\xc3\xbc" "che a+b/100%/%00%zz%");
    assert_string_equal(mayfly_topic_level(&event, 1), "K\xc3\xbc" "che a+b");
    assert_string_equal(mayfly_topic_level(&event, 2), "100%");
    close_event(&event);
    struct event_header own[] = {{"ce-subject", "its own"}, {"ce-mqtttopic", "shop/7%20a/door"}, {NULL, NULL}};
    event = event_of(own);
    assert_string_equal(mayfly_topic(&event), "shop/7 a/door");
    assert_string_equal(mayfly_topic_level(&event, 1), "7 a");
    close_event(&event);
}

/* By hand an event is read from standard input; the key-values live from then on. */
static int begin_an_event(void **state)
{
    (void)state;
    static uint8_t buffer[EVENT_BUFFER_BYTES + 1];
    struct mf_call_event call;
    if (!freopen("/dev/null", "r", stdin))
        return -1;
    return port_next(&call, buffer, EVENT_BUFFER_BYTES) < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_warm_is_an_alarm_only_after_its_minutes),
        cmocka_unit_test(what_cools_down_in_time_is_none),
        cmocka_unit_test(a_door_left_open_is_told_by_the_timer),
        cmocka_unit_test(a_silent_sensor_is_an_alarm_until_it_speaks),
        cmocka_unit_test(nobody_acknowledges_it_escalates_once),
        cmocka_unit_test(acknowledged_it_does_not_escalate_but_its_end_is_told),
        cmocka_unit_test(older_news_change_nothing),
        cmocka_unit_test(a_door_is_heard_though_a_reading_overtook_it),
        cmocka_unit_test(who_is_silent_is_not_heard_by_what_came_late),
        cmocka_unit_test(nothing_has_happened_later_than_now),
        cmocka_unit_test(a_state_is_written_as_it_is_read),
        cmocka_unit_test(each_event_counts_once_and_hears_its_answer_again),
        cmocka_unit_test(so_many_events_are_remembered_and_no_more),
        cmocka_unit_test(events_of_two_sources_may_have_one_id),
        cmocka_unit_test(an_event_without_an_id_is_always_new),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(a_topic_has_levels),
        cmocka_unit_test(a_topic_is_as_it_was_sent),
    };
    return cmocka_run_group_tests(tests, begin_an_event, NULL);
}
