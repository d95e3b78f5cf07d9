/*
 * openwhisk.h: requests as an OpenWhisk action's server expects them: `/init` once, then `/run`
 * for each event, whose body is the value ({} if it has none).
 */
#ifndef KERNEL_CONTRACT_OPENWHISK_H
#define KERNEL_CONTRACT_OPENWHISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/contract/exchange.h"

/* Head and body to `to`, which has HTTP_REQUEST_BYTES_MAX: bytes written. The code of the action
 * is the image's, and not part of it. */
uint32_t openwhisk_init(uint8_t *to);
/* Head and body up to the event's body, which follows it, if it is not empty, and then
 * OPENWHISK_TAIL. */
uint32_t openwhisk_run(const struct exchange_event *event, uint8_t *to);
#define OPENWHISK_TAIL "}"

#endif
