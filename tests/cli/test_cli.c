/*
 * test_cli.c: `mayfly` as a person meets it, without a node: messages and exit codes of
 * mistakes, help, and that manual and completion tell the same as the program.
 * Arguments: BUILD_DIR SOURCE_DIR.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define ARGUMENTS_MAX 16
#define OUTPUT_BYTES 262144

static const char *build_dir, *source_dir;
static char mayfly[PATH_MAX];

struct outcome {
    int code;
    char out[OUTPUT_BYTES], err[OUTPUT_BYTES];
};
static struct outcome outcome;

static void read_back(FILE *file, char text[static OUTPUT_BYTES])
{
    rewind(file);
    text[fread(text, 1, OUTPUT_BYTES - 1, file)] = 0;
    fclose(file);
}

/* Run program with the arguments of line, split at blanks; '_' stands for one inside. */
static void run_program(const char *program, const char *line)
{
    char copy[1024], *argv[ARGUMENTS_MAX] = {(char *)(uintptr_t)program}, *save;
    (void)snprintf(copy, sizeof copy, "%s", line);
    size_t count = 1;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(count < ARGUMENTS_MAX - 1);
        for (char *c = word; *c; c++)
            *c = *c == '_' ? ' ' : *c;
        argv[count++] = word;
    }
    FILE *out = tmpfile(), *err = tmpfile();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
    pid_t pid;
    int status;
    assert_int_equal(posix_spawnp(&pid, program, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_back(out, outcome.out);
    read_back(err, outcome.err);
}

static void run(const char *line) { run_program(mayfly, line); }

static char *read_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, OUTPUT_BYTES);
    assert_non_null(text);
    assert_true(fread(text, 1, OUTPUT_BYTES - 1, file) > 0);
    fclose(file);
    return text;
}

static void mistakes_get_their_exit_code_and_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int code;
        const char *says;
    } mistakes[] = {
        {"deplyo x", 2, "did you mean 'deploy'?"},
        {"lss", 2, "did you mean 'ls'?"},
        {"frobnicate", 2, "'mayfly help' lists them"},
        {"help frobnicate", 2, "no command 'frobnicate'"},
        {"--json ls", 2, "stands before the command"},
        {"ls --jsn", 2, "unknown option '--jsn'; see 'mayfly ls --help'"},
        {"ls -Z", 2, "unknown option '-Z'"},
        {"ls --json=1", 2, "option '--json' takes no value; see 'mayfly ls --help'"},
        {"invoke --include=yes hello", 2, "option '--include' takes no value"},
        {"version extra", 2, "'extra' is one argument too many"},
        {"help ls extra", 2, "'extra' is one argument too many"},
        {"ls extra", 2, "one argument too many"},
        {"ls --node", 2, "option '--node' needs a value"},
        {"ls --node ftp://x", 2, "write unix:PATH or http://HOST:PORT"},
        {"ls --node unix:", 2, "socket path ''"},
        {"ls", 4, "start one with './up' or 'mayfly node'"},
        {"ls --node http://127.0.0.1:1", 4, "no node answers at http://127.0.0.1:1"},
        {"rm", 2, "which function?"},
        {"rm a/b", 2, "'a/b' cannot be a function's name"},
        {"rm hello", 4, "no node answers"},
        {"logs", 2, "one function's name belongs here"},
        {"logs Hello", 2, "'Hello' cannot be a function's name"},
        {"logs -n x hello", 2, "--tail 'x': a number from 0"},
        {"logs hello", 4, "no node answers"},
        {"invoke", 2, "one function's name belongs here"},
        {"invoke -- -x", 2, "'-x' cannot be a function's name"},
        {"invoke hello", 4, "no node answers"},
        {"invoke hello -d @/nonexistent", 3, "/nonexistent: No such file"},
        {"invoke hello -H nocolon", 2, "'NAME: VALUE' belongs here"},
        {"invoke hello --gateway http://127.0.0.1:1", 4, "no gateway answers"},
        {"invoke hello --gateway http://127.0.0.1:1 --query a=_b", 2, "has to be written %20"},
        {"deploy", 2, "one image or one project's folder"},
        {"deploy /nonexistent.mf", 3, "/nonexistent.mf: No such file"},
        {"deploy /etc/passwd", 1, "no image that could be deployed"},
        {"deploy --memory 7 x.mf", 2, "--memory '7': a number from 8 to 2048"},
        {"deploy --memory 2049 x.mf", 2, "--memory '2049'"},
        {"deploy --timeout 0 x.mf", 2, "--timeout '0'"},
        {"deploy --sandbox docker x.mf", 2, "kvm, process or auto"},
        {"deploy --env NOVALUE x.mf", 2, "NAME=VALUE belongs here"},
        {"deploy --name a_b x.mf", 2, "cannot be a function's name"},
        {"new", 2, "mayfly new --help"},
        {"new A", 2, "'A'"},
        {"build /nonexistent", 3, "/nonexistent: No such file or directory; give a project's folder, or C files"},
        {"run /nonexistent.mf", 3, "/nonexistent.mf"},
        {"run /etc/passwd", 1, "/etc/passwd"},
        {"inspect /nonexistent.mf", 3, "/nonexistent.mf"},
        {"inspect /etc/passwd", 1, "/etc/passwd"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        run(mistakes[i].line);
        if (outcome.code != mistakes[i].code || !strstr(outcome.err, mistakes[i].says))
            print_error("mayfly %s: %d: %s", mistakes[i].line, outcome.code, outcome.err);
        assert_int_equal(outcome.code, mistakes[i].code);
        assert_non_null(strstr(outcome.err, mistakes[i].says));
        assert_int_equal(strncmp(outcome.err, "mayfly: ", 8), 0);
        assert_string_equal(outcome.out, "");
    }
}

/* The commands as the program itself lists them; the caller drops the reference. */
static json_t *commands_and_exits(void)
{
    run("help --json");
    assert_int_equal(outcome.code, 0);
    json_t *all = json_loads(outcome.out, 0, NULL);
    assert_non_null(all);
    assert_true(json_array_size(json_object_get(all, "commands")) >= 13);
    return all;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void help_of_every_command_names_its_options(void **state)
{
    (void)state;
    json_t *all = commands_and_exits();
    size_t i, j;
    const json_t *command, *option;
    json_array_foreach(json_object_get(all, "commands"), i, command) {
        char line[64], text[64];
        (void)snprintf(line, sizeof line, "%s --help", text_of(command, "name"));
        if (strcmp(text_of(command, "name"), "node") == 0) /* the daemon's own */
            (void)snprintf(line, sizeof line, "help node");
        run(line);
        assert_int_equal(outcome.code, 0);
        assert_string_equal(outcome.err, "");
        assert_non_null(strstr(outcome.out, text_of(command, "summary")));
        json_array_foreach(json_object_get(command, "options"), j, option) {
            (void)snprintf(text, sizeof text, "--%s", text_of(option, "name"));
            assert_non_null(strstr(outcome.out, text));
        }
    }
    json_decref(all);
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

/* The daemon's options stand in its own help. */
static void check_node_section(const char *text)
{
    run("node --help");
    assert_int_equal(outcome.code, 0);
    size_t listed = 0;
    for (const char *line = outcome.out; (line = strstr(line, "\n  --")); line++) {
        char name[64], item[96];
        assert_int_equal(sscanf(line, "\n  --%63[a-z-]", name), 1);
        if (strcmp(name, "help") == 0) { /* one line for both */
            (void)snprintf(name, sizeof name, "version");
            assert_non_null(strstr(line, "--version"));
        }
        (void)snprintf(item, sizeof item, "\n.It Fl -%s", name);
        if (!strstr(text, item))
            print_error("docs/mayfly.1, mayfly node: there should be:%s\n", item);
        assert_non_null(strstr(text, item));
        listed++;
    }
    assert_true(listed > 0);
    assert_int_equal(count_of(text, "\n.It Fl "), listed);
}

/* The lines of the manual about one command; the caller frees them. */
static char *section(const char *manual, const char *name)
{
    char heading[64];
    (void)snprintf(heading, sizeof heading, "\n.Ss mayfly %s", name);
    for (const char *at = manual; (at = strstr(at, heading)); at++) {
        char next = at[strlen(heading)];
        if (next != ' ' && next != '\n')
            continue;
        const char *body = at + 1, *other = strstr(body, "\n.Ss "), *end = strstr(body, "\n.Sh ");
        if (other && (!end || other < end))
            end = other;
        return strndup(body, end ? (size_t)(end - body) : strlen(body));
    }
    print_error("docs/mayfly.1 says nothing of 'mayfly %s'\n", name);
    return NULL;
}

static void check_section(const json_t *command, const char *text)
{
    size_t i;
    const json_t *option;
    json_array_foreach(json_object_get(command, "options"), i, option) {
        const char *letter = text_of(option, "letter"), *argument = text_of(option, "argument");
        char item[96];
        (void)snprintf(item, sizeof item, "\n.It %s%s%sFl -%s%s", letter ? "Fl " : "",
                       letter ? letter : "", letter ? " , " : "", text_of(option, "name"),
                       argument ? " Ar " : "\n");
        if (!strstr(text, item))
            print_error("docs/mayfly.1, mayfly %s: there should be:%s\n", text_of(command, "name"),
                        item);
        assert_non_null(strstr(text, item));
    }
    if (count_of(text, "\n.It Fl ") != json_array_size(json_object_get(command, "options")))
        print_error("docs/mayfly.1, mayfly %s: options that the program does not have\n",
                    text_of(command, "name"));
    assert_int_equal(count_of(text, "\n.It Fl "),
                     json_array_size(json_object_get(command, "options")));
}

static void manual_has_every_command_option_and_exit_code(void **state)
{
    (void)state;
    char *manual = read_file(source_dir, "docs/mayfly.1");
    json_t *all = commands_and_exits();
    size_t i;
    const json_t *command, *code;
    json_array_foreach(json_object_get(all, "commands"), i, command) {
        char *text = section(manual, text_of(command, "name"));
        assert_non_null(text);
        if (strcmp(text_of(command, "name"), "node") == 0)
            check_node_section(text);
        else
            check_section(command, text);
        free(text);
    }
    const char *exits = strstr(manual, "\n.Sh EXIT STATUS");
    assert_non_null(exits);
    json_array_foreach(json_object_get(all, "exits"), i, code) {
        char item[32];
        (void)snprintf(item, sizeof item, "\n.It %d\n",
                       (int)json_integer_value(json_object_get(code, "code")));
        assert_non_null(strstr(exits, item));
    }
    json_decref(all);
    free(manual);
}

static void manual_is_formatted_without_a_warning(void **state)
{
    (void)state;
    char line[PATH_MAX + 64];
    if (access("/usr/bin/groff", X_OK) != 0)
        skip();
    (void)snprintf(line, sizeof line, "-mdoc -ww -Tutf8 -z %s/docs/mayfly.1", source_dir);
    run_program("/usr/bin/groff", line);
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.err, "");
}

/* What bash would offer after the words. */
static void complete(const char *words)
{
    char script[PATH_MAX * 3], program[PATH_MAX];
    (void)snprintf(script, sizeof script,
                   ". %s/deploy/completions/mayfly.bash\ncompopt() { :; }\n"
                   "COMP_WORDS=(%s %s)\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_mayfly\n"
                   "printf '%%s\\n' \"${COMPREPLY[@]}\"\n",
                   source_dir, mayfly, words);
    (void)snprintf(program, sizeof program, "/tmp/mayfly-completion-XXXXXX");
    int fd = mkstemp(program);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, strlen(script)), (ssize_t)strlen(script));
    close(fd);
    FILE *pipe = NULL;
    char command[PATH_MAX + 8];
    (void)snprintf(command, sizeof command, "bash %s", program);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    outcome.out[fread(outcome.out, 1, sizeof outcome.out - 1, pipe)] = 0;
    outcome.code = pclose(pipe);
    unlink(program);
    assert_int_equal(outcome.code, 0);
}

static void completion_offers_commands_and_options(void **state)
{
    (void)state;
    json_t *all = commands_and_exits();
    size_t i, j;
    const json_t *command, *option;
    char words[64], text[64];
    json_array_foreach(json_object_get(all, "commands"), i, command) {
        complete("''");
        (void)snprintf(text, sizeof text, "%s\n", text_of(command, "name"));
        assert_non_null(strstr(outcome.out, text));
        (void)snprintf(words, sizeof words, "%s -", text_of(command, "name"));
        complete(words);
        json_array_foreach(json_object_get(command, "options"), j, option) {
            (void)snprintf(text, sizeof text, "--%s\n", text_of(option, "name"));
            assert_non_null(strstr(outcome.out, text));
        }
    }
    json_decref(all);
    complete("help ver");
    assert_string_equal(outcome.out, "version\n");
}

static void completion_offers_the_values_of_an_option(void **state)
{
    (void)state;
    static const struct {
        const char *words, *offered;
    } values[] = {
        {"deploy --sandbox k", "kvm\n"},
        {"deploy --isolation re", "reset\nreuse\n"},
        {"run --jit t", "true\n"},
        {"new --lang p", "python\n"},
        {"build --contract l", "lambda\n"},
        {"deploy --priority u", "urgent\n"},
        {"deploy --durability power", "power-loss\n"},
        {"deploy --overload d", "drop-oldest\ndead-letter\n"},
        {"deploy --keep-alive h", "hybrid\n"},
        {"node --min-sandbox a", "auto\n"},
        {"node --log-level w", "warn\n"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        complete(values[i].words);
        assert_string_equal(outcome.out, values[i].offered);
    }
}

static void help_goes_to_standard_output_and_is_success(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "help", "--help", "-h", "help version"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        run(lines[i]);
        assert_int_equal(outcome.code, 0);
        assert_string_equal(outcome.err, "");
        assert_non_null(strstr(outcome.out, "mayfly"));
    }
    run("--version");
    assert_int_equal(strncmp(outcome.out, "mayfly ", 7), 0);
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    char command[PATH_MAX + 64];
    (void)snprintf(command, sizeof command, "%s help >/dev/full 2>/dev/null", mayfly);
    int status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_get_their_exit_code_and_a_sentence),
        cmocka_unit_test(help_of_every_command_names_its_options),
        cmocka_unit_test(manual_has_every_command_option_and_exit_code),
        cmocka_unit_test(manual_is_formatted_without_a_warning),
        cmocka_unit_test(completion_offers_commands_and_options),
        cmocka_unit_test(completion_offers_the_values_of_an_option),
        cmocka_unit_test(help_goes_to_standard_output_and_is_success),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
    };
    if (argc != 3) {
        fprintf(stderr, "usage: %s BUILD_DIR SOURCE_DIR\n", argv[0]);
        return 2;
    }
    build_dir = argv[1];
    source_dir = argv[2];
    (void)snprintf(mayfly, sizeof mayfly, "%s/mayfly", build_dir);
    setenv("MAYFLY_STATE", "/nonexistent", 1); /* no node of whoever runs the test */
    unsetenv("MAYFLY_NODE");
    unsetenv("MAYFLY_TOKEN");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
