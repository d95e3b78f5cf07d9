/*
 * filter.c: a command as people write it: it reads its standard input to the end and writes it in
 * upper case. Lines that begin with "status" end it with that status. Before, it waits until it
 * may write, as who does not want to be blocked does.
 */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void wait_for_room(void)
{
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    int flags = fcntl(1, F_GETFL);
    (void)fcntl(1, F_SETFL, flags | O_NONBLOCK);
    do
        (void)poll(&out, 1, -1);
    while (write(1, "", 0) != 0);
    (void)fcntl(1, F_SETFL, flags);
}

int main(void)
{
    static char line[4096];
    size_t lines = 0;
    wait_for_room();
    setvbuf(stdout, NULL, _IOFBF, 4096);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "status ", 7) == 0)
            exit(atoi(line + 7));
        for (char *at = line; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        fputs(line, stdout);
        lines++;
    }
    fprintf(stderr, "%zu lines\n", lines);
    return 0;
}
