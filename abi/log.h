/* log.h: levels of a log record, as SDK, kernel and node number them. */
#ifndef MF_ABI_LOG_H
#define MF_ABI_LOG_H

/* X(number, NAME, name in logs) */
#define MF_LOG_LEVELS(X) \
    X(0, DEBUG, "debug") \
    X(1, INFO, "info")   \
    X(2, WARN, "warn")   \
    X(3, ERROR, "error")

#define MF_LOG_ENUM(nr, NAME, name) MF_LOG_##NAME = nr,
enum mf_log_level { MF_LOG_LEVELS(MF_LOG_ENUM) MF_LOG_LEVEL_COUNT };

#endif
