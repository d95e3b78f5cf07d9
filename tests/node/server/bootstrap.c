/*
 * bootstrap.c: a custom runtime as people write it for AWS Lambda: a client of the Runtime API,
 * one invocation after the other. The payload in upper case is the response; "fail" is an
 * error, "id" asks for the invocation's headers, "strange" for what the API says to nonsense.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX (7u << 20)

static int fd = -1;
static char head[16384], *body;
static size_t body_bytes;

static void must(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static void send_all(const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        must(sent > 0, "send");
        data += sent;
        bytes -= (size_t)sent;
    }
}

/* A request, and its response's head and body. */
static void ask(const char *method, const char *path, const char *data, size_t bytes)
{
    char start[512];
    int start_bytes = snprintf(start, sizeof start,
                               "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                               method, path, getenv("AWS_LAMBDA_RUNTIME_API"), bytes);
    send_all(start, (size_t)start_bytes);
    send_all(data, bytes);
    size_t at = 0;
    char *end;
    for (head[0] = 0; !(end = strstr(head, "\r\n\r\n")); head[at] = 0) {
        ssize_t got = recv(fd, head + at, 1, 0); /* byte by byte: the body is not to be met */
        must(got == 1 && at + 2 < sizeof head, "recv");
        at++;
    }
    const char *length = strstr(head, "content-length: ");
    body_bytes = length ? strtoul(length + 16, NULL, 10) : 0;
    must(body_bytes < BODY_MAX, "the payload's length");
    for (at = 0; at < body_bytes;) {
        ssize_t got = recv(fd, body + at, body_bytes - at, 0);
        must(got > 0, "recv");
        at += (size_t)got;
    }
    body[body_bytes] = 0;
}

static const char *header(const char *name)
{
    static char value[256];
    const char *at = strstr(head, name);
    value[0] = 0;
    if (at)
        (void)sscanf(at + strlen(name), ": %255[^\r]", value);
    return value;
}

static int is(const char *word)
{
    return body_bytes == strlen(word) && memcmp(body, word, body_bytes) == 0;
}

int main(void)
{
    static const char failed[] = "{\"errorMessage\":\"on purpose\",\"errorType\":\"Test\"}";
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64] = "", path[512], id[256], text[512];
    unsigned port = 0;
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    body = malloc(BODY_MAX);
    must(api && body && sscanf(api, "%63[^:]:%u", host, &port) == 2, "AWS_LAMBDA_RUNTIME_API");
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = inet_addr(host);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    for (;;) {
        ask("GET", "invocation/next", "", 0);
        (void)snprintf(id, sizeof id, "%s", header("lambda-runtime-aws-request-id"));
        if (is("fail") || is("[\"fail\"]")) {
            (void)snprintf(path, sizeof path, "invocation/%s/error", id);
            ask("POST", path, failed, sizeof failed - 1);
            continue;
        }
        if (is("id")) {
            const char *name = getenv("AWS_LAMBDA_FUNCTION_NAME");
            int bytes = snprintf(text, sizeof text, "%s %s %s ", id, name ? name : "nobody",
                                 header("lambda-runtime-invoked-function-arn"));
            (void)snprintf(text + bytes, sizeof text - (size_t)bytes, "%s",
                           header("lambda-runtime-deadline-ms"));
            memcpy(body, text, body_bytes = strlen(text));
        } else if (is("\"count\"")) {
            static unsigned count;
            body_bytes = (size_t)sprintf(body, "%u", count++);
        } else if (is("strange")) {
            char first[16], second[16];
            ask("GET", "nothing", "", 0);
            (void)snprintf(first, sizeof first, "%.12s", head);
            ask("POST", "invocation/other/response", "x", 1);
            (void)snprintf(second, sizeof second, "%.12s", head);
            body_bytes = (size_t)sprintf(body, "%s %s", first + 9, second + 9);
        } else {
            for (size_t i = 0; i < body_bytes; i++)
                body[i] = (char)toupper((unsigned char)body[i]);
        }
        char *copy = malloc(body_bytes + 1);
        must(copy != NULL, "malloc");
        size_t bytes = body_bytes;
        memcpy(copy, body, bytes);
        (void)snprintf(path, sizeof path, "invocation/%s/response", id);
        ask("POST", path, copy, bytes);
        free(copy);
    }
}
