/* permit.h: may this function ask for that? Pure functions, any thread. */
#ifndef MF_NODE_OPERATIONS_PERMIT_H
#define MF_NODE_OPERATIONS_PERMIT_H

#include <stdbool.h>

#include "image/allow.h"
#include "node/operations/decode.h"

/* By the lists of its settings; a request that is sound (operation_check). *list: the one that
 * should name it. increment and compare-and-set tell what is there: they need both, `read` and
 * `write`. Of a FETCH only whether anything is allowed: who serves it knows its URL. */
bool operation_permitted(const struct allow *allow, const struct operation_request *request,
                         const char **list);

#endif
