/*
 * reception.h: requests of all gateways, on the side of the functions: which function, its
 * counters, the dispatcher. Thread: the functions' loop.
 */
#ifndef MF_NODE_GATEWAY_RECEPTION_H
#define MF_NODE_GATEWAY_RECEPTION_H

#include <stdbool.h>

#include "node/loop/list.h"

struct request;
struct node;

/* Metrics that are being written for gateways of other threads. */
struct reception {
    struct link reports;
};

void reception_init(struct reception *reception);
void reception_close(struct reception *reception); /* what is not written yet never will be */

/* intake.h says what follows. */
void reception_submit(struct request *request);
/* Late ones, of what has been released, do nothing. */
void reception_cancel(struct request *request);
/* Write them a piece at a time; intake->measured() follows. */
void reception_report(struct request *request);

/* Go on with reports. True: there is more to write. */
bool reception_turn(struct reception *reception);

#endif
