/* data.h: a body given on the command line. One thread. */
#ifndef MF_CLI_DATA_H
#define MF_CLI_DATA_H

#include "base/buf.h"

/* text itself; @FILE: that file's content; @-: standard input. Returns a cli_exit, explained. */
int cli_read_data(const char *text, struct mf_buf *data);

#endif
