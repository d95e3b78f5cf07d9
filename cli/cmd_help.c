/*
 * cmd_help.c: mayfly help. The JSON form is the table of commands itself; the
 * test of the man page and of the completion reads it.
 */
#include <stdio.h>

#include "cli/command.h"

static const struct cli_option options[] = {
    {"json", CLI_LONG + 1, NULL, "print all commands and options as JSON"},
    {0},
};

static void list(void)
{
    printf("%smayfly%s: functions at the edge, each alone in a unikernel\n\n",
           cli_colour(CLI_BOLD), cli_colour(CLI_PLAIN));
    printf("usage: mayfly COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n");
    for (const struct command *const *at = cli_commands(); *at; at++)
        printf("  %s%-9s%s %s\n", cli_colour(CLI_BOLD), (*at)->name, cli_colour(CLI_PLAIN),
               (*at)->summary);
    printf("\nA first function:  mayfly new hello && mayfly deploy hello && mayfly invoke hello\n"
           "More about one:    mayfly help COMMAND, or man mayfly\n");
}

static json_t *option_json(const struct cli_option *o)
{
    char letter[2] = {o->key < CLI_LONG ? (char)o->key : 0, 0};
    return json_pack("{s:s, s:s*, s:s*, s:s}", "name", o->name, "letter",
                     letter[0] ? letter : NULL, "argument", o->argument, "help", o->help);
}

static json_t *command_json(const struct command *command)
{
    json_t *array = json_array();
    for (const struct cli_option *o = command->options; o && o->name; o++)
        json_array_append_new(array, option_json(o));
    return json_pack("{s:s, s:s, s:s, s:o}", "name", command->name, "arguments",
                     command->arguments, "summary", command->summary, "options", array);
}

static int print_json(void)
{
    json_t *commands = json_array();
    json_t *exits = json_array();
    for (const struct command *const *at = cli_commands(); *at; at++)
        json_array_append_new(commands, command_json(*at));
#define EXIT_JSON(nr, NAME, meaning) \
    json_array_append_new(exits, json_pack("{s:i, s:s}", "code", nr, "meaning", meaning));
    CLI_EXITS(EXIT_JSON)
#undef EXIT_JSON
    return cli_print_json(json_pack("{s:o, s:o}", "commands", commands, "exits", exits));
}

static int run(int argc, char **argv)
{
    bool json = false;
    int key;
    while ((key = cli_getopt(&cmd_help, argc, argv)) != -1)
        json = key == CLI_LONG + 1;
    if (json)
        return print_json();
    if (optind >= argc) {
        list();
        return CLI_OK;
    }
    const struct command *command = cli_command_find(argv[optind]);
    if (!command)
        return cli_fail(CLI_USAGE, "no command '%s'; 'mayfly help' lists them", argv[optind]);
    if (argc - optind > 1)
        cli_usage(&cmd_help, "'%.40s' is one argument too many", argv[optind + 1]);
    cli_help(command);
    return CLI_OK;
}

const struct command cmd_help = {
    .name = "help",
    .arguments = "[COMMAND] [--json]",
    .summary = "list the commands, or explain one",
    .options = options,
    .run = run,
};
