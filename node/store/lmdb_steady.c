/*
 * lmdb_steady.c: heads of LMDB files, kept and put back.
 * Guarantees: a head is put back whole or not at all, and only one that was on the disk with
 * all its pages. Knows of LMDB's format only that the first two pages are its heads, that
 * commit N writes the one of N's parity, and that the page number stands in the first eight bytes.
 */
#include "node/store/lmdb_steady.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "node/store/lmdb_file.h"
#include "node/store/record.h"

#define HEAD_BYTES 4096u /* of which LMDB uses some 150, at any page size */
#define BOOT_BYTES 40u

struct steady {
    char magic[8];
    uint32_t page_bytes;
    uint32_t reserved;
    char boot[BOOT_BYTES]; /* /proc/sys/kernel/random/boot_id, then zeros */
    uint64_t check;
    uint8_t head[HEAD_BYTES];
};
_Static_assert(sizeof(struct steady) == 64 + HEAD_BYTES, "format");

static const char magic[8] = "mfstdy1";

const char *lmdb_steady_boot_path = "/proc/sys/kernel/random/boot_id";

/* FNV-1a over all but the check itself. */
static uint64_t check_of(const struct steady *steady)
{
    struct steady copy = *steady;
    const uint8_t *at = (const uint8_t *)&copy;
    uint64_t check = 0xcbf29ce484222325u;
    copy.check = 0;
    for (size_t i = 0; i < sizeof copy; i++)
        check = (check ^ at[i]) * 0x100000001b3u;
    return check;
}

static void read_boot(char boot[BOOT_BYTES])
{
    int fd = open(lmdb_steady_boot_path, O_RDONLY | O_CLOEXEC);
    memset(boot, 0, BOOT_BYTES);
    if (fd < 0)
        return; /* no /proc: every open is taken for the first one after a boot */
    if (read(fd, boot, BOOT_BYTES - 1) < 36)
        memset(boot, 0, BOOT_BYTES);
    (void)close(fd);
}

static bool read_steady(int dir_fd, const char *name, struct steady *steady)
{
    char path[NAME_MAX + 1];
    (void)snprintf(path, sizeof path, "%s.steady", name);
    int fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool whole = read(fd, steady, sizeof *steady) == (ssize_t)sizeof *steady;
    (void)close(fd);
    return whole && memcmp(steady->magic, magic, sizeof magic) == 0 &&
           steady->check == check_of(steady) && steady->page_bytes >= HEAD_BYTES;
}

mf_err lmdb_steady_restore(int dir_fd, const char *name, struct mf_why *why)
{
    struct steady steady;
    char boot[BOOT_BYTES];
    read_boot(boot);
    if (!read_steady(dir_fd, name, &steady) || (boot[0] && memcmp(boot, steady.boot, sizeof boot) == 0))
        return MF_OK;
    int fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? MF_OK
                               : mf_why(why, MF_EIO, "cannot open %s: %s", name, strerror(errno));
    mf_err err = MF_OK;
    for (uint64_t page = 0; page < 2 && !err; page++) {
        memcpy(steady.head, &page, sizeof page);
        if (pwrite(fd, steady.head, HEAD_BYTES, (off_t)(page * steady.page_bytes)) != HEAD_BYTES)
            err = mf_why(why, MF_EIO, "cannot write %s: %s", name, strerror(errno));
    }
    if (!err && fdatasync(fd) != 0)
        err = mf_why(why, MF_EIO, "cannot sync %s: %s", name, strerror(errno));
    (void)close(fd);
    mf_log(MF_LOG_WARN, "store.steady", "file=%s why=\"the machine was booted; what was not synced "
           "before is gone\"", name);
    return err;
}

/* Under another name, synced, renamed: the old one or the new one. */
static mf_err write_steady(int dir_fd, const char *name, const struct steady *steady)
{
    char path[NAME_MAX + 1], temporary[NAME_MAX + 8];
    (void)snprintf(path, sizeof path, "%s.steady", name);
    (void)snprintf(temporary, sizeof temporary, ".tmp-%s", path);
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return mf_err_from_errno(errno);
    errno = 0;
    bool whole = write(fd, steady, sizeof *steady) == (ssize_t)sizeof *steady && fdatasync(fd) == 0;
    mf_err err = whole ? MF_OK : errno == ENOSPC || errno == EDQUOT ? MF_EFULL : MF_EIO;
    (void)close(fd);
    if (!err && (renameat(dir_fd, temporary, dir_fd, path) != 0 || fsync(dir_fd) != 0))
        err = MF_EIO;
    if (err)
        (void)unlinkat(dir_fd, temporary, 0);
    return err;
}

mf_err lmdb_steady_keep(struct lmdb_file *file)
{
    struct steady steady = {.reserved = 0};
    MDB_envinfo info;
    MDB_stat stat;
    int fd;
    if (mdb_env_info(file->env, &info) || mdb_env_stat(file->env, &stat) ||
        mdb_env_get_fd(file->env, &fd) || stat.ms_psize < HEAD_BYTES)
        return MF_EIO;
    memcpy(steady.magic, magic, sizeof magic);
    steady.page_bytes = stat.ms_psize;
    read_boot(steady.boot);
    off_t at = (off_t)(info.me_last_txnid & 1) * stat.ms_psize;
    if (pread(fd, steady.head, HEAD_BYTES, at) != HEAD_BYTES)
        return MF_EIO;
    steady.check = check_of(&steady);
    mf_err err = write_steady(file->dir_fd, file->name, &steady);
    if (err)
        return err;
    /* only now may pages of the state before be used again */
    if (file->steady)
        mdb_txn_abort(file->steady);
    file->steady = NULL;
    return mdb_txn_begin(file->env, NULL, MDB_RDONLY, &file->steady) ? MF_EIO : MF_OK;
}
