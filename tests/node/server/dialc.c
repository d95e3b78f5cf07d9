/* dialc.c: a server of HTTP, one request after the other, by calls that wait: GET /name?HOST says what
 * getaddrinfo() finds, GET /dial?HOST:PORT what is read there until its end, or the error. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char answer[65536];

static void name(const char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int error = getaddrinfo(host, NULL, &hints, &list);
    if (error) {
        snprintf(answer, sizeof answer, "error: %s", gai_strerror(error));
        return;
    }
    for (struct addrinfo *at = list; at; at = at->ai_next) {
        char text[INET6_ADDRSTRLEN] = "";
        size_t bytes = strlen(answer);
        const void *address = at->ai_family == AF_INET
                                  ? (const void *)&((struct sockaddr_in *)at->ai_addr)->sin_addr
                                  : (const void *)&((struct sockaddr_in6 *)at->ai_addr)->sin6_addr;
        inet_ntop(at->ai_family, address, text, sizeof text);
        snprintf(answer + bytes, sizeof answer - bytes, "%s ", text);
    }
    freeaddrinfo(list);
}

static void dial(char *host)
{
    char *colon = strrchr(host, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *list = NULL;
    if (!colon)
        return;
    *colon = 0;
    int error = getaddrinfo(host, colon + 1, &hints, &list);
    if (error) {
        snprintf(answer, sizeof answer, "error: %s", gai_strerror(error));
        return;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t at = 0;
    ssize_t got = 0;
    if (connect(fd, list->ai_addr, list->ai_addrlen) != 0)
        snprintf(answer, sizeof answer, "error: %s", strerror(errno));
    else
        while (at < sizeof answer - 1 && (got = read(fd, answer + at, sizeof answer - 1 - at)) > 0)
            at += (size_t)got;
    if (got < 0)
        snprintf(answer, sizeof answer, "error: %s", strerror(errno));
    close(fd);
    freeaddrinfo(list);
}

int main(void)
{
    const char *port = getenv("PORT");
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port ? port : "8080"))};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 16) != 0)
        return 1;
    for (;;) {
        char request[4096] = "", head[128];
        int client = accept(listener, NULL, NULL);
        size_t bytes = 0;
        ssize_t got;
        while (!strstr(request, "\r\n\r\n") && bytes < sizeof request - 1 &&
               (got = read(client, request + bytes, sizeof request - 1 - bytes)) > 0)
            bytes += (size_t)got;
        char *what = strchr(request, '?'), *end = what ? strchr(what, ' ') : NULL;
        memset(answer, 0, sizeof answer);
        if (end) {
            *end = 0;
            if (strstr(request, "/name?"))
                name(what + 1);
            else
                dial(what + 1);
        }
        int head_bytes = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
                                                     "Connection: close\r\n\r\n", strlen(answer));
        if (write(client, head, (size_t)head_bytes) != head_bytes ||
            write(client, answer, strlen(answer)) < 0)
            perror("write");
        close(client);
    }
}
