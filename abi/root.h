/*
 * root.h: a root file system inside an image: one read-only segment, the image's last,
 * at mf_image_info.root_base. The packer writes it, the library OS reads it where it
 * lies; for all in between it is bytes.
 *
 *   struct mf_root             at root_base
 *   struct mf_root_inode[]     right after it; the first one is the root folder
 *   struct mf_root_entry[]     right after them: names in folders
 *   names                      right after them: names and targets of links, one after
 *                              the other, nothing between them, then zeros to a page
 *   contents                   from contents_at: each file begins on a page, and zeros fill
 *                              its last one
 *
 * Offsets are from root_base. Folders have their entries one folder after the other, in the
 * order of inodes, so that they fill the table; in a folder names ascend as memcmp() has it,
 * a shorter one before those that it begins. A folder stands in one other folder, its parent,
 * whose inode has a smaller number: so there are no circles. Files and links may have several
 * names. Owners are not kept, every file is the super-user's; nor are device nodes, sockets,
 * pipes, set-id bits.
 *
 * The reader checks all this once, and each rule beside a field below, before it believes
 * any of it.
 */
#ifndef MF_ABI_ROOT_H
#define MF_ABI_ROOT_H

#include <stdint.h>

#include "abi/layout.h"

#define MF_ROOT_MAGIC 0x31746f6f7279616dull /* "mayroot1", little-endian */
#define MF_ROOT_INODES_MAX (1u << 20)
#define MF_ROOT_ENTRIES_MAX (1u << 20)
#define MF_ROOT_NAME_MAX 255u    /* bytes; not "", ".", "..", no '/', no NUL   */
#define MF_ROOT_TARGET_MAX 4095u /* of a link; at least 1, no NUL             */

struct mf_root {
    uint64_t magic;       /* MF_ROOT_MAGIC                                       */
    uint64_t root_bytes;  /* the whole segment; as mf_image_info.root_bytes      */
    uint64_t contents_at; /* page-aligned; the end of what comes before, rounded */
    uint32_t inode_count; /* 1 to MF_ROOT_INODES_MAX                             */
    uint32_t entry_count; /* 0 to MF_ROOT_ENTRIES_MAX                            */
    uint32_t name_bytes;
    uint32_t reserved;    /* 0                                                   */
};
_Static_assert(sizeof(struct mf_root) == 40, "ABI: mf_root");

/* Linux's numbers of stat(2): a type and permissions in a mode. */
#define MF_ROOT_TYPE 0170000u
#define MF_ROOT_FOLDER 0040000u
#define MF_ROOT_FILE 0100000u
#define MF_ROOT_LINK 0120000u
#define MF_ROOT_PERMISSIONS 01777u

struct mf_root_inode {
    uint32_t mode;      /* one MF_ROOT type, and permissions; nothing else           */
    uint32_t links;     /* at least 1; a folder: 2 and one for each folder in it     */
    uint64_t bytes;     /* file: of its content; link: of its target; folder: entries */
    uint64_t at;        /* file: of its content, page-aligned, 0 if it is empty; link:
                           of its target, from the first name; folder: its first entry */
    int64_t modified_s; /* since 1970                                                */
    uint64_t loaded_at; /* ELF file whose segments the image has, as loaded: where
                           the lowest page of them is; else 0                        */
    uint32_t parent;    /* folder: its parent, the root its own; else 0              */
    uint32_t reserved;  /* 0                                                         */
};
_Static_assert(sizeof(struct mf_root_inode) == 48, "ABI: mf_root_inode");

struct mf_root_entry {
    uint32_t inode;
    uint32_t name_at; /* from the first name */
    uint32_t name_bytes;
};
_Static_assert(sizeof(struct mf_root_entry) == 12, "ABI: mf_root_entry");

#endif
