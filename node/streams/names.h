/*
 * names.h: names that guests look up (abi/channel.h, NAME): those that their function's `allow.http`
 * names, by the machine's own resolver, in a thread of its own. What was found is remembered
 * for the function, so that a connection to it is judged by the name. Loop thread only.
 */
#ifndef MF_NODE_STREAMS_NAMES_H
#define MF_NODE_STREAMS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "abi/channel.h"
#include "base/err.h"
#include "node/instance/channel.h"

struct function;
struct function_names;
struct instance;
struct streaming;
struct streams;

/* A NAME of a running instance; NAMED follows, perhaps at once. MF_EPROTO: nonsense. */
MF_CHECKED mf_err names_asked(struct instance *instance, const struct channel_message *message,
                              struct mf_why *why);
/* What a guest may send as a name, copied: MF_EINVAL: none that is looked up. Pure. */
MF_CHECKED mf_err name_decode(const uint8_t *data, uint32_t bytes,
                              char name[MF_NAME_LOOKUP_BYTES_MAX + 1]);

/* Names that the function has found at this address, one after the other; NULL: no more. */
const char *names_of(const struct function *function, const uint8_t address[16],
                     const char *after);

void names_lost(struct streams *streams); /* nobody waits any more */
void names_forget(struct function_names *names);
void names_close(struct streaming *streaming);

#endif
