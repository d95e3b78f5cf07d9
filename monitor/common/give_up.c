/* give_up.c: the end of a blank that cannot go on, in either monitor and in the trampoline. */
#include <sys/socket.h>
#include <unistd.h>

#include "abi/cause.h"
#include "monitor/monitor.h"

void monitor_give_up(int control, enum mf_spawn_type type, mf_err err, const struct mf_why *why)
{
    struct mf_spawn_packet packet = {
        .magic = MF_SPAWN_MAGIC, .type = type, .status = err, .why = *why};
    if (!packet.why.text[0])
        (void)mf_why(&packet.why, err, "%s", mf_err_words(err));
    (void)send(control, &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT); /* or nobody listens */
    _exit(MF_CAUSE_STATUS + MF_CAUSE_HOST);
}
