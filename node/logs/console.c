/*
 * console.c: bytes of a pipe into lines of a log.
 * Guarantees: bounded memory whatever the guest writes: a longer line is broken.
 * Owns the console of an instance, which exists once it has written something.
 */
#include "node/logs/console.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/hypercall.h"
#include "image/image.h"
#include "base/limits.h"
#include "node/functions/function.h"
#include "node/instance/report.h"
#include "node/logs/function_log.h"
#include "node/pool/pool.h"

#define READ_BYTES 4096
#define READS_MAX 32 /* a pipe holds 64 KiB */

struct console {
    struct image_file image; /* mapped while the instance speaks; data NULL: could not be */
    size_t bytes;
    char line[MF_CONSOLE_MAX];
    struct mf_buf report;    /* of its fault, as console_report() has it */
};

static bool begins(const struct console *console, const char *with)
{
    size_t bytes = strlen(with);
    return console->bytes >= bytes && memcmp(console->line, with, bytes) == 0;
}

/* Of a fault's report what tells where it was: its first line and the backtrace, not the registers. */
static void keep_report(struct console *console)
{
    struct mf_buf *report = &console->report;
    bool first = begins(console, CONSOLE_FAULT);
    if (first)
        report->bytes = 0;
    if ((!first && !(report->bytes && begins(console, "  #"))) ||
        report->bytes >= MF_QUEUE_REASON_BYTES_MAX)
        return;
    size_t before = report->bytes;
    mf_err err = before ? mf_buf_add(report, "\n", 1) : MF_OK;
    if (!err)
        err = report_add(report, console->line, console->bytes,
                         console->image.data ? &console->image : NULL);
    if (err)
        report->bytes = before;
}

static void end_line(struct instance *instance)
{
    struct console *console = instance->console;
    if (instance->state != INSTANCE_REHEARSING) /* rehearsal.c says why it broke off */
        function_log_write(instance->function->log, MF_LOG_ERROR, instance->blank.id, NULL,
                           console->line, console->bytes,
                           console->image.data ? &console->image : NULL);
    keep_report(console);
    console->bytes = 0;
    pool_noise(instance);
}

static bool open_console(struct instance *instance)
{
    struct console *console = instance->console;
    if (console)
        return true;
    instance->console = console = calloc(1, sizeof *console);
    if (!console)
        return false;
    if (image_open(instance->version->image.fd, false, &console->image, NULL))
        console->image.data = NULL; /* then addresses stay numbers */
    return true;
}

bool console_read(struct instance *instance)
{
    char piece[READ_BYTES];
    if (instance->blank.console < 0)
        return false;
    ssize_t got = read(instance->blank.console, piece, sizeof piece);
    if (got <= 0)
        return false;
    if (!instance->function || !open_console(instance))
        return true; /* a blank has nothing to say */
    struct console *console = instance->console;
    for (ssize_t i = 0; i < got; i++) {
        if (piece[i] != '\n')
            console->line[console->bytes++] = piece[i];
        if (piece[i] == '\n' || console->bytes == sizeof console->line)
            end_line(instance);
    }
    return true;
}

void console_drain(struct instance *instance)
{
    for (int i = 0; i < READS_MAX && console_read(instance); i++)
        ;
    if (instance->console && instance->console->bytes)
        end_line(instance);
}

const char *console_report(const struct instance *instance, size_t *bytes)
{
    const struct console *console = instance->console;
    *bytes = console ? console->report.bytes : 0;
    return *bytes ? (const char *)console->report.data : NULL;
}

void console_close(struct instance *instance)
{
    if (!instance->console)
        return;
    if (instance->console->image.data)
        image_close(&instance->console->image);
    mf_buf_close(&instance->console->report);
    free(instance->console);
    instance->console = NULL;
}
