/*
 * abi_print.h: pieces of docs/ABI.md: numbers, sizes and offsets from the compiler, prose from the
 * opening comment of each header, meanings of members from the comments beside them.
 */
#ifndef MF_TOOLS_ABI_PRINT_H
#define MF_TOOLS_ABI_PRINT_H

#include <stddef.h>
#include <stdio.h>

extern const char *abi_folder; /* where the headers are */

/* Says so, and ends the program. */
_Noreturn void abi_give_up(const char *what, const char *which);

/* The opening comment of a header without its stars, as a quoted block. */
void abi_print_opening(const char *header);
/* A cell of a table: white space as one blank, the bar escaped. */
void abi_print_cell(const char *text, size_t bytes);

struct abi_member {
    const char *name;
    size_t offset;
    size_t bytes;
};

/* A table of a struct; its members must cover it without a gap. */
void abi_print_struct(const char *header, const char *name, size_t bytes,
                      const struct abi_member *member, size_t count);

#define MEMBER(of, name) {#name, offsetof(struct of, name), sizeof(((struct of *)0)->name)},
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define STRUCT(header, of, ...)                                                \
    do {                                                                       \
        static const struct abi_member members[] = {__VA_ARGS__};                  \
        abi_print_struct(header, #of, sizeof(struct of), members, COUNT(members)); \
    } while (0)
#define NUMBER(name) printf("| `" #name "` | %#llx | %llu |\n", (unsigned long long)(name), (unsigned long long)(name));

/* ---- abi_running.c: between a guest that runs and what runs it ---- */
void print_layout(void);
void print_hypercalls(void);
void print_boot(void);
void print_traps(void);
void print_channel(void);
void print_events(void);
void print_calls(void);
void print_operations(void);
void print_causes(void);

/* ---- abi_files.c: what is kept ---- */
void print_image(void);
void print_root(void);
void print_snapshot(void);
void print_touched(void);

#endif
