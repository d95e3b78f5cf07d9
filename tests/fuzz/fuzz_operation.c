/*
 * fuzz_operation.c: bytes of a guest as a request: the first says which operation. What is
 * decoded fills the message, part behind part, and can be checked and asked about.
 */
#include <string.h>

#include "node/operations/permit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct allow allow;
    struct operation_request request;
    struct mf_why why = {{0}};
    const char *list;
    if (!allow.text) {
        json_t *json = json_loads("{\"read\": [\"a\"], \"write\": [\"a\"], \"push\": [\"q\"], "
                                  "\"pop\": [\"*\"], \"publish\": [\"a/+/#\"], \"secrets\": [\"s\"], "
                                  "\"http\": [\"a:1\"]}", 0, NULL);
        mf_assert(allow_from_json(json, &allow, NULL) == MF_OK);
        json_decref(json);
    }
    if (bytes < 1 || bytes - 1 > MF_CHUNK_BYTES_MAX)
        return 0;
    mf_err err = operation_decode(data[0], data + 1, (uint32_t)bytes - 1, &request, &why);
    if (err) {
        mf_assert(err == MF_EPROTO && why.text[0]);
        return 0;
    }
    const uint8_t *at = request.part[0].data;
    for (unsigned i = 0; i < MF_OPERATION_PARTS_MAX; i++) {
        mf_assert(request.part[i].data == at && at > data);
        at += request.part[i].bytes;
    }
    mf_assert(at == data + bytes);
    enum mf_result_error error = operation_check(&request, &why);
    mf_assert(error == MF_RESULT_OK || why.text[0]);
    if (!error)
        (void)operation_permitted(&allow, &request, &list);
    return 0;
}
