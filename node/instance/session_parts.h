/* session_parts.h: what the two halves of a session say to each other. Nobody else
 * includes it. */
#ifndef MF_NODE_INSTANCE_SESSION_PARTS_H
#define MF_NODE_INSTANCE_SESSION_PARTS_H

#include "node/instance/session.h"

/* session_exchange.c: put what fits of the event into the ring, and of what must end
 * there; take what the guest has said, a bounded number of messages. */
void session_announce(struct session *session);
/* Something is to be put and there is room: to be asked once the guest knows that we sleep. */
bool session_could_announce(const struct session *session);
void session_take(struct session *session);

/* session.c: kill it, for this cause; what it says from now on is not heard. */
void session_condemn(struct session *session, const char *cause);
/* The event of the session has come to this. */
void session_decide(struct session *session, enum session_outcome outcome);

#endif
