/* script.h: the first line of a script. Pure functions. */
#ifndef KERNEL_FS_SCRIPT_H
#define KERNEL_FS_SCRIPT_H

#define SCRIPT_BYTES 255u /* of a file that are looked at: Linux's BINPRM_BUF_SIZE, less a NUL */

/* "#!", an interpreter, and one argument: all that follows, or NULL. text: the file's first bytes, which are
 * changed, zeros behind its end. The interpreter; NULL: it is no script, names none, or one that is longer than what
 * is looked at. Both are within text. */
char *script_read(char text[SCRIPT_BYTES + 1], char **argument);

#endif
