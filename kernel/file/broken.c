/* broken.c: what becomes of who writes for nobody: file_broken of file.h. Owns nothing. */
#include "kernel/file/file.h"
#include "kernel/linux/many/signal.h"

void file_broken(void)
{
    const struct siginfo info = {.si_signo = SIGPIPE, .si_code = SI_KERNEL};
    (void)signal_send(task_current, &info);
}
