/*
 * subject_program.c: HTTP servers started as plain processes.
 *   "process"      static_http, or the program that is asked for, given a listening socket with the request waiting in it;
 *                  a copy with data of its own where content is to be distinct
 *   "http-server"  bare libmicrohttpd, for load only
 *   --peer         any command, which listens on $PORT
 * Owns the processes it starts.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/own_image.h"
#include "bench/scratch.h"
#include "bench/subject.h"

struct instance {
    struct child child;
    int listener; /* -1: none */
    uint16_t port;
};

struct program {
    char path[PATH_MAX];
    struct scratch folder; /* copies */
    struct own_image own;
    bool distinct;
    struct child server; /* of serve() */
    struct instance *instance;
    uint32_t count;
};

static bool is_peer(const struct subject *subject)
{
    return subject->detail != NULL;
}

static mf_err program_open(struct subject *subject, struct mf_why *why)
{
    struct program *program = calloc(1, sizeof *program);
    if (!program)
        return MF_ENOMEM;
    program->server = CHILD_NONE;
    subject->state = program;
    const char *name = strcmp(subject->name, "http-server") == 0 ? BENCH_HTTP_SERVER
                                                                 : BENCH_STATIC_HTTP;
    if (is_peer(subject))
        return MF_OK;
    if (beside_us(name, program->path))
        return scratch_open(&program->folder, why);
    return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; build it with ./up --build",
                  name);
}

static void instance_close(struct instance *instance, struct rusage *cost)
{
    child_end(&instance->child, SIGKILL, cost);
    if (instance->listener >= 0)
        close(instance->listener);
    instance->listener = -1;
}

static void end_all(struct program *program)
{
    for (uint32_t i = 0; i < program->count; i++)
        instance_close(&program->instance[i], NULL);
    free(program->instance);
    program->instance = NULL;
    program->count = 0;
}

static void program_close(struct subject *subject)
{
    struct program *program = subject->state;
    if (!program)
        return;
    end_all(program);
    child_end(&program->server, SIGTERM, NULL);
    own_image_close(&program->own);
    scratch_close(&program->folder);
    free(program);
    subject->state = NULL;
}

static mf_err program_prepare(struct subject *subject, uint32_t count,
                              enum subject_content content, struct mf_why *why)
{
    struct program *program = subject->state;
    end_all(program);
    own_image_close(&program->own); /* copies of an earlier run are other ones */
    program->distinct = content == CONTENT_DISTINCT;
    char path[PATH_MAX];
    const char *from = program->path;
    if (subject->program) {
        if (!beside_us(subject->program->server, path))
            return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; ./up --build makes it",
                          subject->program->server);
        from = path;
    }
    mf_err err = is_peer(subject) ? MF_OK : own_image_open(&program->own, from, why);
    if (err)
        return err;
    program->instance = calloc(count, sizeof *program->instance);
    if (!program->instance)
        return MF_ENOMEM;
    program->count = count;
    for (uint32_t i = 0; i < count; i++)
        program->instance[i] = (struct instance){.child = CHILD_NONE, .listener = -1};
    return MF_OK;
}

static void copy_path(const struct program *program, uint32_t instance, char path[static PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/server-%u", program->folder.path,
                   program->distinct ? instance : 0);
}

static mf_err program_make(struct subject *subject, uint32_t instance, struct mf_why *why)
{
    struct program *program = subject->state;
    char path[PATH_MAX];
    if (is_peer(subject) || (instance && !program->distinct))
        return MF_OK;
    copy_path(program, instance, path);
    return own_image_write(&program->own, instance, path, why);
}

static uint64_t program_answer(const struct subject *subject, const struct subject_call *call)
{
    const struct program *program = subject->state;
    return own_image_answer(&program->own, program->distinct ? call->instance : 0, call->nonce);
}

static mf_err start_peer(const char *command, uint16_t *port, struct child *child,
                         struct mf_why *why)
{
    mf_err err = free_port(port);
    if (err)
        return err;
    char text[8];
    (void)snprintf(text, sizeof text, "%u", *port);
    setenv("PORT", text, 1);
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    return child_start(&plan, child, why);
}

/* The listening socket exists before the program, and the request waits in it. */
static mf_err program_connect(struct subject *subject, struct subject_call *call,
                              struct mf_why *why)
{
    struct program *program = subject->state;
    mf_assert(call->instance < program->count);
    if (is_peer(subject))
        return MF_OK;
    struct instance *it = &program->instance[call->instance];
    struct load_target target;
    mf_err err = listen_anywhere(&it->listener, &it->port);
    if (!err)
        err = connect_to(it->port, &call->connection);
    if (!err)
        err = subject_request(call, it->port, "/", &target);
    return err ? mf_why(why, err, "no sockets for a server")
               : request_send(call->connection, &target, why);
}

static mf_err begin_peer(struct subject *subject, struct child *child, struct subject_call *call,
                         struct mf_why *why)
{
    uint16_t port = 0;
    struct load_target target;
    mf_err err = start_peer(subject->detail, &port, child, why);
    if (!err)
        err = connect_when_up(port, child, &call->connection, why);
    if (!err)
        err = subject_request(call, port, "/", &target);
    return err ? err : request_send(call->connection, &target, why);
}

static bool script_path(const struct subject_program *program, char path[static PATH_MAX])
{
    char name[SUBJECT_PATH_BYTES];
    (void)snprintf(name, sizeof name, "%s/%s", program->root, program->script);
    return beside_us(name, path);
}

static mf_err program_begin(struct subject *subject, struct subject_call *call, struct mf_why *why)
{
    struct program *program = subject->state;
    struct instance *it = &program->instance[call->instance];
    if (is_peer(subject))
        return begin_peer(subject, &it->child, call, why);
    char path[PATH_MAX], folder[PATH_MAX], script[PATH_MAX];
    copy_path(program, call->instance, path);
    const char *argv[] = {path, "--passed", NULL, NULL, NULL};
    if (subject->program && subject->program->interpreter) {
        if (!script_path(subject->program, script))
            return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command", subject->program->root);
        memcpy(argv, (const char *[]){strrchr(subject->program->interpreter, '/') + 1, script, path, "--passed"},
               4 * sizeof *argv);
    }
    struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = it->listener};
    if (subject->program && subject->program->folder) {
        if (!beside_us(subject->program->folder, folder))
            return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command",
                          subject->program->folder);
        plan.directory = folder;
    }
    return child_start(&plan, &it->child, why);
}

static mf_err program_target(struct subject *subject, uint32_t instance, const char *path,
                             struct load_target *target)
{
    const struct program *program = subject->state;
    mf_assert(!is_peer(subject) && instance < program->count);
    return load_target_set(target, program->instance[instance].port, path);
}

static mf_err program_end(struct subject *subject, uint32_t instance, struct rusage *cost,
                          struct mf_why *why)
{
    (void)why;
    struct program *program = subject->state;
    instance_close(&program->instance[instance], cost);
    return MF_OK;
}

static mf_err program_serve(struct subject *subject, struct load_target *target, struct mf_why *why)
{
    struct program *program = subject->state;
    uint16_t port = 0;
    mf_err err;
    if (is_peer(subject)) {
        err = start_peer(subject->detail, &port, &program->server, why);
    } else {
        err = free_port(&port);
        char text[8], threads[8];
        (void)snprintf(text, sizeof text, "%u", port);
        (void)snprintf(threads, sizeof threads, "%u", bench_http_threads());
        const char *const argv[] = {program->path, text, threads, NULL};
        const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
        if (!err)
            err = child_start(&plan, &program->server, why);
    }
    int connection = -1;
    if (!err)
        err = connect_when_up(port, &program->server, &connection, why);
    if (!err)
        close(connection);
    return err ? err : load_target_set(target, port, "/");
}

static mf_err program_processes(struct subject *subject, struct processes *list)
{
    struct program *program = subject->state;
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < program->count && !err; i++)
        if (program->instance[i].child.pid > 0)
            err = processes_add_tree(list, program->instance[i].child.pid);
    return err;
}

const struct subject_kind subject_program = {
    .open = program_open,
    .close = program_close,
    .prepare = program_prepare,
    .make = program_make,
    .connect = program_connect,
    .begin = program_begin,
    .answer = program_answer,
    .end = program_end,
    .target = program_target,
    .serve = program_serve,
    .processes = program_processes,
};
