/* data.c: see data.h. */
#include "cli/data.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

#define DATA_BYTES_MAX (1u << 30) /* the node's own limit is lower, and its answer tells it */
#define READ_BYTES 65536

static int read_all(int fd, const char *path, struct mf_buf *to)
{
    char piece[READ_BYTES];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
        if ((size_t)got > DATA_BYTES_MAX - to->bytes)
            return cli_fail(CLI_FAILED, "%s: more than %u MiB", path, DATA_BYTES_MAX >> 20);
        if (mf_buf_add(to, piece, (size_t)got))
            return cli_fail(CLI_FAILED, "out of memory");
    }
    return CLI_OK;
}

int cli_read_data(const char *text, struct mf_buf *data)
{
    if (text[0] != '@')
        return mf_buf_add(data, text, strlen(text)) ? cli_fail(CLI_FAILED, "out of memory")
                                                    : CLI_OK;
    if (strcmp(text, "@-") == 0)
        return read_all(STDIN_FILENO, "standard input", data);
    int fd = open(text + 1, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s", text + 1,
                        strerror(errno));
    int code = read_all(fd, text + 1, data);
    close(fd);
    return code;
}
