/* pack_file.c: files of the packer, whole, in and out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/pack.h"

#define PIECE_BYTES 65536u
#define IMAGE_MODE 0644 /* less the umask */

static mf_err refuse(struct mf_why *why, const char *doing, const char *path)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "cannot %s %s: %s", doing, path,
                  strerror(error));
}

mf_err pack_read_file(const char *path, size_t bytes_max, struct mf_buf *out, struct mf_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse(why, "open", path);
    struct stat status;
    mf_err err = MF_OK;
    if (fstat(fd, &status) != 0)
        err = refuse(why, "look at", path);
    else if (!S_ISREG(status.st_mode))
        err = mf_why(why, MF_EINVAL, "%s is not a regular file", path);
    uint8_t *piece = malloc(PIECE_BYTES);
    if (!err && !piece)
        err = MF_ENOMEM;
    while (!err) {
        ssize_t got = read(fd, piece, PIECE_BYTES);
        if (got == 0)
            break;
        if (got < 0)
            err = refuse(why, "read", path);
        else if ((size_t)got > bytes_max - out->bytes)
            err = mf_why(why, MF_ETOOBIG, "%s has more than %zu bytes", path, bytes_max);
        else
            err = mf_buf_add(out, piece, (size_t)got);
    }
    free(piece);
    (void)close(fd);
    if (err)
        mf_buf_close(out);
    return err;
}

static mf_err write_all(int fd, const struct mf_buf *content, const char *path,
                        struct mf_why *why)
{
    for (size_t at = 0; at < content->bytes;) {
        ssize_t put = write(fd, content->data + at, content->bytes - at);
        if (put < 0)
            return refuse(why, "write", path);
        at += (size_t)put;
    }
    return MF_OK;
}

mf_err pack_write_file(const char *path, const struct mf_buf *content, struct mf_why *why)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return MF_ENOMEM;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        mf_err err = refuse(why, "create", temporary);
        free(temporary);
        return err;
    }
    mode_t mask = umask(0);
    (void)umask(mask);
    mf_err err = write_all(fd, content, temporary, why);
    if (!err && fchmod(fd, IMAGE_MODE & ~mask) != 0)
        err = refuse(why, "set the mode of", temporary);
    if (close(fd) != 0 && !err)
        err = refuse(why, "write", temporary);
    if (!err && rename(temporary, path) != 0)
        err = refuse(why, "write", path);
    if (err)
        (void)unlink(temporary);
    free(temporary);
    return err;
}
