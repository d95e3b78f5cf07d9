/*
 * offsets.h: numbers that entry.S shares with C, where each is asserted: an assembler
 * reads no C. Plain numbers only.
 */
#ifndef KERNEL_X86_64_OFFSETS_H
#define KERNEL_X86_64_OFFSETS_H

#define BOOT_FLAGS 116        /* boot.c: mf_boot.flags                            */
#define BOOT_RESTORED 2       /* boot.c: MF_BOOT_RESTORED                         */
#define FRAME_BYTES 192       /* frame.h: struct frame                            */
#define BOOT_GUARD 200        /* boot.c: last eight bytes of mf_boot.seed         */
#define FRAME_BEFORE_RIP 32   /* frame.h: call, and three words of mf_trap        */
#define FRAME_VECTOR_CALL 256 /* frame.h: in trap.vector: no exception but a call */
#define SELECTOR_CS 0x33      /* frame.h: MF_CS                                   */
#define SELECTOR_SS 0x2b      /* frame.h: MF_SS                                   */

#endif
