/*
 * subject_mayfly.c: the C no-op on a node of our own, started as a user starts one
 * (`mayfly node`, all settings at their defaults but address, state folder and the
 * sandbox of the function) and driven as a user drives one: `mayfly deploy`,
 * `mayfly rm`, HTTP requests. Instance number i is a function of its own name, so
 * each of them can start cold; of its own image, too, where content is to be distinct.
 * Owns the node and its state folder.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/node_api.h"
#include "bench/own_image.h"
#include "bench/residents.h"
#include "bench/scratch.h"
#include "bench/subject.h"

#define NAME_BYTES 24
#define PATH_BYTES (NAME_BYTES + SUBJECT_PATH_BYTES + 16)

struct node {
    struct child daemon;
    char mayfly[PATH_MAX];
    char image[PATH_MAX];
    struct scratch folder; /* the node's state */
    struct scratch uploads; /* images on their way to it */
    struct own_image own;  /* copies of it are deployed */
    const char *own_name;  /* what it is a copy of; NULL: not open */
    uint32_t written;      /* the copy of it that stands in uploads; WRITTEN_NONE: none */
    bool distinct;         /* by prepare() */
    char sandbox[16];
    char isolation[ISOLATION_BYTES]; /* "": the default */
    const char *const *options;      /* the subject's */
    uint16_t port;
    uint32_t first_copy, count; /* of the instances prepared */
    bool serves;       /* serve() deployed its function    */
    uint16_t stream_port; /* of its one instance; 0: none */
};

static mf_err run_mayfly(const struct node *node, const char *const *argv, struct mf_why *why)
{
    setenv("MAYFLY_STATE", node->folder.path, 1);
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    return child_run(&plan, why);
}

#define WRITTEN_NONE UINT32_MAX
#define DEPLOY_ARGUMENTS_MAX 16
#define NODE_ARGUMENTS_MAX 24
#define COMMAND_ARGUMENTS_MAX 16

/* max_instances 0: the default. The isolation is the subject's. */
static mf_err deploy_image(const struct node *node, const char *image, const char *name,
                           uint32_t max_instances, struct mf_why *why)
{
    const char *argv[DEPLOY_ARGUMENTS_MAX] = {node->mayfly, "deploy",    image,        "--name",
                                              name,         "--sandbox", node->sandbox};
    char number[16], place[32];
    size_t n = 7;
    if (node->isolation[0] && bench_has_isolation()) {
        argv[n++] = "--isolation";
        argv[n++] = node->isolation;
    }
    if (max_instances) {
        (void)snprintf(number, sizeof number, "%u", max_instances);
        argv[n++] = "--max-instances";
        argv[n++] = number;
    }
    if (node->stream_port) {
        (void)snprintf(place, sizeof place, "127.0.0.1:%u", node->stream_port);
        argv[n++] = "--listen";
        argv[n++] = place;
    }
    argv[n] = NULL;
    return run_mayfly(node, argv, why);
}

static mf_err deploy(const struct node *node, const char *name, struct mf_why *why)
{
    return deploy_image(node, node->image, name, 0, why);
}

static void instance_name(uint32_t instance, char name[static NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "bench-%u", instance);
}

/* The gateway's socket is there before the node is ready; the answer is not. */
static mf_err await_health(const struct node *node, int connection, struct mf_why *why)
{
    struct load_target target;
    uint64_t ignored_ns;
    struct http_reply ignored;
    mf_err err = load_target_set(&target, node->port, "/healthz");
    if (!err)
        err = request_send(connection, &target, why);
    return err ? err : reply_read(connection, &ignored, &ignored_ns, why);
}

/* fronts: what --fronts says; NULL: the default. */
static mf_err start_node(struct node *node, const char *fronts, struct mf_why *why)
{
    char address[32];
    mf_err err = free_port(&node->port);
    if (err)
        return err;
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", node->port);
    const char *argv[NODE_ARGUMENTS_MAX + 1] = {node->mayfly, "node",   "--listen",   address,
                                                "--state",    node->folder.path};
    size_t n = 6;
    for (const char *const *option = node->options; option && *option && n < NODE_ARGUMENTS_MAX; option++)
        argv[n++] = *option;
    if (fronts && n + 2 <= NODE_ARGUMENTS_MAX) {
        argv[n++] = "--fronts";
        argv[n] = fronts;
    }
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    err = child_start(&plan, &node->daemon, why);
    int connection = -1;
    if (!err)
        err = connect_when_up(node->port, &node->daemon, &connection, why);
    if (!err)
        err = await_health(node, connection, why);
    if (connection >= 0)
        close(connection);
    return err;
}

static mf_err mayfly_open(struct subject *subject, struct mf_why *why)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return MF_ENOMEM;
    node->daemon = CHILD_NONE;
    subject->state = node;
    (void)snprintf(node->sandbox, sizeof node->sandbox, "%s", subject->detail);
    memcpy(node->isolation, subject->isolation, sizeof node->isolation);
    node->options = subject->options;
    if (!bench_has_isolation() && node->isolation[0] &&
        strcmp(node->isolation, bench_default_isolation()) != 0)
        return mf_why(why, MF_EUNSUPPORTED,
                      "this node has no setting `isolation`: every function is served as by %s",
                      bench_default_isolation());
    if (!beside_us("mayfly", node->mayfly) || !beside_us(BENCH_NOOP_IMAGE, node->image))
        return mf_why(why, MF_EUNSUPPORTED, "mayfly and %s are not in one folder; ./up --build makes both",
                      BENCH_NOOP_IMAGE);
    mf_err err = scratch_open(&node->folder, why);
    if (!err)
        err = scratch_open(&node->uploads, why);
    if (!err)
        err = start_node(node, NULL, why);
    if (err)
        return err;
    /* A sandbox that cannot be had here is refused at deploy, with the reason. */
    err = deploy(node, "bench-probe", why);
    if (err)
        return MF_EUNSUPPORTED;
    const char *const argv[] = {node->mayfly, "rm", "bench-probe", NULL};
    return run_mayfly(node, argv, why);
}

static void mayfly_close(struct subject *subject)
{
    struct node *node = subject->state;
    if (!node)
        return;
    child_end(&node->daemon, SIGTERM, NULL);
    own_image_close(&node->own);
    scratch_close(&node->folder);
    scratch_close(&node->uploads);
    free(node);
    subject->state = NULL;
}

static mf_err mayfly_end(struct subject *subject, uint32_t instance, struct rusage *cost,
                         struct mf_why *why)
{
    (void)cost; /* the processes' clocks told it */
    char name[NAME_BYTES];
    instance_name(instance, name);
    const struct node *node = subject->state;
    const char *const argv[] = {node->mayfly, "rm", name, NULL};
    return run_mayfly(node, argv, why);
}

static mf_err mayfly_prepare(struct subject *subject, uint32_t count, enum subject_content content,
                             struct mf_why *why)
{
    struct node *node = subject->state;
    node->first_copy += node->count; /* never a copy that was there before */
    node->count = count;
    node->distinct = content == CONTENT_DISTINCT;
    node->stream_port = 0;
    mf_err err = subject->program && subject->program->streams ? free_port(&node->stream_port) : MF_OK;
    if (err)
        return mf_why(why, err, "no port is free");
    const char *name = subject->program ? subject->program->image : BENCH_DISTINCT_IMAGE;
    if (node->own_name && strcmp(node->own_name, name) == 0)
        return MF_OK;
    own_image_close(&node->own);
    node->own_name = NULL;
    node->written = WRITTEN_NONE;
    char path[PATH_MAX];
    if (!beside_us(name, path))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; ./up --build makes it",
                      name);
    err = own_image_open(&node->own, path, why);
    node->own_name = err ? NULL : name;
    return err;
}

static uint32_t copy_of(const struct node *node, uint32_t instance)
{
    return node->first_copy + (node->distinct ? instance : 0);
}

static mf_err mayfly_make(struct subject *subject, uint32_t instance, struct mf_why *why)
{
    struct node *node = subject->state;
    char name[NAME_BYTES], path[SCRATCH_BYTES + 16];
    mf_assert(instance < node->count);
    instance_name(instance, name);
    (void)snprintf(path, sizeof path, "%s/copy.mf", node->uploads.path);
    mf_err err = MF_OK;
    if (node->written != copy_of(node, instance))
        err = own_image_write(&node->own, copy_of(node, instance), path, why);
    node->written = err ? WRITTEN_NONE : copy_of(node, instance);
    return err ? err : deploy_image(node, path, name, 0, why);
}

static mf_err mayfly_connect(struct subject *subject, struct subject_call *call, struct mf_why *why)
{
    const struct node *node = subject->state;
    mf_err err = connect_to(node->port, &call->connection);
    return err ? mf_why(why, err, "the node does not listen any more") : MF_OK;
}

static void instance_path(uint32_t instance, const char *below, char path[static PATH_BYTES])
{
    char name[NAME_BYTES];
    instance_name(instance, name);
    (void)snprintf(path, PATH_BYTES, "/function/%s%.*s", name, SUBJECT_PATH_BYTES, below);
}

static mf_err mayfly_target(struct subject *subject, uint32_t instance, const char *path,
                            struct load_target *target)
{
    const struct node *node = subject->state;
    char whole[PATH_BYTES];
    if (node->stream_port)
        return load_target_set(target, node->stream_port, path);
    instance_path(instance, path, whole);
    return load_target_set(target, node->port, whole);
}

static mf_err mayfly_begin(struct subject *subject, struct subject_call *call, struct mf_why *why)
{
    const struct node *node = subject->state;
    char path[PATH_BYTES];
    struct load_target target;
    instance_path(call->instance, "", path);
    mf_err err = subject_request(call, node->port, path, &target);
    return err ? err : request_send(call->connection, &target, why);
}

static uint64_t mayfly_answer(const struct subject *subject, const struct subject_call *call)
{
    const struct node *node = subject->state;
    return own_image_answer(&node->own, copy_of(node, call->instance), call->nonce);
}

static mf_err mayfly_serve(struct subject *subject, struct load_target *target, struct mf_why *why)
{
    struct node *node = subject->state;
    mf_err err = node->serves ? MF_OK : deploy(node, "bench-warm", why);
    node->serves = true;
    return err ? err : load_target_set(target, node->port, "/function/bench-warm");
}

mf_err subject_mayfly_deploy(struct subject *subject, const struct mayfly_function *function,
                             struct load_target *target, struct mf_why *why)
{
    const struct node *node = subject->state;
    char image[PATH_MAX], path[128];
    mf_assert(subject->kind == &subject_mayfly);
    if (!beside_us(function->image, image))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; ./up --build makes it",
                      function->image);
    (void)snprintf(path, sizeof path, "/function/%s%s", function->name, function->path);
    mf_err err = deploy_image(node, image, function->name, function->max_instances, why);
    return err ? err : load_target_set(target, node->port, path);
}

mf_err subject_mayfly_restart(struct subject *subject, const char *fronts, double *took_us,
                              struct mf_why *why)
{
    struct node *node = subject->state;
    mf_assert(subject->kind == &subject_mayfly);
    child_end(&node->daemon, SIGTERM, NULL);
    node->options = subject->options;
    uint64_t from_ns = mf_monotonic_ns();
    mf_err err = start_node(node, fronts, why);
    *took_us = (double)(mf_monotonic_ns() - from_ns) / MF_NS_PER_US;
    return err;
}

mf_err subject_mayfly_command(const struct subject *subject, const char *const *arguments,
                              struct mf_why *why)
{
    const struct node *node = subject->state;
    const char *argv[COMMAND_ARGUMENTS_MAX + 1] = {node->mayfly};
    mf_assert(subject->kind == &subject_mayfly);
    for (size_t n = 1; *arguments && n < COMMAND_ARGUMENTS_MAX; n++)
        argv[n] = *arguments++;
    return run_mayfly(node, argv, why);
}

void subject_mayfly_places(const struct subject *subject, uint16_t *port,
                           char api[static SUBJECT_API_BYTES])
{
    const struct node *node = subject->state;
    mf_assert(subject->kind == &subject_mayfly);
    *port = node->port;
    (void)snprintf(api, SUBJECT_API_BYTES, "%s/api.sock", node->folder.path);
}

static mf_err mayfly_is_cold(struct subject *subject, struct mf_why *why)
{
    struct node *node = subject->state;
    struct residents residents = {0};
    mf_err err = residents_list(&residents, node->folder.path);
    if (!err)
        err = residents_find(&residents, node->daemon.pid, why);
    residents_close(&residents);
    return err;
}

static mf_err mayfly_processes(struct subject *subject, struct processes *list)
{
    const struct node *node = subject->state;
    return processes_add_tree(list, node->daemon.pid);
}

const struct subject_kind subject_mayfly = {
    .open = mayfly_open,
    .close = mayfly_close,
    .prepare = mayfly_prepare,
    .make = mayfly_make,
    .is_cold = mayfly_is_cold,
    .connect = mayfly_connect,
    .begin = mayfly_begin,
    .answer = mayfly_answer,
    .end = mayfly_end,
    .target = mayfly_target,
    .serve = mayfly_serve,
    .processes = mayfly_processes,
};
