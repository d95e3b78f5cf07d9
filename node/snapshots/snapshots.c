/*
 * snapshots.c: see snapshots.h.
 * Guarantees: a start gets a file that was checked whole, in this life of the node, and
 * has not changed since; one that is stale or damaged is removed, logged, and made anew.
 * Leaves to others: making (freezer.c), files (file.c).
 */
#include "node/snapshots/snapshots.h"

#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"

static int dir_of(const struct node *node)
{
    return node->api.state.snapshots_fd;
}

void snapshot_status_close(struct snapshot_status *status)
{
    free(status->reason);
    *status = (struct snapshot_status){0};
}

const char *snapshot_state_name(enum snapshot_state state)
{
    static const char *const name[] = {"none", "unchecked", "making", "ready"};
    return name[state];
}

static void set_reason(struct snapshot_status *status, const char *reason)
{
    free(status->reason);
    status->reason = reason ? strdup(reason) : NULL;
}

void snapshots_origin(const struct node *node, const struct version *version,
                      struct snapshot_origin *origin)
{
    *origin = (struct snapshot_origin){
        .window_bytes = version->window_bytes,
        .features = node->api.rules.support.features[version->sandbox],
        .jit = version->settings.jit,
        .env = version->settings.guest_env,
        .env_bytes = version->settings.guest_env_bytes,
        .env_count = version->settings.guest_env_count,
    };
    (void)sodium_hex2bin(origin->image, sizeof origin->image, version->hash, IMAGE_HASH_HEX, NULL,
                         NULL, NULL);
}

void snapshots_attach(struct node *node, struct version *version, const struct version *before)
{
    struct snapshot_status *status = &version->snapshot;
    struct snapshot_origin origin;
    if (version->sandbox == MF_SANDBOX_AUTO || status->keyed)
        return;
    snapshots_origin(node, version, &origin);
    snapshot_key(&origin, status->key);
    status->keyed = true;
    if (before && before->snapshot.state == SNAPSHOT_READY &&
        memcmp(before->snapshot.key, status->key, sizeof status->key) == 0) {
        status->state = SNAPSHOT_READY;
        status->facts = before->snapshot.facts;
    }
}

/* Something other than the file that was made: say so, and have another. */
void snapshots_damaged(struct function *function, struct version *version, const char *why)
{
    function_log_node(function->log, MF_LOG_WARN, 0, "its snapshot is not used: %s", why);
    mf_log(MF_LOG_WARN, "snapshot.damaged", "fn=%s why=\"%s\"", function->name, why);
    snapshot_file_remove(dir_of(function->node), version->snapshot.key);
    version->snapshot.state = SNAPSHOT_NONE;
}

/* From an earlier life of the node, and small enough to be read now. */
static void check_now(struct function *function, struct version *version)
{
    struct snapshot_origin origin;
    struct snapshot_facts facts;
    struct mf_why why = {{0}};
    snapshots_origin(function->node, version, &origin);
    mf_err err = snapshot_file_check(dir_of(function->node), version->snapshot.key, &origin,
                                     &facts, &why);
    if (!err)
        snapshots_ready(version, &facts);
    else if (err == MF_ENOENT)
        version->snapshot.state = SNAPSHOT_NONE;
    else if (err == MF_EFORMAT)
        snapshots_damaged(function, version, mf_why_text(&why, err));
}

/* Of a READY one. -1: it boots; the state says what is known now. */
static int open_ready(struct function *function, struct version *version)
{
    struct snapshot_status *status = &version->snapshot;
    int fd = -1;
    mf_err err = snapshot_file_open(dir_of(function->node), status->key, &status->facts.identity,
                                    &fd);
    if (err == MF_ENOENT)
        snapshots_damaged(function, version, "its file is gone");
    else if (err == MF_EFORMAT) /* written to since it was checked: check it again */
        status->state = SNAPSHOT_UNCHECKED;
    return fd;
}

int snapshots_open(struct function *function)
{
    struct version *version = function->version;
    struct snapshot_status *status = &version->snapshot;
    uint64_t disk_bytes;
    int fd = -1;
    if (!status->keyed)
        return -1;
    if (status->state == SNAPSHOT_READY)
        fd = open_ready(function, version);
    if (status->state == SNAPSHOT_UNCHECKED &&
        snapshot_file_size(dir_of(function->node), status->key, &disk_bytes) &&
        disk_bytes <= MF_SNAPSHOT_CHECK_NOW_BYTES_MAX) {
        check_now(function, version);
        if (status->state == SNAPSHOT_READY)
            fd = open_ready(function, version);
    }
    if (status->state != SNAPSHOT_READY)
        freezer_want(function); /* it looks at the file first, if there is one */
    return fd;
}

/* It is another file than the one checked: of another version with this key, which has learned
 * something, or damaged. */
static void check_touched_again(struct function *function, struct version *version)
{
    struct snapshot_facts *facts = &version->snapshot.facts;
    struct touched_origin origin = {.window_bytes = version->window_bytes};
    memcpy(origin.snapshot, facts->digest, sizeof origin.snapshot);
    touched_file_check(dir_of(function->node), version->snapshot.key, &origin, &facts->touched);
}

int snapshots_open_touched(struct function *function, uint32_t *pages)
{
    struct version *version = function->version;
    const struct touched_facts *touched = &version->snapshot.facts.touched;
    int fd = -1;
    for (int tries = 0; tries < 2 && touched->state == TOUCHED_READY; tries++) {
        mf_err err = touched_file_open(dir_of(function->node), version->snapshot.key,
                                       &touched->identity, &fd);
        if (!err)
            break;
        if (err == MF_ENOENT)
            mf_log(MF_LOG_WARN, "touched.damaged", "fn=%s why=\"its file is gone\"",
                   function->name);
        check_touched_again(function, version);
    }
    *pages = touched->pages;
    return fd;
}

void snapshots_refused(struct function *function, struct version *version, const char *why)
{
    struct snapshot_status *status = &version->snapshot;
    if (!status->keyed)
        return;
    snapshots_damaged(function, version, why);
    if (++status->refusals >= MF_SNAPSHOT_REFUSALS_MAX) {
        status->hopeless = true;
        set_reason(status, why);
    } else if (version == function->version) {
        freezer_want(function);
    }
}

void snapshots_ready(struct version *version, const struct snapshot_facts *facts)
{
    version->snapshot.state = SNAPSHOT_READY;
    version->snapshot.facts = *facts;
    set_reason(&version->snapshot, NULL);
}

void snapshots_failed(struct function *function, struct version *version, mf_err err,
                      const char *why)
{
    struct snapshot_status *status = &version->snapshot;
    status->state = SNAPSHOT_NONE;
    /* What is the machine's may pass; what is the function's stays as it is. */
    status->hopeless = err != MF_EFULL && err != MF_EIO && err != MF_ENOMEM && err != MF_EDEAD;
    status->retry_ns = function->node->loop.now_ns + MF_SNAPSHOT_RETRY_MS * MF_NS_PER_MS;
    set_reason(status, why);
    function_log_node(function->log, MF_LOG_WARN, 0, "no snapshot, so each start boots: %s", why);
    mf_log(MF_LOG_WARN, "snapshot.none", "fn=%s why=\"%s\"", function->name, why);
}

struct key_use {
    const struct version *but;
    bool used;
};

static void look(struct function *function, void *context)
{
    struct key_use *use = context;
    const struct version *version = function->version;
    if (version && version != use->but && version->snapshot.keyed &&
        memcmp(version->snapshot.key, use->but->snapshot.key, sizeof version->snapshot.key) == 0)
        use->used = true;
}

void snapshots_drop(struct node *node, const struct version *version)
{
    struct key_use use = {version, false};
    if (!version || !version->snapshot.keyed)
        return;
    registry_each(&node->registry, look, &use);
    if (!use.used)
        snapshot_file_remove(dir_of(node), version->snapshot.key);
}

/* The keys of all deployed versions, sorted. */
struct keys {
    uint8_t (*key)[MF_SNAPSHOT_HASH_BYTES];
    size_t count, room;
    const struct node *node;
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, MF_SNAPSHOT_HASH_BYTES);
}

static void add_key(struct function *function, void *context)
{
    struct keys *keys = context;
    if (function->version && function->version->snapshot.keyed && keys->count < keys->room)
        memcpy(keys->key[keys->count++], function->version->snapshot.key, MF_SNAPSHOT_HASH_BYTES);
}

/* found: the keys that have a file; a file that has no key here is removed. */
struct files {
    struct keys wanted, found;
};

static void see_file(const char *name, void *context)
{
    struct files *files = context;
    uint8_t key[MF_SNAPSHOT_HASH_BYTES];
    bool beside = touched_name_key(name, key);
    if (!beside && !snapshot_name_key(name, key))
        return;
    if (!bsearch(key, files->wanted.key, files->wanted.count, sizeof key, by_bytes))
        snapshot_file_remove(dir_of(files->wanted.node), key);
    else if (!beside && files->found.count < files->found.room)
        memcpy(files->found.key[files->found.count++], key, sizeof key);
}

static void mark(struct function *function, void *context)
{
    const struct keys *found = context;
    struct version *version = function->version;
    if (version && version->snapshot.keyed && version->snapshot.state == SNAPSHOT_NONE &&
        bsearch(version->snapshot.key, found->key, found->count, MF_SNAPSHOT_HASH_BYTES, by_bytes))
        version->snapshot.state = SNAPSHOT_UNCHECKED;
}

static void open_keys(struct node *node, struct keys *keys)
{
    *keys = (struct keys){.node = node, .room = node->registry.count};
    keys->key = calloc(keys->room + 1, MF_SNAPSHOT_HASH_BYTES);
    if (!keys->key)
        keys->room = 0;
}

void snapshots_collect(struct node *node)
{
    struct files files;
    open_keys(node, &files.wanted);
    open_keys(node, &files.found);
    registry_each(&node->registry, add_key, &files.wanted);
    if (files.wanted.key && files.found.key) {
        qsort(files.wanted.key, files.wanted.count, MF_SNAPSHOT_HASH_BYTES, by_bytes);
        if (state_list(dir_of(node), see_file, &files))
            mf_log(MF_LOG_ERROR, "state.unreadable", "dir=snapshots");
        qsort(files.found.key, files.found.count, MF_SNAPSHOT_HASH_BYTES, by_bytes);
        registry_each(&node->registry, mark, &files.found);
    }
    free(files.wanted.key);
    free(files.found.key);
}
