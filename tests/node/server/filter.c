/*
 * filter.c: a command as people write it: it reads its standard input to the end and writes it in
 * upper case. Lines that begin with "status" end it with that status. Before, it waits until it
 * may write, as who does not want to be blocked does.
 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both are there as soon as the event is. */
static void wait_for_room(void)
{
    struct pollfd in = {.fd = 0, .events = POLLIN}, out = {.fd = 1, .events = POLLOUT};
    do
        (void)poll(&out, 1, -1);
    while (poll(&in, 1, 0) == 0);
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
