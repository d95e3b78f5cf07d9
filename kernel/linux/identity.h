/*
 * identity.h: who a program is: the only process there, nobody in particular, and not
 * process 1, of which programs think that it reaps and reboots.
 */
#ifndef KERNEL_LINUX_IDENTITY_H
#define KERNEL_LINUX_IDENTITY_H

#define IDENTITY_PID 2
#define IDENTITY_PARENT 1
#define IDENTITY_UID 65534
#define IDENTITY_GID 65534

#endif
