/*
 * limits.h: every bound of the host side that is not part of the ABI, in one
 * place, so that a reader can ask "how much can they make us hold?".
 */
#ifndef MF_BASE_LIMITS_H
#define MF_BASE_LIMITS_H

/* Names of functions: a DNS label (RFC 1123), as in URLs and file names. */
#define MF_NAME_BYTES_MAX 63

/* Environment of a function. */
#define MF_ENV_COUNT_MAX 128
#define MF_ENV_BYTES_MAX 32768 /* all of it, as the boot page holds it */

/* Settings of a function: defaults and bounds (image/settings.h). */
#define MF_TIMEOUT_MS_DEFAULT 30000
#define MF_TIMEOUT_MS_MAX 900000
#define MF_WAIT_MS_DEFAULT 2000
#define MF_WAIT_MS_MAX 60000
#define MF_IDLE_MS_DEFAULT 60000
#define MF_IDLE_MS_MAX 86400000
#define MF_INSTANCES_DEFAULT 16
#define MF_INSTANCES_MAX 4096
#define MF_CPU_SHARE_DEFAULT 100
#define MF_CPU_SHARE_MAX 1000

/* The pool of blank monitors. */
#define MF_BLANKS_DEFAULT 8
#define MF_BLANKS_MAX 512

#endif
