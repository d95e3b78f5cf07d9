/* limits.h: bounds of what contracts read from a program (abi/channel.h has those of
 * events and replies). */
#ifndef KERNEL_CONTRACT_LIMITS_H
#define KERNEL_CONTRACT_LIMITS_H

#include "abi/channel.h"
#include "abi/event.h"

/* One line of a message's head: the longest header, with what stands between and around. */
#define HTTP_LINE_BYTES_MAX (MF_FIELD_NAME_MAX + MF_FIELD_VALUE_MAX + 64u)
#define HTTP_METHOD_BYTES_MAX 15u
#define HTTP_TARGET_BYTES_MAX 2048u     /* of a request of the program's            */
#define WARM_UP_BYTES_MAX 1024u         /* of a warm-up request's path, of an event */
#define HTTP_INTERIM_MAX 16u            /* responses 1xx before the one that counts */
#define HTTP_TRAILER_BYTES_MAX 8192u
#define HTTP_START_BYTES_MAX 256u       /* what a request has beyond the event's fields */
#define HTTP_REQUEST_BYTES_MAX (MF_HEAD_BYTES_MAX * 3u + HTTP_START_BYTES_MAX)

/* The Lambda Runtime API. */
#define LAMBDA_CLIENTS_MAX 16u          /* connections of the program at a time     */
#define LAMBDA_ID_BYTES_MAX 128u
#define LAMBDA_TYPE_BYTES_MAX 256u      /* of a response's Content-Type             */
#define LAMBDA_STATUS 200u              /* of a reply                               */
#define LAMBDA_WARM_UP_NS 60000000000ull /* deadline of a warm-up event, after now  */

#define OPENWHISK_NAME_BYTES_MAX 64u    /* of a name in its JSON; the rest is cut off */

#endif
