/* fuzz_workflow_record.c: what is kept of a workflow. What is taken can be followed by a next
 * version, which is taken again. */
#include <stdlib.h>
#include <string.h>

#include "node/workflows/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct mf_why why = {{0}};
    json_t *record, *again;
    if (record_parse((const char *)data, bytes, &record, &why) != MF_OK) {
        mf_assert(why.text[0] && !record);
        return 0;
    }
    const json_t *version = record_version(record, 0);
    uint32_t number = version_number(version);
    mf_assert(record_version(record, number) == version);
    json_t *next = record_next(record, version_functions(version), json_object_get(record, "manifests"), 1,
                               number);
    char *text = json_dumps(next, 0);
    mf_assert(text && version_number(record_version(next, 0)) == number + 1);
    /* The largest number has none behind it. */
    mf_assert(record_parse(text, strlen(text), &again, &why) == MF_OK || number == 1000000000);
    json_decref(again);
    json_decref(next);
    json_decref(record);
    free(text);
    return 0;
}
