/* message.h: what a message of the channel may be, abi/channel.h's rules for its type as data. Pure. */
#ifndef MF_NODE_INSTANCE_MESSAGE_H
#define MF_NODE_INSTANCE_MESSAGE_H

#include <stdbool.h>

#include "node/instance/channel.h"

/* May the node send one of that type, in those rings? */
bool message_is_nodes(uint16_t type, bool of_streams);

/* A guest's, from a copy of its descriptor that nobody can change; all but message->data. MF_EPROTO: it
 * may not be sent, or not in those rings, and why. */
MF_CHECKED mf_err message_decode(const struct mf_desc *desc, bool of_streams,
                                 struct channel_message *message, struct mf_why *why);

#endif
