/*
 * decode.h: from a guest's bytes to a request (abi/operation.h). Pure functions, any thread;
 * used by the node and by `mayfly run`.
 */
#ifndef MF_NODE_OPERATIONS_DECODE_H
#define MF_NODE_OPERATIONS_DECODE_H

#include <stdint.h>

#include "abi/operation.h"
#include "base/err.h"

struct operation_part {
    const uint8_t *data; /* into the message; never NULL */
    uint32_t bytes;
};

/* The parts of a request, by their place in it. */
enum { PART_KEY = 0, PART_PREFIX = 0, PART_QUEUE = 0, PART_METHOD = 0, PART_TOPIC = 0, PART_NAME = 0 };
enum { PART_SET_VALUE = 1 };
enum { PART_EXPECTED = 1, PART_NEW_VALUE = 2 };
enum { PART_AFTER = 1 };
enum { PART_CONTENT_TYPE = 1, PART_EVENT_TYPE = 2, PART_EVENT_DATA = 3 };
enum { PART_URL = 1, PART_FIELDS = 2, PART_BODY = 3 };
enum { PART_PAYLOAD = 1 };

struct operation_request {
    enum mf_operation kind;
    union { /* by the operation's name */
#define MEMBER(nr, NAME, name, parts, what, result) struct mf_op_##name name;
        MF_OPERATIONS(MEMBER)
#undef MEMBER
    };
    struct operation_part part[MF_OPERATION_PARTS_MAX];
};

/* MF_EPROTO: nonsense, as no kernel of ours sends it. The parts point into data. */
MF_CHECKED mf_err operation_decode(uint32_t kind, const void *data, uint32_t bytes,
                                   struct operation_request *request, struct mf_why *why);

/* What a program can get wrong: MF_RESULT_INVALID or TOO_LARGE, and why; or OK. */
enum mf_result_error operation_check(const struct operation_request *request, struct mf_why *why);

/* "get", "compare-and-set" as in settings and logs; "ok", "not-found". */
const char *operation_name(enum mf_operation kind);
const char *operation_word(enum mf_result_error error);

#endif
