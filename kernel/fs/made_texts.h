/* made_texts.h: what stands in the files of /proc and its like. */
#ifndef KERNEL_FS_MADE_TEXTS_H
#define KERNEL_FS_MADE_TEXTS_H

#include "kernel/fs/sheet.h"

/* Of the process. */
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

/* Of the machine. */
void text_memory(struct sheet *sheet);
void text_processor(struct sheet *sheet);
void text_machine_stat(struct sheet *sheet);
void text_uptime(struct sheet *sheet);
void text_host_name(struct sheet *sheet);
void text_random_id(struct sheet *sheet);
void text_hosts(struct sheet *sheet);
void text_utc(struct sheet *sheet); /* tzfile(5) of it */

#endif
