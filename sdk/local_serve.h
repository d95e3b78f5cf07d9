/*
 * local_serve.h: operations answered without a node, by hand and in `mayfly run`: key-values
 * and queues in memory as long as the process lives; what would go out is printed to standard
 * error. Nothing is denied here. One thread.
 *
 * get, set, delete, increment, compare-and-set, scan, push, pop: as the node has them, but for
 * triggers and the tenant's bounds. fetch: 204 and no body. publish: ok. secret: the variable
 * MAYFLY_SECRET_NAME of the environment.
 */
#ifndef MF_SDK_LOCAL_SERVE_H
#define MF_SDK_LOCAL_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include "abi/operation.h"

/* message: well-formed (abi/operation.h). result: all but its number. data: room for
 * MF_CHUNK_BYTES_MAX. */
void local_serve(unsigned operation, const uint8_t *message, size_t bytes,
                 struct mf_result *result, uint8_t *data);

#endif
