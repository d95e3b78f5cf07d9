/*
 * function_log.c: lines, files, rotation, rate.
 * Guarantees: at most MF_LOG_FILES_MAX files of about MF_LOG_FILE_BYTES_MAX for each
 * function; what is dropped is said; a full disk costs lines, nothing else.
 * Leaves to others: reading (log_reader.c), consoles (console.c). Loop thread only.
 */
#include "node/logs/function_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/line.h"
#include "base/log.h"
#include "node/instance/report.h"
#include "node/logs/json_text.h"
#include "node/node.h"

#define PENDING_BYTES_MAX 65536u /* then it is written at once */
#define LINE_NS (MF_NS_PER_S / MF_LOG_LINES_PER_S)
#define NAME_ROOM (MF_NAME_BYTES_MAX + 16)

static void add_line(struct function_log *log, enum mf_log_level level, uint64_t instance,
                     const char *call, const char *text, size_t bytes);
static void say_dropped(struct function_log *log);
static void notice_timer(struct timer *timer, uint64_t now_ns);
static bool open_file(struct function_log *log);
static void rotate(struct function_log *log);

static const char *const level_name[] = {
#define NAME(nr, NAME_, name) [nr] = name,
    MF_LOG_LEVELS(NAME)
#undef NAME
};

static void close_file(struct function_log *log)
{
    if (log->fd < 0)
        return;
    (void)close(log->fd);
    log->fd = -1;
    log->logs->open--;
}

void logs_init(struct logs *logs, struct node *node, int dir_fd)
{
    *logs = (struct logs){.node = node, .dir_fd = dir_fd};
    link_init(&logs->dirty);
}

void logs_flush(struct logs *logs)
{
    while (!list_empty(&logs->dirty))
        function_log_flush(list_of(logs->dirty.next, struct function_log, dirty));
}

mf_err function_log_create(struct node *node, const char *name, struct function_log **log)
{
    struct function_log *made = calloc(1, sizeof *made);
    if (!made)
        return MF_ENOMEM;
    made->logs = &node->logs;
    made->fd = -1;
    made->notice.fire = notice_timer;
    link_init(&made->dirty);
    link_init(&made->followers);
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    made->serial = MF_LOG_FILES_MAX;
    *log = made;
    return MF_OK;
}

void function_log_destroy(struct function_log *log)
{
    if (!log)
        return;
    say_dropped(log);
    function_log_flush(log);
    mf_assert(list_empty(&log->followers));
    timer_stop(&log->logs->node->loop.timers, &log->notice);
    mf_buf_close(&log->pending);
    close_file(log);
    free(log);
}

void function_log_discard(struct function_log *log)
{
    char name[NAME_ROOM];
    function_log_flush(log);
    close_file(log);
    log->discarded = true;
    for (int i = 0; i < MF_LOG_FILES_MAX && log->logs->dir_fd >= 0; i++) {
        (void)snprintf(name, sizeof name, i ? "%s.log.%d" : "%s.log", log->name, i);
        (void)unlinkat(log->logs->dir_fd, name, 0);
    }
    function_log_tell(log);
}

bool log_rate_take(struct log_rate *rate, uint64_t now_ns)
{
    uint64_t oldest_ns = (uint64_t)MF_LOG_LINES_BURST * LINE_NS;
    uint64_t least_ns = now_ns > oldest_ns ? now_ns - oldest_ns : 0;
    if (rate->tokens_ns < least_ns)
        rate->tokens_ns = least_ns;
    if (rate->tokens_ns + LINE_NS > now_ns) {
        rate->dropped++;
        return false;
    }
    rate->tokens_ns += LINE_NS;
    return true;
}

bool function_log_may(struct function_log *log)
{
    struct node *node = log->logs->node;
    if (!log_rate_take(&log->rate, node->loop.now_ns)) {
        timer_set(&node->loop.timers, &log->notice, node->loop.now_ns + MF_NS_PER_S);
        return false;
    }
    say_dropped(log);
    return true;
}

void function_log_write(struct function_log *log, enum mf_log_level level, uint64_t instance,
                        const char *call, const char *text, size_t bytes,
                        const struct image_file *image)
{
    if (!function_log_may(log))
        return;
    while (bytes && text[bytes - 1] == '\n')
        bytes--;
    struct mf_buf clean = {0};
    if (report_add(&clean, text, bytes, image) == MF_OK)
        add_line(log, level, instance, call, (const char *)clean.data, clean.bytes);
    mf_buf_close(&clean);
}

void function_log_node(struct function_log *log, enum mf_log_level level, uint64_t instance,
                       const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (bytes < 0)
        return;
    add_line(log, level, instance, NULL, text,
             (size_t)bytes < sizeof text ? (size_t)bytes : sizeof text - 1);
}

void function_log_flush(struct function_log *log)
{
    list_remove(&log->dirty);
    if (log->pending.bytes == 0)
        return;
    if (open_file(log)) {
        ssize_t wrote = write(log->fd, log->pending.data, log->pending.bytes);
        if (wrote != (ssize_t)log->pending.bytes)
            mf_log(MF_LOG_WARN, "log.lost", "fn=%s bytes=%zu why=\"%s\"", log->name,
                   log->pending.bytes, wrote < 0 ? strerror(errno) : "the disk is full");
        if (wrote > 0)
            log->bytes += (uint64_t)wrote;
    }
    log->pending.bytes = 0;
    if (log->bytes >= MF_LOG_FILE_BYTES_MAX)
        rotate(log);
    if (log->logs->open > MF_LOGS_OPEN_MAX) { /* of many functions few speak: they reopen it */
        close_file(log);
        mf_buf_close(&log->pending);
    }
    function_log_tell(log);
}

/* A second's date is written once: every event has a line, and many have the same second. */
static void put_stamp(struct logs *logs, struct line *line)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != logs->stamp_s) {
        gmtime_r(&now.tv_sec, &utc);
        (void)strftime(logs->stamp, sizeof logs->stamp, "%Y-%m-%dT%H:%M:%S.", &utc);
        logs->stamp_s = now.tv_sec;
    }
    line_text(line, logs->stamp);
    line_number(line, (uint64_t)now.tv_nsec / 1000, 6);
}

static mf_err format_line(struct function_log *log, enum mf_log_level level, uint64_t instance,
                          const char *call, const char *text, size_t bytes)
{
    struct mf_buf *out = &log->pending;
    struct line head = {0};
    line_text(&head, "{\"timestamp\":\"");
    put_stamp(log->logs, &head);
    line_text(&head, "Z\",\"function\":\"");
    line_text(&head, log->name);
    line_text(&head, instance ? "\",\"instance\":" : "\"");
    if (instance)
        line_number(&head, instance, 1);
    line_text(&head, ",\"level\":\"");
    line_text(&head, level_name[level]);
    line_text(&head, "\",\"text\":");
    mf_err err = mf_buf_add(out, head.text, head.bytes);
    if (!err)
        err = json_text_add(out, text, bytes);
    if (!err && call)
        err = mf_buf_add(out, ",\"call\":", 8);
    if (!err && call)
        err = json_text_add(out, call, strlen(call));
    return err ? err : mf_buf_add(out, "}\n", 2);
}

static void add_line(struct function_log *log, enum mf_log_level level, uint64_t instance,
                     const char *call, const char *text, size_t bytes)
{
    size_t before = log->pending.bytes;
    if (format_line(log, level, instance, call, text, bytes))
        log->pending.bytes = before; /* no memory for it: whole lines or none */
    if (log->pending.bytes >= PENDING_BYTES_MAX)
        function_log_flush(log);
    else if (list_empty(&log->dirty))
        list_append(&log->logs->dirty, &log->dirty);
}

void function_log_tell(struct function_log *log)
{
    list_each_safe(at, &log->followers) {
        struct log_follower *follower = list_of(at, struct log_follower, link);
        follower->more(follower);
    }
}

static void say_dropped(struct function_log *log)
{
    uint64_t dropped = log->rate.dropped;
    log->rate.dropped = 0;
    if (dropped)
        function_log_node(log, MF_LOG_WARN, 0,
                          "%llu lines dropped: more than %d a second", (unsigned long long)dropped,
                          MF_LOG_LINES_PER_S);
}

static void notice_timer(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    say_dropped(list_of(timer, struct function_log, notice));
}

/* What a kill of the node cut short in the midst of a line stays alone. */
static void end_line(struct function_log *log)
{
    char last = '\n';
    if (log->bytes && pread(log->fd, &last, 1, (off_t)log->bytes - 1) == 1 && last != '\n' &&
        write(log->fd, "\n", 1) == 1)
        log->bytes++;
}

static bool open_file(struct function_log *log)
{
    char name[NAME_ROOM];
    struct stat stat;
    if (log->fd >= 0 || log->logs->dir_fd < 0 || log->discarded)
        return log->fd >= 0;
    (void)snprintf(name, sizeof name, "%s.log", log->name);
    log->fd = openat(log->logs->dir_fd, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        mf_log(MF_LOG_WARN, "log.lost", "fn=%s why=\"%s\"", log->name, strerror(errno));
        return false;
    }
    log->logs->open++;
    log->bytes = fstat(log->fd, &stat) == 0 ? (uint64_t)stat.st_size : 0;
    end_line(log);
    return true;
}

static void rotate(struct function_log *log)
{
    char from[NAME_ROOM], to[NAME_ROOM];
    int dir = log->logs->dir_fd;
    for (int i = MF_LOG_FILES_MAX - 1; i > 0; i--) {
        (void)snprintf(to, sizeof to, "%s.log.%d", log->name, i);
        if (i > 1)
            (void)snprintf(from, sizeof from, "%s.log.%d", log->name, i - 1);
        else
            (void)snprintf(from, sizeof from, "%s.log", log->name);
        (void)renameat(dir, from, dir, to);
    }
    close_file(log);
    log->bytes = 0;
    log->serial++;
}
