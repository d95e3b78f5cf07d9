/*
 * test_store_redis.c: what only a shared store does: several nodes at one queue, leases that
 * move, a server that goes away and comes back.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/store/redis_url.h"
#include "own_folder.h"
#include "store_rig.h"

static struct rig_redis redis;
static struct rig one, two;

static void open_node(struct rig *rig, const char *node)
{
    struct mf_why why = {{0}};
    struct store_options options = {.url = redis.url, .node = node};
    if (rig_open(rig, &options, &why))
        fail_msg("%s", why.text);
}

static int flush(void **state)
{
    (void)state;
    char command[192];
    (void)snprintf(command, sizeof command, "redis-cli -s %s flushall >/dev/null", redis.url + 11);
    return system(command);
}

#define OK(rig, ...) assert_int_equal(RIG(rig, (__VA_ARGS__)), MF_OK)

static void nodes_share_a_queue(void **state)
{
    (void)state;
    open_node(&one, "one");
    open_node(&two, "two");
    struct queue *first = rig_queue(&one, "q", NULL), *second = rig_queue(&two, "q", NULL);
    for (int i = 0; i < 10; i++)
        (void)rig_append(&one, first, "event");
    for (int i = 0; i < 5; i++) {
        const struct queue_entry *a = rig_take(&one, first), *b = rig_take(&two, second);
        assert_non_null(a);
        assert_non_null(b);
        assert_int_not_equal(a->id, b->id);
        OK(&one, queue_ack(first, a->id, 1, rig_ask(&one)));
        OK(&two, queue_ack(second, b->id, 1, rig_ask(&two)));
    }
    assert_null(rig_take(&one, first));
    assert_null(rig_take(&two, second));
    queue_put(first);
    queue_put(second);
    rig_close(&one);
    rig_close(&two);
}

static unsigned hints;

static void note_hint(struct queue_watch *watch)
{
    (void)watch;
    hints++;
}

static void wait_for_hint(struct rig *rig)
{
    for (int i = 0; i < 60000 && !hints; i++) {
        (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    assert_true(hints > 0);
    hints = 0;
}

static void a_node_hears_of_what_another_appends(void **state)
{
    (void)state;
    struct queue_watch watch = {.ready = note_hint};
    open_node(&one, "one");
    open_node(&two, "two");
    struct queue *first = rig_queue(&one, "q", NULL), *second = rig_queue(&two, "q", NULL);
    queue_watch(second, &watch);
    wait_for_hint(&two); /* it listens from now on */
    (void)rig_append(&one, first, "event");
    wait_for_hint(&two);
    assert_non_null(rig_take(&two, second));
    queue_unwatch(second, &watch);
    queue_put(first);
    queue_put(second);
    rig_close(&one);
    rig_close(&two);
}

static void leases_move_when_a_node_dies(void **state)
{
    (void)state;
    open_node(&one, "one");
    struct queue *queue = rig_queue(&one, "q", NULL);
    (void)rig_append(&one, queue, "event");
    const struct queue_entry *entry = rig_take(&one, queue);
    assert_non_null(entry);
    uint64_t id = entry->id;
    queue_put(queue);
    rig_close(&one); /* and never comes back */
    open_node(&two, "two");
    queue = rig_queue(&two, "q", NULL);
    assert_null(rig_take(&two, queue)); /* another node's start changes nothing */
    assert_int_equal(two.got.due_ms, two.now_ms + 1000);
    two.now_ms += 1000;
    entry = rig_take(&two, queue);
    assert_non_null(entry);
    assert_int_equal(entry->id, id);
    assert_int_equal(entry->attempts, 2);
    OK(&two, queue_ack(queue, id, 2, rig_ask(&two)));
    queue_put(queue);
    rig_close(&two);
}

static void a_node_that_starts_again_has_no_leases(void **state)
{
    (void)state;
    open_node(&one, "one");
    struct queue *queue = rig_queue(&one, "q", NULL);
    (void)rig_append(&one, queue, "first");
    (void)rig_append(&one, queue, "second");
    uint64_t id = rig_append(&one, queue, "later");
    OK(&one, queue_take(queue, 3, SIZE_MAX, 60000, rig_ask(&one)));
    assert_int_equal(one.got.count, 3);
    OK(&one, queue_nack(queue, id, 1, 5000, rig_ask(&one)));
    queue_put(queue);
    rig_close(&one);
    open_node(&one, "one");
    queue = rig_queue(&one, "q", NULL);
    const struct queue_entry *entry = rig_take(&one, queue);
    assert_non_null(entry);
    assert_memory_equal(entry->event.data, "first", 5);
    assert_int_equal(entry->attempts, 2);
    entry = rig_take(&one, queue);
    assert_non_null(entry);
    assert_memory_equal(entry->event.data, "second", 6);
    assert_null(rig_take(&one, queue));
    assert_int_equal(one.got.due_ms, one.now_ms + 1000);
    queue_put(queue);
    rig_close(&one);
}

/* Until the store answers something else. */
static mf_err until_not(struct rig *rig, struct queue *queue, mf_err err)
{
    mf_err got = err;
    for (int i = 0; i < 3000 && got == err; i++) {
        got = RIG(rig, queue_stat(queue, rig_ask(rig)));
        for (int turn = 0; turn < 10 && got == err; turn++) {
            (void)usleep(2000);
            (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
        }
    }
    return got;
}

static void a_server_that_is_killed_loses_nothing_answered(void **state)
{
    (void)state;
    struct queue_watch watch = {.ready = note_hint};
    open_node(&one, "one");
    struct queue *queue = rig_queue(&one, "q", NULL);
    queue_watch(queue, &watch);
    for (int round = 0; round < 3; round++) {
        uint32_t before = one.answered;
        (void)rig_append(&one, queue, "event");
        /* some are on their way when it dies: each is answered, whatever it says */
        struct store_bytes event = {"maybe", 5};
        for (int i = 0; i < 20; i++)
            assert_int_equal(queue_append(queue, QUEUE_BULK, &event, 1, rig_ask(&one)), MF_OK);
        (void)uv_run(&one.loop, UV_RUN_NOWAIT);
        rig_redis_stop(&redis, SIGKILL);
        rig_run_until(&one, before + 21);
        assert_int_equal(until_not(&one, queue, MF_OK), MF_EDEAD);
        hints = 0;
        assert_true(rig_redis_start(&redis, own_folder));
        assert_int_equal(until_not(&one, queue, MF_EDEAD), MF_OK);
        assert_true(one.got.stat.count >= (unsigned)round + 1);
        wait_for_hint(&one); /* who watches looks again */
    }
    unsigned events = 0;
    const struct queue_entry *entry;
    while ((entry = rig_take(&one, queue)))
        events += entry->event.bytes == 5 && memcmp(entry->event.data, "event", 5) == 0;
    assert_int_equal(events, 3);
    queue_unwatch(queue, &watch);
    queue_put(queue);
    rig_close(&one);
}

static void scripts_that_were_flushed_are_sent_again(void **state)
{
    (void)state;
    char command[192];
    open_node(&one, "one");
    struct queue *queue = rig_queue(&one, "q", NULL);
    (void)rig_append(&one, queue, "a");
    (void)snprintf(command, sizeof command, "redis-cli -s %s script flush >/dev/null", redis.url + 11);
    assert_int_equal(system(command), 0);
    (void)rig_append(&one, queue, "b");
    OK(&one, queue_stat(queue, rig_ask(&one)));
    assert_int_equal(one.got.stat.count, 2);
    queue_put(queue);
    rig_close(&one);
}

static void nobody_there_is_said(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    struct store_options options = {.url = "redis+unix:/tmp/mf-nobody.sock"};
    assert_int_equal(rig_open(&one, &options, &why), MF_OK);
    struct queue *queue = rig_queue(&one, "q", NULL);
    assert_int_equal(RIG(&one, queue_stat(queue, rig_ask(&one))), MF_EDEAD);
    queue_put(queue);
    rig_close(&one);
    uint64_t before_ns = mf_monotonic_ns();
    options.url = "redis://127.0.0.1:1";
    assert_int_equal(rig_open(&one, &options, &why), MF_OK);
    queue = rig_queue(&one, "q", NULL);
    assert_int_equal(RIG(&one, queue_stat(queue, rig_ask(&one))), MF_EDEAD);
    assert_true(mf_monotonic_ns() - before_ns < MF_REDIS_CONNECT_MS * MF_NS_PER_MS); /* refused, not waited for */
    queue_put(queue);
    rig_close(&one);
    options.url = "redis://localhost:1"; /* and closed while the name is looked up */
    assert_int_equal(rig_open(&one, &options, &why), MF_OK);
    rig_close(&one);
}

static void a_full_server_says_so(void **state)
{
    (void)state;
    char command[192];
    open_node(&one, "one");
    struct queue *queue = rig_queue(&one, "q", NULL);
    struct store_bytes event = {"x", 1};
    (void)rig_append(&one, queue, "a");
    (void)snprintf(command, sizeof command, "redis-cli -s %s config set maxmemory 1 >/dev/null", redis.url + 11);
    assert_int_equal(system(command), 0);
    assert_int_equal(RIG(&one, queue_append(queue, QUEUE_BULK, &event, 1, rig_ask(&one))), MF_EFULL);
    (void)snprintf(command, sizeof command, "redis-cli -s %s config set maxmemory 0 >/dev/null", redis.url + 11);
    assert_int_equal(system(command), 0);
    OK(&one, queue_append(queue, QUEUE_BULK, &event, 1, rig_ask(&one)));
    OK(&one, queue_stat(queue, rig_ask(&one)));
    assert_int_equal(one.got.stat.count, 2);
    queue_put(queue);
    rig_close(&one);
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    struct redis_url url;
    struct mf_why why = {{0}};
    assert_int_equal(redis_url_read("redis://host", &url, &why), MF_OK);
    assert_string_equal(url.host, "host");
    assert_int_equal(url.port, 6379);
    assert_int_equal(redis_url_read("redis://me:p%40ss%3a@[::1]:7/3", &url, &why), MF_OK);
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "p@ss:");
    assert_int_equal(url.port, 7);
    assert_int_equal(url.database, 3);
    assert_int_equal(redis_url_read("redis+unix:/run/redis.sock", &url, &why), MF_OK);
    assert_string_equal(url.path, "/run/redis.sock");
    static const char *const none[] = {
        "redis://", "redis://:6379", "redis://h:", "redis://h:0", "redis://h:65536", "redis://h:x",
        "redis://u@h", "redis://u:%0@h", "redis://u:%00@h", "redis://u:%zz@h", "redis://h/x", "redis://h/65536",
        "redis://[::1", "redis://[::1]x", "redis+unix:", "rediss://h", "redis:h"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (redis_url_read(none[i], &url, &why) != MF_EINVAL)
            fail_msg("%s", none[i]);
    assert_int_equal(redis_url_read("redis://u:secret@h:x", &url, &why), MF_EINVAL);
    assert_null(strstr(why.text, "secret"));
}

#define TEST(name) cmocka_unit_test_teardown(name, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_share_a_queue),
        TEST(a_node_hears_of_what_another_appends),
        TEST(leases_move_when_a_node_dies),
        TEST(a_node_that_starts_again_has_no_leases),
        TEST(a_server_that_is_killed_loses_nothing_answered),
        TEST(scripts_that_were_flushed_are_sent_again),
        TEST(nobody_there_is_said),
        TEST(a_full_server_says_so),
        cmocka_unit_test(urls_are_taken_apart),
    };
    if (own_folder_make(NULL) != 0 || !rig_redis_start(&redis, own_folder)) {
        fprintf(stderr, "no redis-server (Debian: redis-tools)\n");
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_redis_stop(&redis, SIGTERM);
    return own_folder_remove(NULL) || failed;
}
