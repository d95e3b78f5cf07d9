/* paper_table.h: a table of `mayfly bench paper`: the paper's figures, and ours beside them. */
#ifndef MF_CLI_PAPER_TABLE_H
#define MF_CLI_PAPER_TABLE_H

#include <jansson.h>

/* To standard output, after a blank line; nothing if rows (borrowed) has none of the bench. */
void print_paper_table(const json_t *rows);

#endif
