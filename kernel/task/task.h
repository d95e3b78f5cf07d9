/*
 * task.h: tasks: the threads of the program. One runs at a time; the others' whole state is
 * in their struct, for the kernel has one stack, which is empty whenever a task runs. The
 * kernel itself is never interrupted, so it needs no locks.
 *
 *   RUNS ──▶ its call returns WAIT ──▶ WAITS ──▶ woken: its call begins again ──▶ RUNS
 *     └────▶ exit, or the end of all ──▶ given back
 *
 * Only in the kernel for Linux programs; kernel.elf has one.c in its place, and of this
 * header only the first part.
 */
#ifndef KERNEL_TASK_TASK_H
#define KERNEL_TASK_TASK_H

#include <asm/signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/x86_64/frame.h"

/* Both kernels: the program's first thread is about to start. */
void task_start(void);
/* Both: the monitor's timer says that the program has run for long. */
void task_preempt(struct frame *frame);

#include "kernel/task/deadline.h"
#include "kernel/task/wait.h"

#define TASK_NAME_BYTES 16u /* prctl(PR_SET_NAME), with its NUL */

enum task_state { TASK_RUNS, TASK_WAITS };

struct signal_queued; /* linux/many/signal.h */

/* Of one thread; what all share is linux/many/signal.c's. */
struct task_signals {
    uint64_t blocked, pending;
    uint64_t awaited;  /* rt_sigtimedwait: these end its wait, though they are blocked    */
    uint64_t saved;    /* the mask to go back to after a handler, if restore is set       */
    bool restore;
    stack_t stack; /* the alternate one; ss_size 0: none */
    struct signal_queued *queued;
};

struct task {
    struct frame frame; /* while it does not run */
    uint64_t fs_base, gs_base;
    void *vector;       /* its vector state, while another one's is in the processor; NULL: none
                           was needed yet */
    struct task *next, *previous; /* of all */
    struct task *runs_after_it;   /* of those that can run */
    enum task_state state;
    int32_t tid;       /* 0: the first: the process's number (linux/identity.h) */
    bool begins_again; /* its call does, when it runs */
    bool yields;       /* lets the others run first */
    uint64_t passed_ns; /* deadlines of its wait until then have come */
    struct deadline deadline; /* of its wait */
    uint64_t used_ns;         /* of the processor's time, until it last stopped running */
    struct wait *places;      /* of its wait */
    struct wait place;
    struct task_signals signals;
    uint64_t clear_tid_at;          /* set_tid_address */
    uint64_t robust_at;             /* set_robust_list */
    char name[TASK_NAME_BYTES];
    bool call_begun;
    void (*call_end)(void *state);
    _Alignas(16) uint8_t call[CALL_STATE_BYTES];
};

extern struct task *task_current; /* NULL: none runs */
extern struct task *task_first;   /* of all */

/* A copy of the current task, which runs next to it: registers, bases, vector state, name,
 * signal mask. The caller changes what is to differ, then task_run(). NULL: no memory, or
 * TASKS_MAX. */
struct task *task_create(void);
/* The current one is no more. */
void task_end(void);
/* Another program is to be executed: room for it. -ENOMEM. */
int task_renew_prepare(void);
/* Of the tasks the current one is left, as the first, with this name; its registers but those of the frame,
 * and its bases, are those of a program that starts. */
void task_renew(const char *path);
uint32_t task_count(void);

int32_t task_tid(const struct task *task);
/* The first thread also by the number that it had when it was frozen. NULL: nobody. */
struct task *task_find(int64_t tid);

/* It can run: put it behind those that can already. Its call begins again if it had begun. */
void task_run(struct task *task);
/* All but the current one have ended (task_renew). */
void task_run_none(void);
/* Its wait and its call are over: whatever they held is given back. */
void task_call_over(struct task *task);
/* Its registers and bases are the processor's from now on; the frame is the caller's matter. */
void task_switch(struct task *task);

#endif
