/* store_rig.c: see store_rig.h. */
#include "store_rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define REDIS_PROGRAM "/usr/bin/redis-check-rdb" /* Debian's redis-tools: the server by another name */

mf_err rig_open(struct rig *rig, const struct store_options *options, struct mf_why *why)
{
    *rig = (struct rig){.now_ms = 1000000};
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    return store_open(&rig->loop, options, &rig->store, why);
}

static void forget(struct rig *rig)
{
    while (rig->copies.count)
        free(rig->copies.list[--rig->copies.count]);
}

void rig_close(struct rig *rig)
{
    store_close(rig->store);
    (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    forget(rig);
    free(rig->copies.list);
    rig->copies.list = NULL;
}

static void *keep(struct rig *rig, const void *data, size_t bytes)
{
    if (!data)
        return NULL;
    if (rig->copies.count == rig->copies.room) {
        rig->copies.room = rig->copies.room ? 2 * rig->copies.room : 64;
        rig->copies.list = realloc(rig->copies.list, rig->copies.room * sizeof(void *));
        assert_non_null(rig->copies.list);
    }
    uint8_t *copy = malloc(bytes + 1);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    copy[bytes] = 0;
    return rig->copies.list[rig->copies.count++] = copy;
}

static struct store_bytes keep_bytes(struct rig *rig, struct store_bytes bytes)
{
    return (struct store_bytes){keep(rig, bytes.data, bytes.bytes), bytes.bytes};
}

static void answered(void *context, const struct store_answer *answer)
{
    struct rig *rig = context;
    rig->got = *answer;
    rig->got.ids = keep(rig, answer->ids, answer->count * sizeof *answer->ids);
    rig->got.value = keep_bytes(rig, answer->value);
    struct queue_entry *entries = keep(rig, answer->entries, answer->count * sizeof *entries);
    struct space_pair *pairs = keep(rig, answer->pairs, answer->count * sizeof *pairs);
    for (size_t i = 0; i < answer->count && entries; i++) {
        entries[i].event = keep_bytes(rig, entries[i].event);
        entries[i].reason = keep_bytes(rig, entries[i].reason);
    }
    for (size_t i = 0; i < answer->count && pairs; i++) {
        pairs[i].key = keep_bytes(rig, pairs[i].key);
        pairs[i].value = keep_bytes(rig, pairs[i].value);
    }
    rig->got.entries = entries;
    rig->got.pairs = pairs;
    rig->answered++;
}

const struct store_ask *rig_ask(struct rig *rig)
{
    static struct store_ask ask;
    ask = (struct store_ask){.now_ms = rig->now_ms, .done = answered, .context = rig};
    return &ask;
}

void rig_run_until(struct rig *rig, uint32_t count)
{
    while (rig->answered < count)
        (void)uv_run(&rig->loop, UV_RUN_ONCE);
}

mf_err rig_wait(struct rig *rig, mf_err asked)
{
    if (asked)
        return asked;
    uint32_t before = rig->answered;
    forget(rig);
    rig_run_until(rig, before + 1);
    return rig->got.err;
}

struct queue *rig_queue(struct rig *rig, const char *name, const struct queue_settings *settings)
{
    static const struct queue_settings usual;
    struct queue *queue;
    assert_int_equal(
        queue_get(rig->store, RIG_TENANT, name, settings ? settings : &usual, &queue), MF_OK);
    return queue;
}

struct space *rig_space(struct rig *rig, const char *tenant)
{
    struct space *space;
    assert_int_equal(space_get(rig->store, tenant, &(struct space_settings){0}, &space), MF_OK);
    return space;
}

uint64_t rig_append(struct rig *rig, struct queue *queue, const char *text)
{
    struct store_bytes event = rig_text(text);
    assert_int_equal(RIG(rig, queue_append(queue, QUEUE_BULK, &event, 1, rig_ask(rig))), MF_OK);
    assert_int_equal(rig->got.count, 1);
    return rig->got.ids[0];
}

const struct queue_entry *rig_take(struct rig *rig, struct queue *queue)
{
    assert_int_equal(RIG(rig, queue_take(queue, 1, SIZE_MAX, 1000, rig_ask(rig))), MF_OK);
    return rig->got.count ? &rig->got.entries[0] : NULL;
}

/* ---- Redis ---- */

static bool listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return yes;
}

bool rig_redis_start(struct rig_redis *redis, const char *directory)
{
    char path[96];
    (void)snprintf(redis->directory, sizeof redis->directory, "%s", directory);
    (void)snprintf(path, sizeof path, "%s/redis.sock", directory);
    (void)snprintf(redis->url, sizeof redis->url, "redis+unix:%s", path);
    char *const arguments[] = {"redis-server", "--port", "0", "--unixsocket", path, "--dir",
                               redis->directory, "--appendonly", "yes", "--appendfsync", "always",
                               "--save", "", "--logfile", "redis.log", NULL};
    if (access(REDIS_PROGRAM, X_OK) != 0)
        return false;
    redis->pid = fork();
    if (redis->pid == 0) { /* a test that is killed leaves none behind, and no pipe open */
        int nowhere = open("/dev/null", O_RDWR);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(nowhere, 0) >= 0 &&
            dup2(nowhere, 1) >= 0 && dup2(nowhere, 2) >= 0)
            (void)execv(REDIS_PROGRAM, arguments);
        _exit(127);
    }
    for (int i = 0; i < 3000; i++) {
        if (listens(path))
            return true;
        (void)usleep(20000);
    }
    rig_redis_stop(redis, SIGKILL);
    return false;
}

void rig_redis_stop(struct rig_redis *redis, int signal)
{
    char path[96];
    if (redis->pid <= 0)
        return;
    (void)kill(redis->pid, signal);
    (void)waitpid(redis->pid, NULL, 0);
    (void)snprintf(path, sizeof path, "%s/redis.sock", redis->directory);
    (void)unlink(path);
    redis->pid = 0;
}
