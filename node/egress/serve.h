/*
 * serve.h: FETCH and SECRET of running functions (abi/operation.h), served by this folder: as
 * far as their settings allow. Loop thread only.
 */
#ifndef MF_NODE_EGRESS_SERVE_H
#define MF_NODE_EGRESS_SERVE_H

struct node;

/* After operations_open(). */
void egress_serve(struct node *node);

#endif
