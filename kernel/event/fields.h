/* fields.h: are these the fields of a reply, by the rules of abi/event.h? */
#ifndef KERNEL_EVENT_FIELDS_H
#define KERNEL_EVENT_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

bool fields_valid_reply(const uint8_t *data, uint32_t bytes);

#endif
