/*
 * user_id.h: the one user that there is, and its one group, whose all files but the image's are. Numbers of the
 * settings (MF_ENV_USER), which programs may compare and print; they allow nothing.
 */
#ifndef KERNEL_LINUX_USER_ID_H
#define KERNEL_LINUX_USER_ID_H

#include <stdint.h>

#define USER_ID_NOBODY 65534u

struct user_id {
    uint32_t user, group;
};

/* Nobody's until the start. */
extern struct user_id user_id;

/* "USER:GROUP", decimal; what is none, or NULL, changes nothing. Once, at the start. */
void user_id_take(const char *text);

#endif
