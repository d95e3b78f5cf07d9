/* residents.c: fts(3), proc_pid_maps(5). */
#include "bench/residents.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "bench/usage.h"

static int compare(const void *left, const void *right)
{
    const struct file_id *a = left, *b = right;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static mf_err add(struct residents *residents, const struct stat *stat)
{
    if (residents->count == residents->room) {
        size_t room = residents->room ? 2 * residents->room : 256;
        struct file_id *file = realloc(residents->file, room * sizeof *file);
        if (!file)
            return MF_ENOMEM;
        residents->file = file;
        residents->room = room;
    }
    residents->file[residents->count++] = (struct file_id){stat->st_dev, stat->st_ino};
    return MF_OK;
}

mf_err residents_list(struct residents *residents, const char *folder)
{
    char *const paths[] = {(char *)(uintptr_t)folder, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    mf_err err = walk ? MF_OK : MF_EIO;
    for (FTSENT *entry; !err && (entry = fts_read(walk));)
        if (entry->fts_info == FTS_F)
            err = add(residents, entry->fts_statp);
    if (walk)
        fts_close(walk);
    if (residents->count)
        qsort(residents->file, residents->count, sizeof *residents->file, compare);
    return err;
}

/* from-to perms offset major:minor inode path */
static bool line_is_resident(const struct residents *residents, const char *line)
{
    unsigned major_number, minor_number;
    uint64_t inode;
    if (sscanf(line, "%*s %*s %*s %x:%x %" SCNu64, &major_number, &minor_number, &inode) != 3)
        return false;
    const struct file_id file = {makedev(major_number, minor_number), (ino_t)inode};
    return inode && residents->count &&
           bsearch(&file, residents->file, residents->count, sizeof file, compare);
}

static mf_err look_at(const struct residents *residents, pid_t pid, struct mf_why *why)
{
    char path[64], line[512];
    (void)snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "re");
    if (!maps && (errno == ENOENT || errno == ESRCH)) /* it has ended */
        return MF_OK;
    if (!maps)
        return mf_why(why, MF_EDENIED, "%s: %s", path, strerror(errno));
    mf_err err = MF_OK;
    while (!err && fgets(line, sizeof line, maps))
        if (line_is_resident(residents, line))
            err = mf_why(why, MF_EEXIST, "process %d maps a file of a function that never ran: %.200s",
                         pid, line);
    fclose(maps);
    return err;
}

mf_err residents_find(const struct residents *residents, pid_t root, struct mf_why *why)
{
    static struct processes list;
    list.count = 0;
    mf_err err = processes_add_tree(&list, root);
    for (uint32_t i = 1; i < list.count && !err; i++) /* root is the first */
        err = look_at(residents, list.pid[i], why);
    return err;
}

void residents_close(struct residents *residents)
{
    free(residents->file);
    *residents = (struct residents){0};
}
