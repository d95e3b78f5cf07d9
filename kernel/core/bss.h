/*
 * bss.h: the order of the kernel's variables in memory. Every page written costs a
 * fault at every start, so what every start writes stands together, in the first page:
 * small variables (any name), then one whose beginning is written, then the large ones.
 */
#ifndef KERNEL_CORE_BSS_H
#define KERNEL_CORE_BSS_H

#define BSS_HOT_BEGINNING __attribute__((section(".bss.z1")))
#define BSS_LARGE __attribute__((section(".bss.z2")))

#endif
