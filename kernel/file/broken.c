/* broken.c: what becomes of who writes for nobody, or too much: see file.h. Owns nothing. */
#include "kernel/file/file.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/user_id.h"

static void signal_itself(int number)
{
    const struct siginfo info = {.si_signo = number,
                                 .si_code = SI_USER,
                                 .si_pid = identity_pid(),
                                 .si_uid = user_id.user};
    (void)signal_send(task_current, &info);
}

void file_broken(void)
{
    signal_itself(SIGPIPE);
}

void file_too_large(void)
{
    signal_itself(SIGXFSZ);
}
