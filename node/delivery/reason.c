/* reason.c: see reason.h. */
#include "node/delivery/reason.h"

#include <string.h>

#include "base/limits.h"
#include "node/logs/console.h"
#include "node/pool/call.h"

mf_err reason_write(struct mf_buf *reason, const char *words, size_t bytes,
                    const struct outcome *outcome)
{
    mf_err err = mf_buf_add(reason, words, bytes);
    if (!err && outcome->instance_id) /* whose whole report stands in the function's log */
        err = mf_buf_printf(reason, " (instance %llu)", (unsigned long long)outcome->instance_id);
    if (!err && outcome->report)
        err = mf_buf_add(reason, "\n", 1);
    if (!err && outcome->report)
        err = mf_buf_add(reason, outcome->report, outcome->report_bytes);
    if (reason->bytes > MF_QUEUE_REASON_BYTES_MAX)
        reason->bytes = MF_QUEUE_REASON_BYTES_MAX;
    return err;
}

size_t reason_words(const char *reason, size_t bytes)
{
    static const char mark[] = "\n" CONSOLE_FAULT;
    const char *at = bytes ? memmem(reason, bytes, mark, sizeof mark - 1) : NULL;
    return at ? (size_t)(at - reason) : bytes;
}
