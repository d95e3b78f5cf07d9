/* of_node.h: what is counted of the node as a whole. Loop thread only. */
#ifndef MF_NODE_METRICS_OF_NODE_H
#define MF_NODE_METRICS_OF_NODE_H

#include "node/metrics/text.h"

struct node;

void of_node(struct metrics_text *text, struct node *node);

#endif
