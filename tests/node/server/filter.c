/*
 * filter.c: a command as people write it: it reads its standard input to the end and writes it in
 * upper case. Lines that begin with "status" end it with that status.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    static char line[4096];
    size_t lines = 0;
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
