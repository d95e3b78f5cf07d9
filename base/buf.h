/* buf.h: a growing run of bytes. One owner, one thread. */
#ifndef MF_BASE_BUF_H
#define MF_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zero-initialised means empty. data is always followed by a NUL that bytes does
 * not count, once something was added. */
struct mf_buf {
    uint8_t *data;
    size_t bytes;
    size_t room;
    size_t laid; /* 0, or how much there is, of which the host has given room (mf_buf_lay) */
};

/* Add to the end. MF_ENOMEM leaves the buffer as it was. */
MF_CHECKED mf_err mf_buf_add(struct mf_buf *buf, const void *data, size_t bytes);
MF_CHECKED mf_err mf_buf_printf(struct mf_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For one that becomes large: addresses for so many bytes at once, so that nothing is copied as it grows;
 * room counts what the host gives of them meanwhile, in large pages where it has such: each fault of a
 * small one costs what copying 10 KiB does. MF_ENOMEM leaves the buffer as it was. */
MF_CHECKED mf_err mf_buf_lay(struct mf_buf *buf, size_t most);

/* What room will be once so many bytes were added: who counts memory asks before. */
size_t mf_buf_room_after(const struct mf_buf *buf, size_t more);

/* Forget the first bytes (at most buf->bytes); keeps the memory. */
void mf_buf_drop(struct mf_buf *buf, size_t bytes);

/* Back to empty, memory freed. Safe on an empty one. */
void mf_buf_close(struct mf_buf *buf);

#endif
