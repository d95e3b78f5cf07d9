/* text_event.c: the few lines of RFC 9112 that a request by hand needs. No allocation. */
#include "sdk/text_event.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "abi/channel.h"

struct line {
    const char *text;
    size_t bytes;
};

/* The next line without its end; false: no line begins at *at. */
static bool next_line(const char *text, size_t bytes, size_t *at, struct line *line)
{
    if (*at >= bytes)
        return false;
    line->text = text + *at;
    const char *end = memchr(line->text, '\n', bytes - *at);
    size_t whole = end ? (size_t)(end - line->text) : bytes - *at;
    *at += whole + (end != NULL);
    line->bytes = whole && line->text[whole - 1] == '\r' ? whole - 1 : whole;
    return true;
}

struct request_line {
    struct line method;
    struct line path;
    struct line query;
    bool has_query;
};

/* method SP origin-form SP HTTP/d.d: RFC 9112, 3. */
static bool request_line(struct line line, struct request_line *request)
{
    size_t at = 0;
    while (at < line.bytes && fields_token_char((unsigned char)line.text[at]))
        at++;
    request->method = (struct line){line.text, at};
    if (!at || line.bytes - at < sizeof " / HTTP/1.1" - 1 || line.text[at] != ' ' ||
        line.text[at + 1] != '/')
        return false;
    const char *version = line.text + line.bytes - (sizeof " HTTP/1.1" - 1);
    if (memcmp(version, " HTTP/", 6) != 0 || version[6] < '0' || version[6] > '9' ||
        version[7] != '.' || version[8] < '0' || version[8] > '9')
        return false;
    const char *target = line.text + at + 1;
    size_t bytes = (size_t)(version - target);
    if (memchr(target, ' ', bytes))
        return false;
    const char *mark = memchr(target, '?', bytes);
    request->has_query = mark != NULL;
    request->path = (struct line){target, mark ? (size_t)(mark - target) : bytes};
    if (mark)
        request->query = (struct line){mark + 1, (size_t)(target + bytes - mark - 1)};
    return true;
}

static struct line trimmed(struct line line)
{
    while (line.bytes && (line.text[0] == ' ' || line.text[0] == '\t')) {
        line.text++;
        line.bytes--;
    }
    while (line.bytes &&
           (line.text[line.bytes - 1] == ' ' || line.text[line.bytes - 1] == '\t'))
        line.bytes--;
    return line;
}

static bool named(struct line name, const char *other)
{
    return name.bytes == strlen(other) && strncasecmp(name.text, other, name.bytes) == 0;
}

/* Content-Length: digits, within the body's limit. */
static bool length(struct line value, size_t *bytes)
{
    *bytes = 0;
    if (!value.bytes)
        return false;
    for (size_t i = 0; i < value.bytes; i++) {
        if (value.text[i] < '0' || value.text[i] > '9' || *bytes > MF_BODY_BYTES_MAX)
            return false;
        *bytes = *bytes * 10 + (size_t)(value.text[i] - '0');
    }
    return *bytes <= MF_BODY_BYTES_MAX;
}

static const char *header(struct line line, struct text_event *event, size_t *expected)
{
    const char *colon = memchr(line.text, ':', line.bytes);
    if (!colon)
        return "a header is `name: value`; an empty line ends the headers";
    struct line name = {line.text, (size_t)(colon - line.text)};
    struct line value = trimmed((struct line){colon + 1, line.bytes - name.bytes - 1});
    if (named(name, "transfer-encoding"))
        return "transfer-encoding is not understood here; write the body as it is";
    if (named(name, "content-length") && !length(value, expected))
        return "content-length is not a number from 0 to 6291456";
    return fields_add(&event->fields, MF_FIELD_HEADER, name.text, name.bytes, value.text,
                      value.bytes);
}

static const char *add(struct text_event *event, enum mf_field_kind kind, struct line value)
{
    return fields_add(&event->fields, kind, "", 0, value.text, value.bytes);
}

static const char *head(const char *text, size_t bytes, size_t at,
                        const struct request_line *request, struct text_event *event)
{
    const char *fault = add(event, MF_FIELD_METHOD, request->method);
    if (!fault)
        fault = add(event, MF_FIELD_PATH, request->path);
    if (!fault && request->has_query)
        fault = add(event, MF_FIELD_QUERY, request->query);
    size_t expected = SIZE_MAX;
    struct line line;
    while (!fault && next_line(text, bytes, &at, &line)) {
        event->line++;
        if (!line.bytes)
            break;
        fault = header(line, event, &expected);
    }
    if (fault)
        return fault;
    event->body_offset = at;
    event->body_bytes = bytes - at;
    if (expected == SIZE_MAX)
        return NULL;
    if (expected > event->body_bytes)
        return "the body is shorter than content-length says";
    event->body_bytes = expected;
    return NULL;
}

const char *text_event_parse(const char *text, size_t bytes, struct text_event *event)
{
    size_t at = 0;
    struct line first;
    struct request_line request;
    event->line = 1;
    if (next_line(text, bytes, &at, &first) && request_line(first, &request))
        return head(text, bytes, at, &request, event);
    event->body_offset = 0;
    event->body_bytes = bytes;
    const char *fault = add(event, MF_FIELD_METHOD, (struct line){"POST", 4});
    return fault ? fault : add(event, MF_FIELD_PATH, (struct line){"/", 1});
}
