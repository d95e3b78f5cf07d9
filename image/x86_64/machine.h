/* machine.h: which processor's ELF files are images here. */
#ifndef MF_IMAGE_MACHINE_H
#define MF_IMAGE_MACHINE_H

#include <elf.h>

#define IMAGE_MACHINE EM_X86_64
#define IMAGE_MACHINE_NAME "x86-64"
#define IMAGE_OCI_ARCHITECTURE "amd64" /* Go's name, which OCI takes */

#endif
