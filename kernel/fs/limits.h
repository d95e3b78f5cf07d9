/* limits.h: bounds of file systems. */
#ifndef KERNEL_FS_LIMITS_H
#define KERNEL_FS_LIMITS_H

#define NAME_BYTES_MAX 255u
#define PATH_BYTES_MAX 4096u /* with its NUL: Linux's PATH_MAX */
#define LINKS_MAX 40u        /* followed on the way to one file, as Linux has it */
#define SECRET_NAME_BYTES_MAX 63u
#define SECRETS_MAX 64u /* of one function: as many as its settings can name */
#define TMP_SHARE 2u         /* files in memory: one part of so many of the kernel's own memory */
#define TMP_NODES_MAX 65536u
#define TMP_LENT_BYTES 65536u /* of a file that the program has mapped: room in such steps */
#define TMP_LENT_ROOM_BYTES (1u << 20) /* addresses that are kept for it, at least */
#define TMP_FIRST_BYTES 512u /* of a file that grows; then it is doubled */
#define INOTIFY_MAX 128u           /* as Linux has it at first; 16,384 events of each, too */
#define INOTIFY_EVENTS_MAX 16384u
#define WATCHES_MAX 8192u          /* of all of them together                              */

#endif
