/* made_texts.h: what stands in the files of /proc and its like, but for the process's (process_texts.h). */
#ifndef KERNEL_FS_MADE_TEXTS_H
#define KERNEL_FS_MADE_TEXTS_H

#include "kernel/fs/sheet.h"

void text_memory(struct sheet *sheet);
void text_processor(struct sheet *sheet);
void text_machine_stat(struct sheet *sheet);
void text_uptime(struct sheet *sheet);
void text_host_name(struct sheet *sheet);
void text_random_id(struct sheet *sheet);
void text_hosts(struct sheet *sheet);
void text_utc(struct sheet *sheet); /* tzfile(5) of it */

/* The name that all else takes. */
const char *text_function(void);

#endif
