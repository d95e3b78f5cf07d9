/*
 * image.h: what makes an ELF file a mayfly image (.mf).
 *
 * ELF64, little-endian, ET_EXEC, with
 *   - PT_LOAD segments of kernel and program at their final addresses, ascending,
 *     page-aligned in address, offset and both sizes (so a monitor maps pages of
 *     the file as they are), readable, none both writable and executable;
 *   - one PT_NOTE holding one note, owner "mayfly", type MF_NOTE_IMAGE, whose
 *     descriptor is struct mf_image_info followed by the manifest (JSON text);
 *   - at most one PT_GNU_STACK, not executable, for tools; no other header;
 *   - optionally .symtab/.strtab of kernel and program, for gdb and backtraces.
 * ELF header, program headers, note and segments follow one another in the file; what
 * stands before the manifest lies in its first MF_IMAGE_HEAD_BYTES. Between segments may be
 * room: large ones best stand at an offset that is like their address, counted in large pages,
 * since a host can then map large pages of the file.
 * e_entry = kernel_entry. The hash is BLAKE2b-256 of the whole file with the
 * hash field itself as zeros.
 */
#ifndef MF_ABI_IMAGE_H
#define MF_ABI_IMAGE_H

#include <stdint.h>

#include "abi/layout.h"

#define MF_NOTE_OWNER "mayfly"
#define MF_NOTE_IMAGE 0x4d460001u
#define MF_IMAGE_HASH_BYTES 32u
#define MF_IMAGE_HEAD_BYTES 4096u
#define MF_IMAGE_BYTES_MAX (512ull << 20)
#define MF_IMAGE_SEGMENTS_MAX 32u
#define MF_MANIFEST_BYTES_MAX 65536u
#define MF_KERNEL_BYTES_MAX (128u << 10) /* what the kernel's segments may fill */
#define MF_KERNEL_LINUX_BYTES_MAX (512u << 10) /* the same, with MF_IMAGE_LINUX */
#define MF_PROGRAM_ROOM_MIN 0x100000u    /* from program to channel: heap, stack  */
#define MF_PROGRAM_HEADERS_MAX 64u       /* program_phnum                         */

/* flags: the kernel is the one for any Linux program (program.h), and gets preempts (trap.h) */
#define MF_IMAGE_LINUX 1u

/* A program that is linked with the SDK says so in a note of its own, of the same owner and empty. */
#define MF_NOTE_SDK 0x4d460002u

struct mf_image_info {
    uint32_t abi_version;      /* MF_ABI_VERSION of the kernel inside            */
    uint32_t info_bytes;       /* sizeof(struct mf_image_info)                   */
    uint64_t kernel_entry;     /* boot.h                                         */
    uint64_t kernel_syscall;   /* trap.h: where a `syscall` instruction arrives  */
    uint64_t kernel_exception; /* trap.h: where an exception arrives             */
    uint64_t trap_stack_top;   /* trap.h: 16-aligned, in the kernel's memory     */
    uint64_t kernel_end;       /* first free byte after the kernel, page-aligned */
    uint64_t program_entry;    /* the program's e_entry                          */
    uint64_t program_phdr;     /* address of its program headers; 0 = not loaded */
    uint32_t program_phnum;
    uint32_t program_phent;
    uint64_t program_end;      /* first free byte after the program and its root */
    uint64_t window_bytes;     /* default size of the window                     */
    uint64_t root_base;        /* root.h: address of the root file system, which is
                                  the last segment, of the file and read-only; 0 */
    uint64_t root_bytes;       /* of that segment; 0: none                       */
    uint32_t manifest_bytes;   /* JSON right after this struct                   */
    uint32_t flags;            /* MF_IMAGE_…                                     */
    uint8_t hash[MF_IMAGE_HASH_BYTES];
};
_Static_assert(sizeof(struct mf_image_info) == 144, "ABI: mf_image_info");

#endif
