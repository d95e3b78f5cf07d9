/* functions.c: the routes of /v1/functions, but for logs. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "node/api/request.h"
#include "node/delivery/stop.h"
#include "node/functions/function.h"
#include "node/functions/records.h"
#include "node/gateway/stream.h"
#include "node/metrics/memory.h"
#include "node/pool/isolation.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/streams/listen.h"
#include "node/streams/place.h"

#define INSTANCES_LISTED_MAX 256
#define MEMORY_LOOKS_MAX 64 /* at instances, for one answer */

static json_t *function_json(struct function *function, unsigned *looks_left);

static struct function *find(struct api_request *request)
{
    struct function *function = registry_find(&request->api->node->registry, request->name);
    struct mf_why why;
    if (!function) {
        (void)mf_why(&why, MF_ENOENT, "no function is called %s; `mayfly ls` lists them",
                     request->name);
        api_answer_error(request, 404, why.text);
    }
    return function;
}

/* {"functions":[…]}, an entry at a time. */
struct listing {
    struct registry_cursor cursor;
    unsigned looks_left;
    bool begun, any;
};

static mf_err list_more(void *source, struct mf_buf *out, bool *ended)
{
    struct listing *listing = source;
    struct function *function = registry_next(&listing->cursor);
    unsigned one = listing->looks_left > 0;
    mf_err err = listing->begun ? MF_OK : mf_buf_printf(out, "{\"functions\":[");
    listing->begun = true;
    *ended = function == NULL;
    if (err || !function)
        return err ? err : mf_buf_printf(out, "]}");
    listing->looks_left -= one;
    json_t *entry = function_json(function, &one);
    char *text = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
    json_decref(entry);
    err = text ? mf_buf_printf(out, "%s%s", listing->any ? "," : "", text) : MF_ENOMEM;
    listing->any = true;
    free(text);
    return err;
}

static void list_end(void *source)
{
    struct listing *listing = source;
    registry_cursor_close(&listing->cursor);
    free(listing);
}

void api_list_functions(struct api_request *request)
{
    static const struct stream_maker maker = {list_more, list_end};
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing) {
        listing->looks_left = MEMORY_LOOKS_MAX;
        registry_cursor_open(&request->api->node->registry, &listing->cursor);
    }
    api_answer(request, 200, stream_response("application/json", &maker, listing));
}

void api_get_function(struct api_request *request)
{
    struct function *function = find(request);
    unsigned looks = MEMORY_LOOKS_MAX;
    if (function)
        api_answer_json(request, 200, function_json(function, &looks));
}

/* With the version that it replaces, to which a rollback goes. */
static void save(struct api_request *request)
{
    records_keep_last(&request->api->state, &request->deployment);
    request->err = records_save(&request->api->state, &request->deployment, &request->why);
}

/* A port of the machine is had on the loop, before anything is saved. */
static bool wants_port(const struct api_request *request)
{
    return request->deployment.version && request->deployment.version->settings.listen[0];
}

static void check(struct api_request *request)
{
    request->err = deployment_parse(request->name, (const char *)request->body.data,
                                    request->body.bytes, &request->deployment, &request->why);
    if (!request->err)
        request->err =
            deploy_check(&request->api->rules, &request->deployment, &request->why);
    if (!request->err)
        request->err = durability_check(&request->hold, request->name, &request->deployment.version->settings,
                                        &request->why);
    if (!request->err && !wants_port(request))
        save(request);
}

/* Running instances hold the file open; its name may go. Not while another change is under
 * way, which may have found the image there and saved a function that is to use it. What
 * stays is collected by the next start. */
void api_drop_image(struct api_request *request, const char *hash)
{
    struct mf_why why;
    if (request->api->jobs == 0 && !records_use_image(request->api->node, hash))
        (void)!image_remove(&request->api->state, hash, &why);
}

static void saved(struct api_request *request)
{
    struct node *node = request->api->node;
    char old_hash[IMAGE_HASH_HEX + 1] = "", older_hash[IMAGE_HASH_HEX + 1] = "";
    bool created = false;
    struct function *function = registry_find(&node->registry, request->name);
    if (function) {
        memcpy(old_hash, function->version->hash, sizeof old_hash);
        memcpy(older_hash, function->last_hash, sizeof older_hash);
    }
    if (!request->err)
        request->err = deploy_apply(node, &request->deployment, &created, &request->why);
    if (request->err) {
        api_answer_err(request, request->err, &request->why);
        return;
    }
    if (old_hash[0])
        api_drop_image(request, old_hash);
    if (older_hash[0])
        api_drop_image(request, older_hash);
    function = registry_find(&node->registry, request->name);
    function_log_node(function->log, MF_LOG_INFO, 0, "deployed image %.12s, sandbox %s",
                      function->version->hash, function->version->reason);
    freezer_want(function);
    unsigned looks = 1;
    api_answer_json(request, created ? 201 : 200, function_json(function, &looks));
}

static mf_err reserve_port(struct api_request *request)
{
    return place_reserve(request->api->node, request->name, request->deployment.version, NULL, NULL, &request->why);
}

static void checked(struct api_request *request)
{
    if (!request->err && wants_port(request)) {
        request->err = reserve_port(request);
        if (!request->err) {
            request->newcomer = !registry_find(&request->api->node->registry, request->name);
            request->api->newcomers += request->newcomer; /* the first job's place, for the second */
            request->job = save;
            request->after = saved;
            api_start_job(request);
            return;
        }
    }
    saved(request);
}

/* A workflow's functions change with it. True: answered. */
static bool is_owned(struct api_request *request, const char *what, const char *instead)
{
    const char *owner = workflows_owner(&request->api->node->workflows, request->name, NULL);
    struct mf_why why;
    if (owner) {
        (void)mf_why(&why, MF_EEXIST, "%s belongs to workflow %s and is not %s by itself; %s%s`",
                     request->name, owner, what, instead, owner);
        api_answer_error(request, 409, why.text);
    }
    return owner != NULL;
}

void api_put_function(struct api_request *request)
{
    if (is_owned(request, "deployed", "change its mayfly.yml and `mayfly deploy -f` that, or "
                                      "`mayfly rm --workflow "))
        return;
    struct api *api = request->api;
    const struct registry *registry = &api->node->registry;
    request->newcomer = !registry_find(registry, request->name);
    request->hold = durability_hold(registry_find(registry, request->name));
    if (request->newcomer && registry->count + api->newcomers >= api->node->options->functions_max) {
        struct mf_why why;
        request->newcomer = false;
        (void)mf_why(&why, MF_EFULL, "this node holds %u functions and takes no more: `mayfly rm` "
                     "removes one, a larger --functions-max admits more", registry->count);
        api_answer_err(request, MF_EFULL, &why);
        return;
    }
    api->newcomers += request->newcomer;
    request->job = check;
    request->after = checked;
    api_start_job(request);
}

/* ---- back to the version before ---- */

static bool is_dry(const struct api_request *request)
{
    return api_query_number(request, "dry_run", 0, 1) == 1;
}

static void check_back(struct api_request *request)
{
    request->err = records_last(&request->api->state, request->name, &request->deployment, &request->why);
    if (!request->err)
        request->err = deploy_check(&request->api->rules, &request->deployment, &request->why);
    if (!request->err)
        request->err = durability_check(&request->hold, request->name, &request->deployment.version->settings,
                                        &request->why);
    if (!request->err && !is_dry(request) && !wants_port(request))
        save(request);
}

static void checked_back(struct api_request *request)
{
    if (!request->err && is_dry(request))
        request->err = reserve_port(request);
    if (request->err == MF_ENOENT)
        api_answer_error(request, 404, mf_why_text(&request->why, request->err));
    else if (request->err || !is_dry(request))
        checked(request);
    else
        api_answer_json(request, 200, json_pack("{s:s, s:s, s:b}", "name", request->name, "image",
                                                request->deployment.hash, "dry_run", 1));
}

void api_roll_back_function(struct api_request *request)
{
    const struct function *function = find(request);
    if (!function || is_owned(request, "taken back", "`mayfly rollback "))
        return;
    request->hold = durability_hold(function);
    request->job = check_back;
    request->after = checked_back;
    api_start_job(request);
}

static void forget(struct api_request *request)
{
    request->err = records_forget(&request->api->state, request->name, &request->why);
}

static void forgotten(struct api_request *request)
{
    struct node *node = request->api->node;
    struct function *function = registry_find(&node->registry, request->name);
    char hash[IMAGE_HASH_HEX + 1], last_hash[IMAGE_HASH_HEX + 1];
    if (request->err) {
        api_answer_err(request, request->err, &request->why);
        return;
    }
    if (function) {
        memcpy(hash, function->version->hash, sizeof hash);
        memcpy(last_hash, function->last_hash, sizeof last_hash);
        deploy_remove(function);
        api_drop_image(request, hash);
        if (last_hash[0])
            api_drop_image(request, last_hash);
    }
    api_answer_json(request, 200, json_pack("{s:s}", "removed", request->name));
}

void api_delete_function(struct api_request *request)
{
    if (!find(request) || is_owned(request, "removed", "`mayfly rm --workflow "))
        return;
    request->job = forget;
    request->after = forgotten;
    api_start_job(request);
}

void api_start_function(struct api_request *request)
{
    struct function *function = find(request);
    unsigned looks = 1;
    if (!function)
        return;
    stop_lift(function);
    api_answer_json(request, 200, function_json(function, &looks));
}

void api_stop_function(struct api_request *request)
{
    struct function *function = find(request);
    char reason[MF_STOP_REASON_BYTES_MAX];
    unsigned looks = 1;
    if (!function)
        return;
    (void)snprintf(reason, sizeof reason, "it was stopped by hand; `mayfly start %s` lets it go on",
                   function->name);
    stop_function(function, reason);
    api_answer_json(request, 200, function_json(function, &looks));
}

/* An instance may serve before the spawner has told its pid. Then it is null: a 0 that
 * somebody hands to kill(2) would end the caller's whole process group. */
static json_t *pid_json(pid_t pid)
{
    return pid > 0 ? json_integer(pid) : json_null();
}

static void list_instances(json_t *to, const struct link *list, uint64_t now_ns)
{
    list_each(at, list) {
        const struct instance *instance = list_of(at, struct instance, link);
        if (json_array_size(to) >= INSTANCES_LISTED_MAX)
            return;
        json_array_append_new(
            to, json_pack("{s:I, s:o, s:s, s:s, s:i, s:f}", "id", (json_int_t)instance->blank.id,
                          "pid", pid_json(instance->blank.pid), "state",
                          instance_state_name(instance->state), "sandbox",
                          sandbox_name(instance->blank.sandbox), "events", (int)instance->count,
                          "since_seconds", (double)(now_ns - instance->state_since_ns) / 1e9));
    }
}

static json_t *counters_json(const struct function *function)
{
    const struct function_counters *counters = &function->counters;
    json_t *codes = json_object(), *faults = json_object();
    for (uint32_t status = 100; status < STATUS_CLASSES * 100; status++) {
        char code[16];
        uint64_t count = count_of_status(counters, status);
        (void)snprintf(code, sizeof code, "%u", status);
        if (count)
            json_object_set_new(codes, code, json_integer((json_int_t)count));
    }
    const struct fault_count *fault;
    for (unsigned i = 0; (fault = count_of_fault(counters, i)) != NULL; i++)
        json_object_set_new(faults, fault->cause, json_integer((json_int_t)fault->count));
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:{s:I, s:I}, s:i, s:f}", "started", (json_int_t)counters->started,
                     "answered", codes, "faults", faults, "cold_starts",
                     (json_int_t)(counters->cold_starts[MF_SANDBOX_PROCESS] +
                                  counters->cold_starts[MF_SANDBOX_KVM]),
                     "prewarms", (json_int_t)counters->prewarms,
                     "starts", "boot", (json_int_t)counters->starts[false], "restore",
                     (json_int_t)counters->starts[true], "waiting", (int)function->queued, "throttled_seconds",
                     (double)function->ceiling.throttled_ns / 1e9);
}

json_t *api_stamp_json(uint64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm utc;
    char stamp[32];
    if (!gmtime_r(&at, &utc)) /* no year has so many digits */
        return json_null();
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(stamp);
}

/* NULL: they are not looked for. */
static json_t *touched_json(const struct touched_facts *touched)
{
    if (touched->state == TOUCHED_NONE)
        return NULL;
    if (touched->state == TOUCHED_WANTED)
        return json_pack("{s:s}", "state", "wanted");
    return json_pack("{s:s, s:I}", "state", touched->state == TOUCHED_READY ? "prepared" : "few",
                     "pages", (json_int_t)touched->pages);
}

static json_t *snapshot_json(const struct version *version)
{
    static const char not_yet[] = "none was made yet; the next start has one made";
    const struct snapshot_status *status = &version->snapshot;
    const struct snapshot_facts *facts = &status->facts;
    if (status->state == SNAPSHOT_READY)
        return json_pack("{s:s, s:I, s:I, s:o, s:o*}", "state", "ready", "bytes",
                         (json_int_t)facts->disk_bytes, "pages", (json_int_t)facts->pages,
                         "made_at", api_stamp_json(facts->made_at_ns / MF_NS_PER_MS), "touched",
                         touched_json(&facts->touched));
    if (status->state != SNAPSHOT_NONE)
        return json_pack("{s:s}", "state", snapshot_state_name(status->state));
    return json_pack("{s:s, s:s}", "state", "none", "reason",
                     status->reason ? status->reason : not_yet);
}

static json_t *isolation_json(const struct version *version)
{
    struct mf_why why = {{0}};
    enum isolation in_force = isolation_in_force(version, &why);
    return json_pack("{s:s, s:s}", "in_force", isolation_name(in_force), "why",
                     why.text[0] ? why.text : "as its settings say");
}

/* NULL: it is to listen nowhere, or the node does not yet. */
static json_t *listening_json(const struct function *function)
{
    const char *why, *at = listen_where(function, &why);
    return at || why ? json_pack("{s:s*, s:s*}", "at", at, "why", why) : NULL;
}

static json_t *function_json(struct function *function, unsigned *looks_left)
{
    const struct version *version = function->version;
    uint64_t now_ns = function->node->loop.now_ns;
    json_t *instances = json_array();
    list_instances(instances, &function->busy, now_ns);
    list_instances(instances, &function->idle, now_ns);
    list_instances(instances, &function->resetting, now_ns);
    list_instances(instances, &function->draining, now_ns);
    bool any = version->sandbox != MF_SANDBOX_AUTO;
    return json_pack("{s:s, s:s*, s:o*, s:s*, s:s, s:o, s:{s:s, s:s}, s:o, s:o, s:o, s:o, s:I, s:o}", "name",
                     function->name, "stopped", function->stopped, "listening", listening_json(function), "workflow",
                     workflows_owner(&function->node->workflows, function->name, NULL), "image", version->hash,
                     "deployed_at",
                     api_stamp_json(version->deployed_at_ns / MF_NS_PER_MS), "sandbox", "in_force",
                     any ? sandbox_name(version->sandbox) : "none", "why", version->reason,
                     "isolation", isolation_json(version), "snapshot", snapshot_json(version),
                     "settings", settings_to_json(&version->settings), "instances", instances,
                     "memory_bytes",
                     (json_int_t)memory_function_bytes(function, looks_left), "counters",
                     counters_json(function));
}
