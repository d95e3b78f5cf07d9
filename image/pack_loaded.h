/*
 * pack_loaded.h: within the packer, what a dynamic program is made of: files of the root file
 * system that its loader will map. They are laid out in the image as loaded, pages at their
 * addresses, since only an image's text is ever executed (abi/root.h, loaded_at). Nothing outside
 * image/ includes it but the build, for pack_interpreter().
 */
#ifndef MF_IMAGE_PACK_LOADED_H
#define MF_IMAGE_PACK_LOADED_H

#include "base/buf.h"
#include "image/root_tree.h"
#include "image/stubs.h"

/* Files at neighbouring addresses, in one segment of the image. */
struct loaded {
    struct root_node **node; /* heap, ascending by loaded_at */
    uint32_t count;
    uint64_t address, bytes; /* whole pages; bytes 0: none */
};

/* The path in PT_INTERP of an executable, "" if it has none; MF_EFORMAT if it is no path. */
MF_CHECKED mf_err pack_interpreter(const uint8_t *file, size_t bytes,
                                   char path[MF_ROOT_TARGET_MAX + 1], struct mf_why *why);

/* The program, if it is linked for fixed addresses; else nothing. Sets its loaded_at. */
MF_CHECKED mf_err loaded_fixed(const struct root_tree *tree, struct root_node *program,
                               struct loaded *loaded, struct mf_why *why);

/* Is it a program that is linked for fixed addresses, and can be laid out? */
bool loaded_is_fixed(const struct root_tree *tree, const struct root_node *node);

/* Another program that is linked for fixed addresses: this one, or if it is none or NULL, the largest
 * that can be laid out. Sets its loaded_at. */
MF_CHECKED mf_err loaded_another(const struct root_tree *tree, struct root_node *wanted, struct loaded *loaded);

/* All libraries of the tree that stand nowhere yet, and the program (NULL: none) if it is
 * position-independent, from address on; programs: behind them all other programs that are. Sets each
 * one's loaded_at. The tree's contents are there (root_tree_contents). */
MF_CHECKED mf_err loaded_place(const struct root_tree *tree, const struct root_node *program, bool programs,
                               uint64_t address, struct loaded *loaded, struct mf_why *why);

/* Add loaded->bytes to *out. */
MF_CHECKED mf_err loaded_add(const struct root_tree *tree, const struct loaded *loaded,
                             struct mf_buf *out, struct mf_why *why);

/* Make stubs of the system calls in their text; pages: those that loaded_add() has added. */
void loaded_text(const struct root_tree *tree, const struct loaded *loaded, uint8_t *pages,
                 struct stubs *stubs);

/* In the copy of a laid out file that the root file system has: a page is all that its segments are
 * aligned to. For more, glibc maps them at an aligned place of its own choice, and not where they are
 * laid out, which is where they can be executed. */
void loaded_align(uint8_t *file, uint64_t bytes);

void loaded_close(struct loaded *loaded);

#endif
