/* snippets.c: the instructions of snippets.h, a function each. */
#include "raw/snippets.h"

#include "raw/raw.h"

#define CODE(name, text)                                                     \
    __asm__(".text\n.globl snippet_" #name "\nsnippet_" #name ":\n" text "\nret\n"); \
    extern void snippet_##name(void);
SNIPPETS(CODE)

#define ENTRY(name, text) snippet_##name,
void (*const raw_snippets[])(void) = {SNIPPETS(ENTRY)};
