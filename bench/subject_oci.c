/*
 * subject_oci.c: the server of "process" in a container, by an OCI run-time:
 * `RUNTIME run` of the bundle that `RUNTIME spec` describes, changed only in its
 * command, its root and its terminal. A keeper holds the processes of each together.
 * runc passes the listening socket on; runsc cannot, there the server speaks on its
 * standard input and output, a socket pair. Owns a scratch folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/own_image.h"
#include "bench/scratch.h"
#include "bench/subject.h"

#define ARGUMENTS_MAX 24
#define ID_BYTES 24

struct container {
    struct child keeper;
    int listener;   /* runc: passed on; -1: none */
    uint16_t port;
    int connection; /* runsc: our end of the pair; -1: none */
    char id[ID_BYTES];
};

struct oci {
    bool gvisor;
    struct scratch folder; /* bundles, their common root, and the run-time's state */
    char state[SCRATCH_BYTES + 8];
    json_t *config;        /* a bundle's, but for its command and its files */
    json_t *mounts;        /* of a bundle without files */
    json_t *arguments;     /* of a script; NULL: the server is the program */
    char usual[PATH_MAX];  /* the static server */
    struct own_image own;  /* copies of the server            */
    bool distinct;
    char keeper[PATH_MAX];
    uint32_t count;
    uint32_t named; /* so that every container has an id of its own */
    struct container *container;
};

/* Flags that stand before the command of either run-time. */
static size_t global_flags(const struct oci *oci, const char *runtime, const char **argv)
{
    size_t n = 0;
    argv[n++] = runtime;
    argv[n++] = "--root";
    argv[n++] = oci->state;
    if (oci->gvisor)
        argv[n++] = "--network=none";
    if (oci->gvisor && geteuid() != 0) {
        argv[n++] = "--rootless";
        argv[n++] = "--ignore-cgroups";
    }
    return n;
}

static mf_err run_in(const char *folder, const char *const *argv, struct mf_why *why)
{
    const struct child_plan plan = {
        .argv = argv, .directory = folder, .in = -1, .out = -1, .passed = -1};
    return child_run(&plan, why);
}

/* The run-time's own specification, with our root, without a terminal and limits. */
static mf_err read_config(struct oci *oci, const char *runtime, struct mf_why *why)
{
    char path[128], root[128];
    const char *const argv[] = {runtime, "spec",
                                !oci->gvisor && geteuid() != 0 ? "--rootless" : NULL, NULL};
    mf_err err = run_in(oci->folder.path, argv, why);
    if (err)
        return err;
    (void)snprintf(path, sizeof path, "%s/config.json", oci->folder.path);
    (void)snprintf(root, sizeof root, "%s/rootfs", oci->folder.path);
    oci->config = json_load_file(path, 0, NULL);
    json_t *process = json_object_get(oci->config, "process");
    json_object_del(process, "rlimits"); /* 1,024 descriptors; ours may have thousands */
    if (!process || json_object_set_new(process, "terminal", json_false()) != 0 ||
        json_object_set_new(json_object_get(oci->config, "root"), "path", json_string(root)) != 0)
        return mf_why(why, MF_EFORMAT, "%s spec wrote no usable config.json", runtime);
    return MF_OK;
}

static void bundle_path(const struct oci *oci, uint32_t instance, char path[static 128])
{
    (void)snprintf(path, 128, "%s/bundle-%u", oci->folder.path, oci->distinct ? instance : 0);
}

#define FILES "/files" /* where a container has them */

#define OWN_FILE "/own.bin" /* a script's data, mounted over that of its root */

/* The container's root is the script's; each has one, so copies are not distinct. */
static mf_err set_script(struct oci *oci, const struct subject_program *program, json_t *mounts,
                         struct mf_why *why)
{
    char root[PATH_MAX], own[160], script[SUBJECT_PATH_BYTES];
    if (!beside_us(program->root, root))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command", program->root);
    (void)snprintf(own, sizeof own, "%s/rootfs/server-0", oci->folder.path);
    (void)snprintf(script, sizeof script, "/%s", program->script);
    oci->distinct = false;
    json_t *process = json_object_get(oci->config, "process");
    if (json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:[ss]}", "destination", OWN_FILE, "type",
                                                "bind", "source", own, "options", "bind", "ro")) != 0 ||
        json_object_set_new(oci->config, "mounts", mounts) != 0 ||
        json_object_set_new(json_object_get(oci->config, "root"), "path", json_string(root)) != 0 ||
        json_object_set_new(process, "cwd", json_string("/")) != 0)
        return MF_ENOMEM;
    json_decref(oci->arguments);
    oci->arguments = json_pack("[ssss]", program->interpreter, script, OWN_FILE, "--passed");
    return oci->arguments ? MF_OK : MF_ENOMEM;
}

static mf_err usual_root(struct oci *oci)
{
    char root[128];
    json_decref(oci->arguments);
    oci->arguments = NULL;
    (void)snprintf(root, sizeof root, "%s/rootfs", oci->folder.path);
    return json_object_set_new(json_object_get(oci->config, "root"), "path", json_string(root)) == 0
               ? MF_OK : MF_ENOMEM;
}

/* The server runs in the program's folder, mounted to be read, or in the root. */
static mf_err set_folder(struct oci *oci, const struct subject_program *program, struct mf_why *why)
{
    char path[PATH_MAX];
    bool has = program && program->folder;
    if (has && !beside_us(program->folder, path))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command", program->folder);
    json_t *mounts = json_copy(oci->mounts);
    if (program && program->interpreter)
        return set_script(oci, program, mounts, why);
    if (has && json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:[ss]}", "destination", FILES,
                                                       "type", "bind", "source", path, "options",
                                                       "bind", "ro")) != 0)
        return MF_ENOMEM;
    json_object_set_new(json_object_get(oci->config, "process"), "cwd", json_string(has ? FILES : "/"));
    return json_object_set_new(oci->config, "mounts", mounts) == 0 ? MF_OK : MF_ENOMEM;
}

/* A bundle, whose server is copy number `instance`. */
static mf_err make_bundle(struct oci *oci, uint32_t instance, struct mf_why *why)
{
    char bundle[128], server[160], config[160];
    bundle_path(oci, instance, bundle);
    if (mkdir(bundle, 0755) != 0 && errno != EEXIST)
        return mf_why(why, mf_err_from_errno(errno), "%s: %s", bundle, strerror(errno));
    (void)snprintf(server, sizeof server, "%s/rootfs/server-%u", oci->folder.path, instance);
    (void)snprintf(config, sizeof config, "%s/config.json", bundle);
    json_object_set_new(json_object_get(oci->config, "process"), "args",
                        oci->arguments ? json_incref(oci->arguments)
                                       : json_pack("[ss]", strrchr(server, '/'),
                                                   oci->gvisor ? "--stdio" : "--passed"));
    if (json_dump_file(oci->config, config, JSON_INDENT(2)) != 0)
        return mf_why(why, MF_EIO, "%s: cannot write", config);
    return own_image_write(&oci->own, instance, server, why);
}

static mf_err make_root(struct oci *oci, const char *runtime, struct mf_why *why)
{
    char path[128];
    if (!beside_us(BENCH_STATIC_HTTP, oci->usual) || !beside_us(BENCH_KEEPER, oci->keeper))
        return mf_why(why, MF_EUNSUPPORTED, "%s and %s are not beside the mayfly command",
                      BENCH_STATIC_HTTP, BENCH_KEEPER);
    mf_err err = scratch_open(&oci->folder, why);
    if (err)
        return err;
    (void)snprintf(oci->state, sizeof oci->state, "%s/state", oci->folder.path);
    (void)snprintf(path, sizeof path, "%s/rootfs", oci->folder.path);
    if (mkdir(path, 0755) != 0)
        return mf_why(why, mf_err_from_errno(errno), "%s: %s", path, strerror(errno));
    err = read_config(oci, runtime, why);
    oci->mounts = err ? NULL : json_incref(json_object_get(oci->config, "mounts"));
    return err;
}

static mf_err oci_prepare(struct subject *subject, uint32_t count, enum subject_content content,
                          struct mf_why *why);
static mf_err oci_make(struct subject *subject, uint32_t instance, struct mf_why *why);
static mf_err oci_end(struct subject *subject, uint32_t instance, struct rusage *cost,
                      struct mf_why *why);

/* One container by way of trial: only that shows whether this machine lets it. */
static mf_err try_one(struct subject *subject, struct mf_why *why)
{
    struct mf_why reason = {{0}};
    mf_err err = oci_prepare(subject, 1, CONTENT_SAME, &reason);
    if (!err)
        err = oci_make(subject, 0, &reason);
    if (!err)
        err = subject_start(subject, 0, 0, NULL, &reason);
    if (err)
        return mf_why(why, MF_EUNSUPPORTED, "%s does not run here: %.400s", subject->detail,
                      mf_why_text(&reason, err));
    return oci_end(subject, 0, NULL, why);
}

static mf_err oci_open(struct subject *subject, struct mf_why *why)
{
    struct oci *oci = calloc(1, sizeof *oci);
    if (!oci)
        return MF_ENOMEM;
    subject->state = oci;
    oci->gvisor = strcmp(subject->detail, "runsc") == 0;
    const char *const argv[] = {subject->detail, "--version", NULL};
    if (run_in(NULL, argv, NULL))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not installed (Debian package %s)",
                      subject->detail, subject->detail);
    mf_err err = make_root(oci, subject->detail, why);
    return err ? err : try_one(subject, why);
}

static void container_close(struct container *container)
{
    child_end(&container->keeper, SIGTERM, NULL);
    if (container->listener >= 0)
        close(container->listener);
    if (container->connection >= 0)
        close(container->connection);
    container->listener = container->connection = -1;
}

/* Have the run-time forget what it noted of a container that is dead. */
static void forget(struct subject *subject, struct container *container)
{
    const char *argv[ARGUMENTS_MAX];
    size_t n = global_flags(subject->state, subject->detail, argv);
    argv[n++] = "delete";
    argv[n++] = "--force";
    argv[n++] = container->id;
    argv[n] = NULL;
    mf_err ignored = run_in(NULL, argv, NULL);
    (void)ignored;
}

static void end_all(struct subject *subject)
{
    struct oci *oci = subject->state;
    for (uint32_t i = 0; i < oci->count; i++) {
        bool ran = oci->container[i].keeper.pid > 0;
        container_close(&oci->container[i]);
        if (ran)
            forget(subject, &oci->container[i]);
    }
    free(oci->container);
    oci->container = NULL;
    oci->count = 0;
}

static void oci_close(struct subject *subject)
{
    struct oci *oci = subject->state;
    if (!oci)
        return;
    end_all(subject);
    json_decref(oci->config);
    json_decref(oci->mounts);
    json_decref(oci->arguments);
    own_image_close(&oci->own);
    scratch_close(&oci->folder);
    free(oci);
    subject->state = NULL;
}

static mf_err start_keeper(struct subject *subject, uint32_t instance, struct mf_why *why)
{
    struct oci *oci = subject->state;
    struct container *container = &oci->container[instance];
    char bundle[128];
    bundle_path(oci, instance, bundle);
    int pair[2] = {-1, -1};
    mf_err err;
    if (oci->gvisor)
        err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 ? MF_OK : MF_EIO;
    else
        err = listen_anywhere(&container->listener, &container->port);
    if (err)
        return mf_why(why, err, "no sockets for a container: %s", strerror(errno));
    container->connection = pair[0];
    (void)snprintf(container->id, sizeof container->id, "bench-%u", oci->named++);
    const char *argv[ARGUMENTS_MAX] = {oci->keeper};
    size_t n = 1 + global_flags(oci, subject->detail, argv + 1);
    argv[n++] = "run";
    argv[n++] = "--detach";
    argv[n++] = "--bundle";
    argv[n++] = bundle;
    if (!oci->gvisor) {
        argv[n++] = "--preserve-fds";
        argv[n++] = "1";
    }
    argv[n++] = container->id;
    argv[n] = NULL;
    const struct child_plan plan = {.argv = argv,
                                    .in = pair[1],
                                    .out = pair[1],
                                    .passed = container->listener,
                                    .holds_usr1 = true};
    err = child_start(&plan, &container->keeper, why);
    if (pair[1] >= 0)
        close(pair[1]);
    return err;
}

static mf_err oci_prepare(struct subject *subject, uint32_t count, enum subject_content content,
                          struct mf_why *why)
{
    struct oci *oci = subject->state;
    const struct subject_program *program = subject->program;
    char path[PATH_MAX];
    end_all(subject);
    own_image_close(&oci->own); /* copies of an earlier run are other ones */
    oci->distinct = content == CONTENT_DISTINCT;
    if (program && !beside_us(program->server, path))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; ./up --build makes it",
                      program->server);
    mf_err err = own_image_open(&oci->own, program ? path : oci->usual, why);
    if (!err)
        err = usual_root(oci);
    if (!err)
        err = set_folder(oci, program, why);
    if (err)
        return err;
    oci->container = calloc(count, sizeof *oci->container);
    if (!oci->container)
        return MF_ENOMEM;
    oci->count = count;
    for (uint32_t i = 0; i < count; i++) {
        oci->container[i].keeper = CHILD_NONE;
        oci->container[i].listener = oci->container[i].connection = -1;
    }
    return MF_OK;
}

static mf_err oci_make(struct subject *subject, uint32_t instance, struct mf_why *why)
{
    struct oci *oci = subject->state;
    mf_assert(instance < oci->count);
    mf_err err = instance && !oci->distinct ? MF_OK : make_bundle(oci, instance, why);
    return err ? err : start_keeper(subject, instance, why);
}

static uint64_t oci_answer(const struct subject *subject, const struct subject_call *call)
{
    const struct oci *oci = subject->state;
    return own_image_answer(&oci->own, oci->distinct ? call->instance : 0, call->nonce);
}

/* The request is written before there is a server: it waits in the socket. */
static mf_err oci_connect(struct subject *subject, struct subject_call *call, struct mf_why *why)
{
    struct oci *oci = subject->state;
    mf_assert(call->instance < oci->count);
    struct container *container = &oci->container[call->instance];
    struct load_target target;
    mf_err err = subject_request(call, container->port, "/", &target);
    if (!err && !oci->gvisor)
        err = connect_to(container->port, &call->connection);
    if (err)
        return err;
    if (oci->gvisor) /* ours stays open: the server ends when nobody holds this end */
        call->connection = fcntl(container->connection, F_DUPFD_CLOEXEC, 0);
    return request_send(call->connection, &target, why);
}

static mf_err oci_begin(struct subject *subject, struct subject_call *call, struct mf_why *why)
{
    struct oci *oci = subject->state;
    struct container *container = &oci->container[call->instance];
    if (kill(container->keeper.pid, SIGUSR1) != 0)
        return mf_why(why, MF_EDEAD, "the keeper of container %s is gone", container->id);
    return MF_OK;
}

static mf_err oci_end(struct subject *subject, uint32_t instance, struct rusage *cost,
                      struct mf_why *why)
{
    (void)why;
    struct oci *oci = subject->state;
    struct container *container = &oci->container[instance];
    child_end(&container->keeper, SIGTERM, cost);
    container_close(container);
    forget(subject, container);
    return MF_OK;
}

/* One container that stays. runsc's server has no socket to listen on. */
static mf_err oci_serve(struct subject *subject, struct load_target *target, struct mf_why *why)
{
    struct oci *oci = subject->state;
    if (oci->gvisor)
        return mf_why(why, MF_EUNSUPPORTED, "its server has one connection only");
    mf_err err = oci_prepare(subject, 1, CONTENT_SAME, why);
    if (!err)
        err = oci_make(subject, 0, why);
    if (!err)
        err = subject_start(subject, 0, 0, NULL, why);
    return err ? err : load_target_set(target, oci->container[0].port, "/");
}

static mf_err oci_target(struct subject *subject, uint32_t instance, const char *path,
                         struct load_target *target)
{
    const struct oci *oci = subject->state;
    mf_assert(!oci->gvisor && instance < oci->count);
    return load_target_set(target, oci->container[instance].port, path);
}

static const char *oci_last_words(struct subject *subject, uint32_t instance, char *text,
                                  size_t room)
{
    struct oci *oci = subject->state;
    return child_last_words(&oci->container[instance].keeper, text, room);
}

static mf_err oci_processes(struct subject *subject, struct processes *list)
{
    struct oci *oci = subject->state;
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < oci->count && !err; i++) {
        if (oci->container[i].keeper.pid <= 0)
            continue;
        uint32_t keeper = list->count;
        err = processes_add_tree(list, oci->container[i].keeper.pid);
        if (!err) /* the keeper is ours, not the container's */
            list->pid[keeper] = list->pid[--list->count];
    }
    return err;
}

const struct subject_kind subject_oci = {
    .open = oci_open,
    .close = oci_close,
    .prepare = oci_prepare,
    .make = oci_make,
    .connect = oci_connect,
    .begin = oci_begin,
    .answer = oci_answer,
    .end = oci_end,
    .target = oci_target,
    .serve = oci_serve,
    .last_words = oci_last_words,
    .processes = oci_processes,
    .cost_at_end = true,
};
