/*
 * output.c: what a program writes, as log records.
 * Guarantees: a record is one line without its end, or MF_LOG_BYTES_MAX of a longer
 * one; nothing is lost but empty lines; order within a stream is kept.
 * Leaves to others: the ring (event.c), rate limits and display (the node).
 * Owns the beginnings of lines.
 */
#include "kernel/event/output.h"

#include <asm/errno.h>

#include "abi/channel.h"
#include "kernel/core/bss.h"
#include "kernel/core/limits.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/event/event.h"

static const enum mf_log_level stream_level[OUTPUT_STREAMS] = {
    [OUTPUT_STDOUT] = MF_LOG_INFO,
    [OUTPUT_STDERR] = MF_LOG_WARN,
};

static size_t line_bytes[OUTPUT_STREAMS]; /* apart: every event looks at them */
static char line_text[OUTPUT_STREAMS][MF_LOG_BYTES_MAX] BSS_LARGE;

static void end_line(enum output_stream stream);

int output_write(enum output_stream stream, uint64_t address, uint64_t bytes)
{
    char part[COPY_BYTES];
    while (bytes) {
        size_t part_bytes = bytes < sizeof part ? (size_t)bytes : sizeof part;
        if (user_read(part, address, part_bytes) != 0)
            return -EFAULT;
        output_put(stream, part, part_bytes);
        address += part_bytes;
        bytes -= part_bytes;
    }
    return 0;
}

void output_put(enum output_stream stream, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n' || line_bytes[stream] == MF_LOG_BYTES_MAX)
            end_line(stream);
        if (text[i] != '\n')
            line_text[stream][line_bytes[stream]++] = text[i];
    }
}

void output_flush(void)
{
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++)
        end_line((enum output_stream)i);
}

size_t output_take(unsigned stream, enum mf_log_level *level, const char **text)
{
    size_t bytes = line_bytes[stream];
    line_bytes[stream] = 0;
    *level = stream_level[stream];
    *text = line_text[stream];
    return bytes;
}

void output_kernel(enum mf_log_level level, const char *text, size_t bytes)
{
    output_flush();
    event_log(level, text, bytes);
}

int64_t output_log(uint64_t level, const struct event_data *text)
{
    char *staged = line_text[OUTPUT_STDOUT];
    if (level >= MF_LOG_LEVEL_COUNT)
        return -EINVAL;
    if (text->bytes && !user_range(text->address, text->bytes))
        return -EFAULT;
    output_flush(); /* what was printed before comes before; and leaves the buffer empty */
    for (uint64_t at = 0; at < text->bytes;) {
        uint64_t left = text->bytes - at;
        size_t part = left < MF_LOG_BYTES_MAX ? (size_t)left : MF_LOG_BYTES_MAX;
        if (user_read(staged, text->address + at, part) != 0)
            return -EFAULT;
        event_log((enum mf_log_level)level, staged, part);
        at += part;
    }
    return 0;
}

static void end_line(enum output_stream stream)
{
    if (line_bytes[stream] == 0)
        return;
    event_log(stream_level[stream], line_text[stream], line_bytes[stream]);
    line_bytes[stream] = 0;
}
