/* usage.c: GET /v1/usage: what each function of each tenant has used (metrics/usage.h). */
#include <stdlib.h>
#include <string.h>

#include "node/api/request.h"
#include "node/gateway/stream.h"
#include "node/metrics/usage.h"
#include "node/node.h"

#define RECORDS_PER_PIECE 64

/* {"functions":[…],"tenants":[…]}, some at a time. Records only come, and at the end. */
struct listing {
    struct usage *usage;
    struct link *at;      /* of the last one told; NULL: nothing is yet */
    json_t *tenants;      /* name to sums                               */
    bool any;
};

static void add_numbers(json_t *to, const struct usage_counts *counts)
{
    const struct {
        const char *key;
        double value;
    } row[] = {{"events", (double)counts->events},
               {"ms", (double)counts->run_ns / 1e6},
               {"memory_mib_ms", (double)counts->memory_mib_us / 1e3},
               {"cold_starts", (double)counts->cold_starts},
               {"cpu_ms", (double)counts->cpu_ns / 1e6}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        double value = json_number_value(json_object_get(to, row[i].key)) + row[i].value;
        bool whole = i == 0 || i == 3;
        json_object_set_new(to, row[i].key, whole ? json_integer((json_int_t)value) : json_real(value));
    }
}

static mf_err put_json(struct mf_buf *out, json_t *entry, bool comma)
{
    char *text = entry ? json_dumps(entry, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    mf_err err = text ? mf_buf_printf(out, "%s%s", comma ? "," : "", text) : MF_ENOMEM;
    free(text);
    json_decref(entry);
    return err;
}

static mf_err put_record(struct listing *listing, struct usage_record *record, struct mf_buf *out)
{
    const struct usage_counts *counts = usage_look(record);
    json_t *entry = json_pack("{s:s, s:s}", "tenant", record->tenant, "function", record->name);
    json_t *sums = json_object_get(listing->tenants, record->tenant);
    if (!sums) {
        sums = json_pack("{s:s}", "tenant", record->tenant);
        json_object_set_new(listing->tenants, record->tenant, sums);
    }
    if (entry)
        add_numbers(entry, counts);
    if (sums)
        add_numbers(sums, counts);
    mf_err err = put_json(out, entry, listing->any);
    listing->any = true;
    return err;
}

static mf_err put_tenants(struct listing *listing, struct mf_buf *out)
{
    const char *name;
    json_t *sums;
    bool any = false;
    mf_err err = mf_buf_printf(out, "],\"tenants\":[");
    json_object_foreach(listing->tenants, name, sums) {
        if (!err)
            err = put_json(out, json_incref(sums), any);
        any = true;
    }
    return err ? err : mf_buf_printf(out, "]}");
}

static mf_err list_more(void *source, struct mf_buf *out, bool *ended)
{
    struct listing *listing = source;
    mf_err err = MF_OK;
    if (!listing->at) {
        err = mf_buf_printf(out, "{\"functions\":[");
        listing->at = &listing->usage->records;
    }
    for (unsigned i = 0; i < RECORDS_PER_PIECE && !err; i++) {
        if (listing->at->next == &listing->usage->records) {
            *ended = true;
            return put_tenants(listing, out);
        }
        listing->at = listing->at->next;
        err = put_record(listing, list_of(listing->at, struct usage_record, link), out);
    }
    return err;
}

static void list_end(void *source)
{
    struct listing *listing = source;
    json_decref(listing->tenants);
    free(listing);
}

void api_get_usage(struct api_request *request)
{
    static const struct stream_maker maker = {list_more, list_end};
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing) {
        listing->usage = &request->api->node->usage;
        listing->tenants = json_object();
    }
    api_answer(request, 200, stream_response("application/json", &maker, listing));
}
