/* inspect_snapshot.c: see inspect.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "abi/hypercall.h"
#include "image/inspect.h"

#define NS_PER_S 1000000000ull

static json_t *hex(const uint8_t bytes[MF_SNAPSHOT_HASH_BYTES])
{
    char text[2 * MF_SNAPSHOT_HASH_BYTES + 1];
    for (size_t i = 0; i < MF_SNAPSHOT_HASH_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text);
}

static json_t *stamp(uint64_t at_ns)
{
    char text[32];
    struct tm utc;
    time_t at = (time_t)(at_ns / NS_PER_S);
    if (!gmtime_r(&at, &utc))
        return json_null();
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static json_t *pages(uint32_t page, uint32_t count, uint32_t prot)
{
    const char permissions[] = {prot & MF_PROT_READ ? 'r' : '-', prot & MF_PROT_WRITE ? 'w' : '-',
                                '\0'};
    return json_pack("{s:I, s:I, s:s}", "address", (json_int_t)page * MF_PAGE_BYTES, "bytes",
                     (json_int_t)count * MF_PAGE_BYTES, "permissions", permissions);
}

json_t *inspect_snapshot(const struct snapshot_copy *copy)
{
    const struct snapshot *snapshot = &copy->snapshot;
    const struct mf_snapshot *head = snapshot->head;
    json_t *ranges = json_array(), *runs = json_array();
    for (uint32_t i = 0; i < head->range_count; i++) {
        const struct mf_range *range = &snapshot->ranges[i];
        (void)json_array_append_new(ranges, pages(range->page, range->pages, range->prot));
    }
    for (uint32_t i = 0; i < head->run_count; i++) {
        const struct mf_run *run = &snapshot->runs[i];
        json_t *json = pages(run->page, run->pages, run->prot);
        (void)json_object_set_new(json, "copied", json_boolean(run->flags & MF_RUN_COPY));
        (void)json_array_append_new(runs, json);
    }
    return json_pack("{s:i, s:o, s:o, s:{s:s, s:o, s:b}, s:o, s:I, s:I, s:I, s:o, s:o}",
                     "abi_version", (int)head->abi_version, "key", hex(head->key), "image",
                     hex(head->image), "digest", "algorithm", "BLAKE2b-256", "value",
                     hex(head->digest), "holds", snapshot_holds(copy), "made_at",
                     stamp(head->made_at_ns), "window_bytes", (json_int_t)head->window_bytes,
                     "file_bytes", (json_int_t)head->file_bytes, "pages",
                     (json_int_t)snapshot_pages(snapshot), "ranges", ranges, "runs", runs);
}

json_t *inspect_touched(const struct touched *touched, const struct snapshot *snapshot)
{
    uint8_t digest[MF_SNAPSHOT_HASH_BYTES];
    touched_digest(touched, digest);
    bool holds = memcmp(digest, touched->head->digest, sizeof digest) == 0 &&
                 memcmp(touched->head->snapshot, snapshot->head->digest, sizeof digest) == 0;
    return json_pack("{s:i, s:I, s:b}", "samples", (int)touched->head->samples, "pages",
                     (json_int_t)touched_pages(touched), "holds", holds);
}
