/*
 * keeper.c: keeps together all processes that a container run-time leaves behind, so
 * that their whole cost and memory can be told: keeper PROGRAM [ARGUMENT…].
 * Waits for SIGUSR1 (blocked by whoever starts it), then runs PROGRAM with our
 * descriptors. As subreaper it inherits what PROGRAM leaves and waits for it. SIGTERM
 * ends them all, and so does PROGRAM's failure. static, so that it is small.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start(char **argv, pid_t *pid)
{
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawnattr_init(&attributes) != 0 ||
        posix_spawnattr_setsigmask(&attributes, &none) != 0 ||
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) != 0)
        return -1;
    return posix_spawnp(pid, argv[0], NULL, &attributes, argv, environ);
}

/* Wait for whoever has ended; false: PROGRAM itself, and not well. */
static int reap(pid_t program)
{
    int status, well = 1;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == program && status != 0)
            well = 0;
    return well;
}

/* Kill every child until there is none: grandchildren become children meanwhile. */
static void end_all(void)
{
    for (;;) {
        FILE *children = fopen("/proc/thread-self/children", "re");
        int pid;
        while (children && fscanf(children, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (children)
            fclose(children);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            return;
    }
}

int main(int argc, char **argv)
{
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGUSR1);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    if (argc < 2 || sigprocmask(SIG_BLOCK, &awaited, NULL) != 0 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        return 2;
    pid_t program = 0;
    for (int well = 1; well;) {
        int signal = sigwaitinfo(&awaited, NULL);
        if (signal == SIGUSR1)
            well = start(argv + 1, &program) == 0;
        else if (signal == SIGCHLD)
            well = reap(program);
        else
            break;
    }
    end_all();
    return 0;
}
