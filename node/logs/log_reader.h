/*
 * log_reader.h: reads a function's log, from some lines before its end, across its
 * files, while it is being written and rotated. Loop thread only.
 */
#ifndef MF_NODE_LOGS_LOG_READER_H
#define MF_NODE_LOGS_LOG_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/logs/function_log.h"

struct log_reader {
    struct function_log *log; /* borrowed */
    uint64_t serial;          /* of the file it reads */
    uint64_t at;
    int fd;                   /* -1: not open */
};

/* At the start of the last `tail` lines. */
void log_reader_open(struct function_log *log, unsigned tail, struct log_reader *reader);
void log_reader_close(struct log_reader *reader);

/* The next bytes; 0: no more now. */
size_t log_reader_read(struct log_reader *reader, char *to, size_t room);

#endif
