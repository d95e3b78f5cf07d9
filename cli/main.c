/*
 * main.c: finds the command and runs it.
 * Guarantees: the exit code is one of CLI_EXITS, and 0 only if all output was
 * written. Leaves everything else to the commands.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

#define NAME_DISTANCE_MAX 2 /* a slip of the finger, not another word */
#define NAME_BYTES_MAX 32

const struct command *const *cli_commands(void)
{
    static const struct command *const all[] = {
#define COMMAND_ADDRESS(name) &cmd_##name,
        COMMANDS(COMMAND_ADDRESS)
#undef COMMAND_ADDRESS
        NULL,
    };
    return all;
}

const struct command *cli_command_find(const char *name)
{
    for (const struct command *const *at = cli_commands(); *at; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES_MAX + 1];
    size_t b_bytes = strnlen(b, NAME_BYTES_MAX);
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 1; *a && i <= NAME_BYTES_MAX; i++, a++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t replace = diagonal + (*a != b[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < other ? replace : other;
        }
    }
    return row[b_bytes];
}

static int unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t least = NAME_DISTANCE_MAX + 1;
    for (const struct command *const *at = cli_commands(); *at; at++) {
        size_t d = strlen(name) > NAME_BYTES_MAX ? least : distance(name, (*at)->name);
        if (d < least && d < strlen((*at)->name)) {
            least = d;
            nearest = (*at)->name;
        }
    }
    if (nearest)
        return cli_fail(CLI_USAGE, "no command '%s'; did you mean '%s'?", name, nearest);
    return cli_fail(CLI_USAGE, "no command '%s'; 'mayfly help' lists them", name);
}

/* A full disk must not look like success. A reader that went away is none of our business. */
static int finish(int code)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) != 0)
        failed = true;
    if (!failed || errno == EPIPE)
        return code;
    int error = errno;
    cli_fail(CLI_FAILED, "standard output: %s", error ? strerror(error) : "write failed");
    return code ? code : CLI_FAILED;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    if (name[0] == '-')
        return cli_fail(CLI_USAGE, "option '%s' stands before the command; "
                        "write 'mayfly COMMAND %s …'", name, name);
    const struct command *command = cli_command_find(name);
    if (!command)
        return unknown_command(name);
    if (argc <= 1) {
        char *alone[] = {(char *)(uintptr_t)name, NULL};
        return finish(command->run(1, alone));
    }
    return finish(command->run(argc - 1, argv + 1));
}
