/* permit.c: see permit.h. */
#include "node/operations/permit.h"

static bool name(const struct allow *allow, enum allow_kind kind,
                 const struct operation_part *part)
{
    return allow_name(allow, kind, (const char *)part->data, part->bytes);
}

static bool key(const struct allow *allow, enum allow_kind kind, const struct operation_part *part)
{
    return allow_key(allow, kind, part->data, part->bytes);
}

bool operation_permitted(const struct allow *allow, const struct operation_request *request,
                         const char **list)
{
    const struct operation_part *first = &request->part[0];
    *list = "read";
    switch (request->kind) {
    case MF_OPERATION_GET:
    case MF_OPERATION_SCAN:
        return key(allow, ALLOW_READ, first);
    case MF_OPERATION_INCREMENT:
    case MF_OPERATION_COMPARE_AND_SET:
        if (!key(allow, ALLOW_READ, first))
            return false;
        *list = "write";
        return key(allow, ALLOW_WRITE, first);
    case MF_OPERATION_SET:
    case MF_OPERATION_DELETE:
        *list = "write";
        return key(allow, ALLOW_WRITE, first);
    case MF_OPERATION_PUSH:
        *list = "push";
        return name(allow, ALLOW_PUSH, first);
    case MF_OPERATION_POP:
        *list = "pop";
        return name(allow, ALLOW_POP, first);
    case MF_OPERATION_FETCH:
        *list = "http";
        return allow->count[ALLOW_HTTP] > 0;
    case MF_OPERATION_PUBLISH:
        *list = "publish";
        return allow_topic(allow, (const char *)first->data, first->bytes);
    case MF_OPERATION_SECRET:
        *list = "secrets";
        return name(allow, ALLOW_SECRETS, first);
    case MF_OPERATION_END:
        break;
    }
    return false;
}
