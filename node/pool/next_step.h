/*
 * next_step.h: the function that is called after another one (its setting `next`, else the
 * first one of `then`) is started while that one runs, where it pays: keep_alive_next_step()
 * decides. How often the next one follows indeed is counted; a function without any costs a
 * pointer. Loop thread only.
 */
#ifndef MF_NODE_POOL_NEXT_STEP_H
#define MF_NODE_POOL_NEXT_STEP_H

struct function;

/* A call of it has arrived. */
void next_step_call(struct function *function);

/* Forget what is known. */
void next_step_close(struct function *function);

#endif
