/*
 * local.c: the library OS's part, played by hand: one event from standard input,
 * its reply to standard output, logs to standard error, and an exit code: 0, or 1
 * where the reply's status is 400 or more or the handler failed, 2 where standard
 * input is no event. Linux only; never runs inside mayfly.
 */
#include "sdk/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/channel.h"
#include "abi/log.h"
#include "sdk/local_serve.h"
#include "sdk/port.h"
#include "sdk/text_event.h"

#define INPUT_BYTES_MAX (MF_BODY_BYTES_MAX + MF_HEAD_BYTES_MAX)
#define INPUT_BYTES_FIRST 65536u
#define STATUS_BAD 400u

static bool show_head;
static bool asked;        /* the event was given out */
static bool ended;        /* and answered */
static unsigned exit_code;
static char *input;
static const char *body;
static size_t body_bytes;

void local_show_head(void)
{
    show_head = true;
}

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "error: standard input: %s\n", what);
    exit(2);
}

static size_t read_input(void)
{
    size_t room = INPUT_BYTES_FIRST, bytes = 0;
    input = malloc(room);
    while (input) {
        ssize_t got = read(STDIN_FILENO, input + bytes, room - bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            refuse(strerror(errno));
        bytes += (size_t)got;
        if (got == 0)
            return bytes;
        if (bytes < room)
            continue;
        if (room > INPUT_BYTES_MAX)
            refuse("an event's body has 6 MiB at most");
        room *= 2;
        char *larger = realloc(input, room);
        if (!larger)
            free(input);
        input = larger;
    }
    refuse("out of memory");
}

static size_t take(void *buffer, size_t room)
{
    size_t bytes = body_bytes < room ? body_bytes : room;
    if (bytes)
        memcpy(buffer, body, bytes);
    body += bytes;
    body_bytes -= bytes;
    return bytes;
}

long local_next(struct mf_call_event *event, void *buffer, size_t capacity)
{
    if (asked) {
        free(input);
        exit(ended ? (int)exit_code : 1);
    }
    asked = true;
    if (isatty(STDIN_FILENO))
        fputs("an event, please: an HTTP/1.1 request or just a body, then Ctrl-D\n", stderr);
    size_t bytes = read_input();
    struct text_event text = {.fields.data = buffer};
    if (capacity < MF_HEAD_BYTES_MAX)
        return -E2BIG;
    const char *fault = text_event_parse(input, bytes, &text);
    if (fault) {
        char message[256];
        (void)snprintf(message, sizeof message, "line %zu: %s", text.line, fault);
        refuse(message);
    }
    if (text.body_bytes > MF_BODY_BYTES_MAX)
        refuse("an event's body has 6 MiB at most");
    body = input + text.body_offset;
    body_bytes = text.body_bytes;
    size_t started = take((char *)buffer + text.fields.bytes, capacity - text.fields.bytes);
    *event = (struct mf_call_event){.id = 1,
                                    .field_bytes = text.fields.bytes,
                                    .body_bytes = (uint32_t)started,
                                    .flags = body_bytes ? 0 : MF_CALL_END};
    return 0;
}

long local_body(void *buffer, size_t capacity)
{
    return (long)take(buffer, capacity);
}

/* The fields were checked when they were added; they are printed from a copy. */
static void print_head(unsigned status, const void *fields, size_t bytes)
{
    printf("HTTP/1.1 %u \r\n", status);
    uint8_t *copy = malloc(bytes + 1);
    if (!copy)
        return;
    memcpy(copy, fields, bytes);
    uint32_t at = 0;
    struct field field;
    while (at < bytes && fields_unpack(copy, (uint32_t)bytes, &at, &field))
        printf("%s: %s\r\n", field.name, field.value);
    printf("\r\n");
    free(copy);
}

static void print_end(unsigned flags)
{
    if (!(flags & MF_CALL_END))
        return;
    ended = true;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "error: standard output: %s\n", strerror(errno));
        exit_code = 1;
    }
}

long local_reply(unsigned status, const void *fields, size_t field_bytes, const void *data,
                 size_t bytes, unsigned flags)
{
    if (show_head)
        print_head(status, fields, field_bytes);
    fwrite(data, 1, bytes, stdout);
    exit_code = status >= STATUS_BAD;
    print_end(flags);
    if (exit_code)
        fprintf(stderr, "error: the reply's status is %u\n", status);
    return 0;
}

long local_write(const void *data, size_t bytes, unsigned flags)
{
    fwrite(data, 1, bytes, stdout);
    print_end(flags);
    return 0;
}

long local_fail(const char *message, size_t bytes)
{
    fflush(stdout);
    fprintf(stderr, "error: %.*s\n", (int)bytes, message);
    exit_code = 1;
    ended = true;
    return 0;
}

long local_log(unsigned level, const char *text, size_t bytes)
{
    static const char *const name[] = {
#define NAME(nr, NAME_, words) [nr] = words,
        MF_LOG_LEVELS(NAME)
#undef NAME
    };
    fprintf(stderr, "%s: %.*s\n", name[level < MF_LOG_LEVEL_COUNT ? level : MF_LOG_ERROR],
            (int)bytes, text);
    return 0;
}

static uint8_t *answered; /* malloc: the answer's data, then the request */
static size_t answered_bytes;

long local_operation(const struct port_request *request, struct mf_call_result *result)
{
    struct mf_result head;
    if (!asked || ended)
        return -ENOENT;
    if (request->data_bytes > MF_CHUNK_BYTES_MAX ||
        request->head_bytes > MF_CHUNK_BYTES_MAX - request->data_bytes)
        return -E2BIG;
    if (!answered)
        answered = malloc(2 * (size_t)MF_CHUNK_BYTES_MAX);
    if (!answered)
        return -ENOMEM;
    uint8_t *message = answered + MF_CHUNK_BYTES_MAX;
    memcpy(message, request->head, request->head_bytes);
    if (request->data_bytes)
        memcpy(message + request->head_bytes, request->data, request->data_bytes);
    fflush(stdout);
    local_serve(request->operation, message, request->head_bytes + request->data_bytes, &head,
                answered);
    answered_bytes = head.data_bytes;
    *result = (struct mf_call_result){.error = head.error,
                                      .data_bytes = head.data_bytes,
                                      .head_bytes = head.head_bytes,
                                      .flags = head.flags,
                                      .value = head.value};
    return 0;
}

long local_result(void *buffer, size_t capacity)
{
    size_t bytes = capacity < answered_bytes ? capacity : answered_bytes;
    if (bytes)
        memcpy(buffer, answered, bytes);
    return (long)bytes;
}
