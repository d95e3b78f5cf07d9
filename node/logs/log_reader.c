/*
 * log_reader.c: see log_reader.h. A reader that falls further behind than the files
 * kept goes on with the oldest of them.
 */
#include "node/logs/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

/* The file of that serial number, or -1. */
static int open_serial(const struct function_log *log, uint64_t serial)
{
    char name[MF_NAME_BYTES_MAX + 16];
    uint64_t age = log->serial - serial;
    if (log->logs->dir_fd < 0 || log->discarded || age >= MF_LOG_FILES_MAX)
        return -1;
    if (age)
        (void)snprintf(name, sizeof name, "%s.log.%llu", log->name, (unsigned long long)age);
    else
        (void)snprintf(name, sizeof name, "%s.log", log->name);
    return openat(log->logs->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* Where the last *lines lines of a file start; what is missing stays in *lines. */
static uint64_t start_of_last(int fd, unsigned *lines)
{
    char block[BLOCK_BYTES];
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return 0;
    uint64_t end = (uint64_t)stat.st_size, from = end;
    while (from > 0) {
        size_t bytes = from < sizeof block ? (size_t)from : sizeof block;
        from -= bytes;
        if (pread(fd, block, bytes, (off_t)from) != (ssize_t)bytes)
            return end;
        for (size_t i = bytes; i-- > 0;) {
            if (block[i] != '\n' || from + i + 1 == end)
                continue;
            if (--*lines == 0)
                return from + i + 1;
        }
    }
    if (end > 0)
        --*lines; /* the first line has no newline before it */
    return 0;
}

void log_reader_open(struct function_log *log, unsigned tail, struct log_reader *reader)
{
    *reader = (struct log_reader){.log = log, .serial = log->serial, .fd = -1};
    function_log_flush(log);
    reader->serial = log->serial; /* the flush may have rotated it */
    if (tail == 0) {
        struct stat stat;
        reader->fd = open_serial(log, reader->serial);
        if (reader->fd >= 0 && fstat(reader->fd, &stat) == 0)
            reader->at = (uint64_t)stat.st_size;
        return;
    }
    for (unsigned age = 0; age < MF_LOG_FILES_MAX && tail > 0; age++) {
        int fd = open_serial(log, log->serial - age);
        if (fd < 0)
            continue;
        log_reader_close(reader);
        reader->fd = fd;
        reader->serial = log->serial - age;
        reader->at = start_of_last(fd, &tail);
    }
}

void log_reader_close(struct log_reader *reader)
{
    if (reader->fd >= 0)
        (void)close(reader->fd);
    reader->fd = -1;
}

size_t log_reader_read(struct log_reader *reader, char *to, size_t room)
{
    for (unsigned i = 0; i <= MF_LOG_FILES_MAX; i++) {
        if (reader->fd < 0)
            reader->fd = open_serial(reader->log, reader->serial);
        ssize_t got = reader->fd < 0 ? 0 : pread(reader->fd, to, room, (off_t)reader->at);
        if (got > 0) {
            reader->at += (uint64_t)got;
            return (size_t)got;
        }
        if (reader->serial >= reader->log->serial)
            return 0;
        log_reader_close(reader);
        reader->serial++;
        if (reader->log->serial - reader->serial >= MF_LOG_FILES_MAX)
            reader->serial = reader->log->serial - MF_LOG_FILES_MAX + 1;
        reader->at = 0;
    }
    return 0;
}
