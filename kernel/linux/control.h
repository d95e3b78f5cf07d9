/* control.h: ancillary data of messages (cmsg(3), unix(7)): descriptors and credentials. */
#ifndef KERNEL_LINUX_CONTROL_H
#define KERNEL_LINUX_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/socket/rights.h"
#include "kernel/socket/socket.h"

/* A program's buffer, msg_control and msg_controllen; address 0: there is none. */
struct control {
    uint64_t address, bytes;
};

/* Of a message that is to be sent: *rights is the caller's, or NULL. -ENOBUFS, -EFAULT, -EINVAL, -EBADF, -EPERM, -ENOMEM. */
int control_read(const struct socket *socket, const struct control *control, struct rights **rights);

/* What came beside a message, as far as there is room, to descriptors of the program's: how many bytes of the buffer
 * it took. rights, which are given up, may be NULL. *cut: not all had room. */
uint64_t control_write(const struct socket *socket, const struct control *control, struct rights *rights,
                       bool close_on_exec, bool *cut);

#endif
