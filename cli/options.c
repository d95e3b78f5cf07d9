/*
 * options.c: a command's table of options, parsed by getopt_long(3) and printed
 * as help. Mistakes of the user end the program here with CLI_USAGE: at this
 * point a command has opened nothing yet.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define OPTIONS_MAX 32
#define HELP_COLUMN 28

static size_t option_count(const struct command *command)
{
    size_t count = 0;
    while (command->options && command->options[count].name)
        count++;
    mf_assert(count <= OPTIONS_MAX);
    return count;
}

/* getopt's two notations of the same table. */
static void tables(const struct command *command, char *letters, struct option *names)
{
    *letters++ = ':'; /* a missing argument is reported apart from an unknown option */
    *letters++ = 'h';
    size_t count = option_count(command);
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *o = &command->options[i];
        names[i] = (struct option){o->name, o->argument ? required_argument : no_argument, NULL,
                                   o->key};
        if (o->key < CLI_LONG) {
            *letters++ = (char)o->key;
            if (o->argument)
                *letters++ = ':';
        }
    }
    names[count] = (struct option){"help", no_argument, NULL, 'h'};
    names[count + 1] = (struct option){0};
    *letters = 0;
}

int cli_getopt(const struct command *command, int argc, char **argv)
{
    char letters[2 * OPTIONS_MAX + 3];
    struct option names[OPTIONS_MAX + 2];
    tables(command, letters, names);
    opterr = 0;
    int was = optind ? optind : 1;
    int key = getopt_long(argc, argv, letters, names, NULL);
    const char *given = was < argc ? argv[was] : "";
    if (key == '?' && optopt > 0 && optopt < CLI_LONG && given[0] == '-' && given[1] != '-')
        cli_usage(command, "unknown option '-%c'", optopt);
    if (key == '?' && optopt) /* known, and a switch */
        cli_usage(command, "option '%.*s' takes no value", (int)strcspn(given, "="), given);
    if (key == '?')
        cli_usage(command, "unknown option '%s'", argv[optind - 1]);
    if (key == ':')
        cli_usage(command, "option '%s' needs a value", argv[optind - 1]);
    if (key == 'h') {
        bool own = false;
        for (size_t i = 0; i < option_count(command); i++)
            own |= command->options[i].key == 'h';
        if (!own) {
            cli_help(command);
            exit(fflush(stdout) ? CLI_FAILED : CLI_OK);
        }
    }
    return key;
}

uint64_t cli_number(const char *what, const char *text, uint64_t min, uint64_t max)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9' && *end == 0;
    if (!digits || errno || value < min || value > max)
        exit(cli_fail(CLI_USAGE, "%s '%s': a number from %llu to %llu belongs here", what, text,
                      (unsigned long long)min, (unsigned long long)max));
    return value;
}

bool cli_whether(const char *what, const char *text)
{
    const bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        exit(cli_fail(CLI_USAGE, "%s '%s': true or false belongs here", what, text));
    return yes;
}

void cli_usage(const struct command *command, const char *format, ...)
{
    char text[MF_WHY_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    exit(cli_fail(CLI_USAGE, "%s: %s; see 'mayfly %s --help'", command->name, text,
                  command->name));
}

static void help_line(const struct cli_option *o)
{
    char left[64];
    int used = o->key < CLI_LONG ? snprintf(left, sizeof left, "  -%c, --%s", o->key, o->name)
                                 : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->argument && used > 0 && (size_t)used < sizeof left)
        (void)snprintf(left + used, sizeof left - (size_t)used, " %s", o->argument);
    if (strlen(left) + 2 > HELP_COLUMN)
        printf("%s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
    else
        printf("%-*s%s\n", HELP_COLUMN, left, o->help);
}

void cli_help(const struct command *command)
{
    printf("%smayfly %s%s%s%s\n\n", cli_colour(CLI_BOLD), command->name, cli_colour(CLI_PLAIN),
           command->arguments[0] ? " " : "", command->arguments);
    printf("%s\n", command->summary);
    if (command->details)
        printf("\n%s\n", command->details);
    printf("\nOptions:\n");
    for (size_t i = 0; i < option_count(command); i++)
        help_line(&command->options[i]);
    help_line(&(struct cli_option){"help", 'h', NULL, "print this"});
}
