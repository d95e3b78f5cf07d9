/* buf.c: doubling growth, by quarters once it is large; a NUL kept behind the content. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROOM_FIRST 256u
#define ROOM_DOUBLES (1u << 20)
#define LARGE_PAGE_BYTES (2u << 20)

/* Of what is laid, so much is given for so many bytes. */
static size_t given(const struct mf_buf *buf, size_t need)
{
    size_t room = (need + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    return room < buf->laid ? room : buf->laid;
}

size_t mf_buf_room_after(const struct mf_buf *buf, size_t more)
{
    if (more >= SIZE_MAX - buf->bytes)
        return SIZE_MAX;
    size_t need = buf->bytes + more + 1;
    if (need <= buf->laid)
        return need <= buf->room ? buf->room : given(buf, need);
    size_t room = buf->room ? buf->room : ROOM_FIRST;
    while (room < need) {
        size_t step = room < ROOM_DOUBLES ? room : room / 4;
        room = step > SIZE_MAX - room ? need : room + step;
    }
    return room;
}

static mf_err reserve(struct mf_buf *buf, size_t more)
{
    size_t room = mf_buf_room_after(buf, more);
    if (room <= buf->laid)
        buf->room = room;
    if (room == buf->room)
        return MF_OK;
    uint8_t *data = room == SIZE_MAX ? NULL : realloc(buf->data, room);
    if (!data)
        return MF_ENOMEM;
    buf->data = data;
    buf->room = room;
    buf->laid = 0;
    return MF_OK;
}

mf_err mf_buf_lay(struct mf_buf *buf, size_t most)
{
    void *laid;
    mf_assert(most > buf->bytes && most < SIZE_MAX);
    if (posix_memalign(&laid, LARGE_PAGE_BYTES, most + 1) != 0)
        return MF_ENOMEM;
    size_t large = most / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES; /* the NUL alone is worth none */
    if (large)
        (void)madvise(laid, large, MADV_HUGEPAGE); /* without them it takes longer */
    if (buf->data)
        memcpy(laid, buf->data, buf->bytes + 1);
    free(buf->data);
    buf->data = laid;
    buf->laid = most + 1;
    buf->room = given(buf, buf->bytes + 1);
    return MF_OK;
}

mf_err mf_buf_add(struct mf_buf *buf, const void *data, size_t bytes)
{
    mf_err err = reserve(buf, bytes);
    if (err)
        return err;
    if (bytes)
        memcpy(buf->data + buf->bytes, data, bytes);
    buf->bytes += bytes;
    buf->data[buf->bytes] = 0;
    return MF_OK;
}

mf_err mf_buf_printf(struct mf_buf *buf, const char *format, ...)
{
    va_list args, again;
    size_t left = buf->room - buf->bytes; /* mostly enough, and then it is written once */
    va_start(args, format);
    va_copy(again, args);
    int bytes = vsnprintf(left ? (char *)buf->data + buf->bytes : NULL, left, format, args);
    va_end(args);
    mf_err err = bytes < 0 ? MF_EINVAL : MF_OK;
    if (!err && (size_t)bytes >= left) {
        if (left)
            buf->data[buf->bytes] = 0; /* as it was, should there be no memory */
        err = reserve(buf, (size_t)bytes);
        if (!err)
            (void)vsnprintf((char *)buf->data + buf->bytes, (size_t)bytes + 1, format, again);
    }
    if (!err)
        buf->bytes += (size_t)bytes;
    va_end(again);
    return err;
}

void mf_buf_drop(struct mf_buf *buf, size_t bytes)
{
    mf_assert(bytes <= buf->bytes);
    if (bytes && bytes < buf->bytes)
        memmove(buf->data, buf->data + bytes, buf->bytes - bytes);
    buf->bytes -= bytes;
    if (buf->data)
        buf->data[buf->bytes] = 0;
}

void mf_buf_close(struct mf_buf *buf)
{
    free(buf->data);
    *buf = (struct mf_buf){0};
}
