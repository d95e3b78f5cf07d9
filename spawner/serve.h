/* serve.h: the spawner's work, once it is locked in. */
#ifndef MF_SPAWNER_SERVE_H
#define MF_SPAWNER_SERVE_H

/* Serve node (the socket) until it closes; then kill and reap every child and return.
 * kvm, self: as in struct blank_plan. */
void serve(int node, int kvm, int self);

#endif
