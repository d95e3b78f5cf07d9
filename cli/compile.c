/*
 * compile.c: musl-gcc with the flags that make a program fit an image: static, not
 * position-independent, each kind of memory on pages of its own, from
 * MF_PROGRAM_BASE. Paths of this machine are mapped away in the debug information,
 * so that the same sources give the same image wherever they lie.
 */
#include "cli/compile.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/layout.h"
#include "cli/command.h"
#include "image/project.h"


/* Before the sources; the project's own flags follow and may override them. */
static const char *const flags_first[] = {
    "-std=gnu17", "-O2", "-g", "-fno-pie", "-fno-omit-frame-pointer", "-fstack-protector-strong",
    "-ffunction-sections", "-fdata-sections", "-Wall",
};
/* After them: what an image needs is not the project's choice. */
static const char *const flags_last[] = {
    "-static", "-no-pie", "-Wl,--gc-sections", "-Wl,-z,separate-code", "-Wl,-z,noexecstack",
    "-Wl,--build-id=none",
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define OURS_MAX (COUNT(flags_first) + COUNT(flags_last) + 16)
#define ARGUMENTS_MAX (OURS_MAX + MF_PROJECT_SOURCES_MAX + MF_PROJECT_CFLAGS_MAX)

struct command_line {
    const char *argument[ARGUMENTS_MAX + 1];
    size_t count;
    char include[PATH_MAX], library[PATH_MAX];
    char text_segment[64];
    char map_folder[PATH_MAX + 32], map_include[PATH_MAX + 32];
};

static bool find_sdk(struct command_line *line);
static bool set_maps(struct command_line *line, const char *folder);
static void add(struct command_line *line, const char *argument);
static void add_all(struct command_line *line, char *const *list, size_t most);
static int run(const struct compile *compile, char *const *argument);

int compile_program(const struct compile *compile)
{
    struct command_line *line = calloc(1, sizeof *line);
    if (!line)
        return cli_fail(CLI_FAILED, "out of memory");
    int code = CLI_FAILED;
    if (!find_sdk(line) || !set_maps(line, compile->folder))
        goto out;
    (void)snprintf(line->text_segment, sizeof line->text_segment, "-Wl,-Ttext-segment=0x%x",
                   MF_PROGRAM_BASE);
    add(line, compile->compiler);
    for (size_t i = 0; i < COUNT(flags_first); i++)
        add(line, flags_first[i]);
    add(line, "-I");
    add(line, line->include);
    add(line, line->map_include);
    add(line, line->map_folder);
    if (compile->cflag)
        add_all(line, compile->cflag, MF_PROJECT_CFLAGS_MAX);
    add(line, "-o");
    add(line, compile->out);
    add_all(line, compile->source, MF_PROJECT_SOURCES_MAX);
    add(line, line->library);
    for (size_t i = 0; i < COUNT(flags_last); i++)
        add(line, flags_last[i]);
    add(line, line->text_segment);
    code = run(compile, (char *const *)(uintptr_t)line->argument);
out:
    free(line);
    return code;
}

int compile_go(const struct compile *compile)
{
    const char *const argument[] = {compile->compiler, "build", "-trimpath", "-buildvcs=false", "-o",
                                    compile->out, ".", NULL};
    if (setenv("CGO_ENABLED", "0", 1) != 0) /* static, without a C compiler */
        return cli_fail(CLI_FAILED, "out of memory");
    return run(compile, (char *const *)(uintptr_t)argument);
}

static bool find_sdk(struct command_line *line)
{
    if (cli_beside("include", line->include, sizeof line->include) &&
        cli_beside("libmayfly.a", line->library, sizeof line->library))
        return true;
    (void)cli_fail(CLI_FAILED, "no include/ and libmayfly.a beside the mayfly program: the "
                   "installation is not whole; build or install mayfly again");
    return false;
}

static bool set_maps(struct command_line *line, const char *folder)
{
    char whole[PATH_MAX];
    if (!realpath(folder, whole)) {
        (void)cli_fail(CLI_NOT_FOUND, "%s: %s", folder, strerror(errno));
        return false;
    }
    (void)snprintf(line->map_folder, sizeof line->map_folder, "-ffile-prefix-map=%s=.", whole);
    (void)snprintf(line->map_include, sizeof line->map_include, "-ffile-prefix-map=%s=mayfly",
                   line->include);
    return true;
}

static void add(struct command_line *line, const char *argument)
{
    mf_assert(line->count < ARGUMENTS_MAX);
    line->argument[line->count++] = argument;
}

static void add_all(struct command_line *line, char *const *list, size_t most)
{
    for (size_t i = 0; i < most && list[i]; i++)
        add(line, list[i]);
}

/* As system(3) does: a Ctrl-C ends the compiler, and we tidy up after it. */
static int spawn(const struct compile *compile, char *const *argument, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGQUIT);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = posix_spawn_file_actions_addchdir_np(&actions, compile->folder);
        if (!error)
            error = posix_spawnattr_setsigdefault(&attributes, &defaults);
        if (!error)
            error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        if (!error)
            error = posix_spawnp(pid, compile->compiler, &actions, &attributes, argument, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int run(const struct compile *compile, char *const *argument)
{
    fflush(stdout);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, was_int, was_quit;
    (void)sigaction(SIGINT, &ignore, &was_int);
    (void)sigaction(SIGQUIT, &ignore, &was_quit);
    pid_t pid;
    int status = 0;
    int error = spawn(compile, argument, &pid);
    while (!error && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            error = errno;
    (void)sigaction(SIGINT, &was_int, NULL);
    (void)sigaction(SIGQUIT, &was_quit, NULL);
    if (error == ENOENT)
        return cli_fail(CLI_UNSUPPORTED, "%s is not installed; on Debian: apt install %s",
                        compile->compiler, compile->package);
    if (error)
        return cli_fail(CLI_FAILED, "cannot run %s: %s", compile->compiler, strerror(error));
    if (WIFSIGNALED(status))
        return cli_fail(CLI_COMPILER, "%s was ended by signal %d (%s)", compile->compiler,
                        WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) == 127)
        return cli_fail(CLI_UNSUPPORTED, "%s could not be run; on Debian: apt install %s",
                        compile->compiler, compile->package);
    if (WEXITSTATUS(status) != 0)
        return cli_fail(CLI_COMPILER, "%s did not accept the program (its exit code is %d)",
                        compile->compiler, WEXITSTATUS(status));
    return CLI_OK;
}
