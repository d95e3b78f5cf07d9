/* identity.h: who a program is: the only process there, nobody in particular. */
#ifndef KERNEL_LINUX_IDENTITY_H
#define KERNEL_LINUX_IDENTITY_H

#define IDENTITY_PID 1
#define IDENTITY_PARENT 0
#define IDENTITY_UID 65534
#define IDENTITY_GID 65534

#endif
