/* channel_ends.h: a channel with both its ends in the test: the node's, and the guest's memory of it. */
#ifndef MF_TESTS_CHANNEL_ENDS_H
#define MF_TESTS_CHANNEL_ENDS_H

#include <stdint.h>

#include "node/instance/channel.h"

extern struct channel node;
extern int memfd;
extern uint8_t *guest; /* a mapping of its own */

void channel_ends_open(void); /* or the test fails */
void channel_ends_close(void);

#endif
