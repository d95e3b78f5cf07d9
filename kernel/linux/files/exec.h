/* exec.h: the program that runs in the place of the first one, for /proc/self. */
#ifndef KERNEL_LINUX_FILES_EXEC_H
#define KERNEL_LINUX_FILES_EXEC_H

#include <stdint.h>

struct exec {
    char *path; /* NULL: the first one runs still */
    uint64_t arguments_at, variables_at, end_at; /* its strings, in its own memory */
};
extern struct exec exec_now;

#endif
