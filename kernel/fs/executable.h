/*
 * executable.h: what there is to execute at a path: an ELF file that the image has as loaded (abi/root.h),
 * with its loader, behind the scripts that name it (execve(2)).
 */
#ifndef KERNEL_FS_EXECUTABLE_H
#define KERNEL_FS_EXECUTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/elf.h"
#include "kernel/fs/image.h"
#include "kernel/fs/sheet.h"
#include "kernel/fs/walk.h"

struct executable_file {
    struct image_loaded loaded; /* content NULL: there is none */
    struct elf_program program;
};

/* Zero before its first use. */
struct executable {
    struct executable_file file, loader;
    struct place place;         /* of the file                  */
    struct sheet front;         /* of scripts: arguments that come instead of the first one */
    uint32_t front_count;
    bool is_refused;            /* EACCES: since the image does not have it as loaded        */
};

/* What is at walked, which is used up, and was found by this name. 0; EACCES, ENOEXEC, ELIBBAD, ELOOP, ENOENT
 * and others of a script's or a loader's path; -ENOMEM. Close it in any case. */
int executable_find(struct executable *executable, struct walked *walked, const char *name);
void executable_close(struct executable *executable);

#endif
