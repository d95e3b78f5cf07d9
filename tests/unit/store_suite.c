/* store_suite.c: see store_suite.h. */
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

#include "own_folder.h"
#include "store_suite.h"

struct rig rig;
static struct store_options options;
static char part[64]; /* LMDB: a folder for each test */
static struct rig_redis redis;
static unsigned tests_begun;

int store_begin(void **state)
{
    struct mf_why why = {{0}};
    (void)state;
    if (!options.url) {
        (void)snprintf(part, sizeof part, "%s/%u", own_folder, tests_begun++);
        char command[96];
        (void)snprintf(command, sizeof command, "mkdir -p %s", part);
        if (system(command) != 0)
            return -1;
        options.directory = part;
    }
    if (rig_open(&rig, &options, &why))
        fail_msg("%s", why.text);
    return 0;
}

int store_end(void **state)
{
    (void)state;
    rig_close(&rig);
    if (store_is_redis()) {
        char command[192];
        (void)snprintf(command, sizeof command, "redis-cli -s %s flushall >/dev/null", options.url + 11);
        return system(command);
    }
    return 0;
}

bool store_is_redis(void)
{
    return options.url && strncmp(options.url, "redis", 5) == 0;
}

void store_has_text(struct store_bytes bytes, const char *text)
{
    if (bytes.bytes != strlen(text) || memcmp(bytes.data, text, bytes.bytes) != 0)
        fail_msg("\"%.*s\" is not \"%s\"", (int)bytes.bytes, (const char *)bytes.data, text);
}

void store_takes(struct queue *queue, const char *text, uint32_t attempts)
{
    const struct queue_entry *entry = rig_take(&rig, queue);
    if (!entry)
        fail_msg("nothing, not \"%s\"", text);
    store_has_text(entry->event, text);
    assert_int_equal(entry->attempts, attempts);
}

void store_takes_nothing(struct queue *queue)
{
    const struct queue_entry *entry = rig_take(&rig, queue);
    if (entry)
        fail_msg("\"%.*s\"", (int)entry->event.bytes, (const char *)entry->event.data);
}

void store_has_stat(struct queue *queue, uint64_t count, uint64_t bytes, uint64_t dead_count,
                    uint64_t dead_bytes)
{
    OK(queue_stat(queue, ASK));
    assert_int_equal(rig.got.stat.count, count);
    assert_int_equal(rig.got.stat.bytes, bytes);
    assert_int_equal(rig.got.stat.dead_count, dead_count);
    assert_int_equal(rig.got.stat.dead_bytes, dead_bytes);
}

int store_suite(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
    const char *only = argc > 1 ? argv[1] : "";
    int failed = 0;
    if (own_folder_make(NULL) != 0)
        return 1;
    if (!*only || strcmp(only, "memory") == 0) {
        options = (struct store_options){.url = "memory:"};
        failed += _cmocka_run_group_tests("memory", tests, count, NULL, NULL);
    }
    if (!*only || strcmp(only, "lmdb") == 0) {
        options = (struct store_options){.url = NULL};
        failed += _cmocka_run_group_tests("lmdb", tests, count, NULL, NULL);
    }
    if (!*only || strcmp(only, "redis") == 0) {
        if (!rig_redis_start(&redis, own_folder))
            failed++, fprintf(stderr, "no redis-server (Debian: redis-tools)\n");
        else {
            options = (struct store_options){.url = redis.url, .node = "here"};
            failed += _cmocka_run_group_tests("redis", tests, count, NULL, NULL);
            rig_redis_stop(&redis, SIGTERM);
        }
    }
    return own_folder_remove(NULL) || failed;
}
