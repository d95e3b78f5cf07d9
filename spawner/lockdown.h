/*
 * lockdown.h: how little the spawner and its blanks may do. Two parts: what all
 * share, entered once (namespaces cost half a millisecond each time), and what each
 * blank gives up for itself. Every step that fails is a refusal, with what to do.
 */
#ifndef MF_SPAWNER_LOCKDOWN_H
#define MF_SPAWNER_LOCKDOWN_H

#include "base/err.h"
#include "spawner/protocol.h"

/* For the spawner, once, before its first blank. Afterwards it holds CAP_SYS_ADMIN in
 * a user namespace of its own (to make pid namespaces) and nothing else. */
MF_CHECKED mf_err lockdown_shared(struct mf_why *why);

/* For a blank, first thing in the child: die with the spawner, of which parent is a
 * pidfd, even if it died just now. */
MF_CHECKED mf_err lockdown_follow(int parent, struct mf_why *why);

/* For a blank, when its descriptors are in place. Afterwards it has no capability and
 * its limits are in force. */
MF_CHECKED mf_err lockdown_blank(enum mf_sandbox sandbox, struct mf_why *why);

#endif
