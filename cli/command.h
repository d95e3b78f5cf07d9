/*
 * command.h: what a command of `mayfly` is, and what every command may lean on.
 *
 * A command is a file cmd_NAME.c with one `const struct command cmd_NAME`, and a
 * line in COMMANDS below. Its options are data: parsing, --help, completion and
 * the test that compares the man page all come from the same table.
 * One thread. Standard output is for data, standard error for everything said to
 * a person.
 */
#ifndef MF_CLI_COMMAND_H
#define MF_CLI_COMMAND_H

#include <getopt.h> /* optarg, optind */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* X(number, NAME, meaning): exit codes, the same for every command; see mayfly(1). */
#define CLI_EXITS(X)                                                          \
    X(0, OK, "what was asked for was done")                                   \
    X(1, FAILED, "it was not; the message says why")                          \
    X(2, USAGE, "the command line is wrong; nothing was done")                \
    X(3, NOT_FOUND, "no such function, file or directory")                    \
    X(4, UNREACHABLE, "the node does not answer")                             \
    X(5, FUNCTION, "the function itself failed, faulted or ran out of time")  \
    X(6, UNSUPPORTED, "this machine or build cannot do it")                   \
    X(7, COMPILER, "the compiler did not accept the program")

#define CLI_EXIT_ENUM(nr, NAME, meaning) CLI_##NAME = nr,
enum cli_exit { CLI_EXITS(CLI_EXIT_ENUM) };

/* Keys of options without a letter; add a small number. */
#define CLI_LONG 256

struct cli_option {
    const char *name;     /* without dashes; NULL ends the table      */
    int key;              /* its letter, or CLI_LONG + n              */
    const char *argument; /* "FILE", "MS"; NULL: a switch             */
    const char *help;     /* one line, no full stop                   */
};

struct command {
    const char *name;
    const char *arguments;            /* "NAME [--tail N]": after the name in the usage line */
    const char *summary;              /* one line, lower case                  */
    const char *details;              /* paragraphs for --help; NULL: none     */
    const struct cli_option *options; /* NULL: none but --help                 */
    int (*run)(int argc, char **argv); /* argv[0]: the name; returns a cli_exit */
};

/* In the order in which a newcomer needs them. */
#define COMMANDS(X) \
    X(new)          \
    X(build)        \
    X(run)          \
    X(inspect)      \
    X(node)         \
    X(deploy)       \
    X(invoke)       \
    X(call)         \
    X(queue)        \
    X(kv)           \
    X(workflows)    \
    X(rollback)     \
    X(ls)           \
    X(logs)         \
    X(usage)        \
    X(start)        \
    X(stop)         \
    X(rm)           \
    X(bench)        \
    X(version)      \
    X(help)

#define COMMAND_DECLARE(name) extern const struct command cmd_##name;
COMMANDS(COMMAND_DECLARE)

/* NULL-terminated. */
const struct command *const *cli_commands(void);
const struct command *cli_command_find(const char *name);

/* ---- options: cli/options.c ---- */

/* Like getopt_long(3) over command->options: the next option's key, its argument
 * in optarg; -1 at the end, optind then at the first operand (GNU order: options
 * may stand anywhere, "--" ends them). --help and mistakes end the program here. */
int cli_getopt(const struct command *command, int argc, char **argv);

/* A decimal number in min … max, or the end of the program with CLI_USAGE. what:
 * as the user knows it, "--memory". */
uint64_t cli_number(const char *what, const char *text, uint64_t min, uint64_t max);

/* true or false, likewise. */
bool cli_whether(const char *what, const char *text);

/* Usage mistakes that getopt cannot see: says it, points to --help, ends. */
_Noreturn void cli_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void cli_help(const struct command *command);

/* ---- messages and output: cli/output.c ---- */

/* "mayfly: what, where; do this" on standard error; returns code. */
int cli_fail(enum cli_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, in the words of a struct mf_why; MF_ENOENT → NOT_FOUND, MF_EUNSUPPORTED
 * → UNSUPPORTED, else FAILED. */
int cli_fail_why(const struct mf_why *why, mf_err err);
/* A remark for a person, not an error: on standard error, without a prefix. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print as JSON (indented) with a newline; takes the reference. NULL: out of memory. */
int cli_print_json(json_t *value);

enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW };
/* The escape sequence, or "" where standard output is no terminal or NO_COLOR is set. */
const char *cli_colour(enum cli_colour colour);
/* Bytes for people: "17.2 KiB". Returns buffer. */
const char *cli_bytes(uint64_t bytes, char buffer[static 16]);

/* Columns that line up. Cells are copied; the last column is not padded. */
struct cli_table {
    char **cell;
    size_t columns;
    size_t cells;
    size_t room;
};
void cli_table_open(struct cli_table *table, size_t columns);
void cli_table_add(struct cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cli_table_close(struct cli_table *table); /* prints and frees; first row is the heading */

/* A bar on standard error, on a terminal only; a finished one is erased. */
struct cli_progress {
    const char *label;
    uint64_t total; /* 0: unknown */
    uint64_t shown_ns;
    bool on;
};
void cli_progress_open(struct cli_progress *progress, const char *label, uint64_t total);
void cli_progress_at(struct cli_progress *progress, uint64_t done, const char *note);
void cli_progress_close(struct cli_progress *progress);

/* ---- surroundings: cli/place.c ---- */

/* Path of a program or file beside our own executable ("mayfly-node",
 * "kernel.elf"). False: not there. */
bool cli_beside(const char *name, char *path, size_t room);

#endif
