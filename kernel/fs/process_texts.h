/*
 * process_texts.h: what stands in the files of /proc/self, and of its threads. A thread's number is
 * what gettid() gives to it.
 */
#ifndef KERNEL_FS_PROCESS_TEXTS_H
#define KERNEL_FS_PROCESS_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/io.h"
#include "kernel/fs/sheet.h"

void text_maps(struct sheet *sheet);
void text_process_stat(struct sheet *sheet);
void text_status(struct sheet *sheet);
void text_statm(struct sheet *sheet);
void text_command_line(struct sheet *sheet);
void text_environment(struct sheet *sheet);
void text_command(struct sheet *sheet);
void text_limits(struct sheet *sheet);
void text_mount_information(struct sheet *sheet);
void text_program(struct sheet *sheet); /* its path */
void text_process(struct sheet *sheet); /* its number */
void text_thread(struct sheet *sheet);  /* "NUMBER/task/NUMBER" */

bool process_has_task(uint32_t number);
/* The lowest number of a thread from there on. UINT32_MAX: none. */
uint32_t process_next_task(uint32_t number);
/* Its name becomes what is written; 0 is the process's first. All bytes, or -EFAULT; -ESRCH: it is no
 * more. */
int64_t process_name_task(uint32_t number, struct io *io);

/* Of a thread that is there. */
void text_task_stat(struct sheet *sheet, uint32_t number);
void text_task_status(struct sheet *sheet, uint32_t number);
void text_task_name(struct sheet *sheet, uint32_t number);

#endif
