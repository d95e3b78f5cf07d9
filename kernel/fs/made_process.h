/*
 * made_process.h: of the process's folder in the tree of made.c what comes and goes: its descriptors and
 * its threads. Their places have numbers of their own, behind those of the table.
 */
#ifndef KERNEL_FS_MADE_PROCESS_H
#define KERNEL_FS_MADE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/made_table.h"
#include "kernel/fs/place.h"
#include "kernel/fs/sheet.h"

bool made_process_has(const struct place *place);

/* Of folders of the table of kind DESCRIPTORS and TASKS, and of a thread's; as in place.h. */
int made_process_find(const struct place *folder, enum made_kind kind, struct name name,
                      struct place *found);
bool made_process_list(const struct place *folder, enum made_kind kind, uint64_t *cookie,
                       struct listed *listed);

/* Of its places. */
uint32_t made_process_mode(const struct place *place);
void made_process_stat(const struct place *place, struct file_stat *stat);
uint32_t made_process_name(const struct place *place, char *to); /* of a thread's folder */
struct place made_process_parent(const struct place *place, uint32_t tasks);
int64_t made_process_target(const struct place *place, char *to);
bool made_process_leads(const struct place *place, struct place *to);
/* -ENXIO: it is no text. -ESRCH: its thread is no more. */
int made_process_text(const struct place *place, struct sheet *sheet);
/* A thread's name is written. */
int64_t made_process_write(const struct place *place, struct io *io);

#endif
