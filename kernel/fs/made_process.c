/*
 * made_process.c: see made_process.h.
 * Guarantees: a descriptor that is closed, or a thread that has ended, is not there any more; a folder
 * of one that was found stays empty. Leaves to others: texts (process_texts.h). Owns nothing.
 */
#include "kernel/fs/made_process.h"

#include <asm/errno.h>
#include <linux/stat.h>

#include "kernel/core/string.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/limits.h"
#include "kernel/fs/made.h"
#include "kernel/fs/open.h"
#include "kernel/fs/process_texts.h"

/* A link for each descriptor, and what it leads to where that has no place. */
#define FD_LINK 0x10000u
#define FD_FILE 0x20000u
/* For each thread, by its number, a folder and what is in it. */
#define TASK (1ull << 32)
enum { TASK_FOLDER, TASK_STAT, TASK_STATUS, TASK_COMM, TASK_PLACES };

static const char *const task_name[TASK_PLACES] = {"", "stat", "status", "comm"};

static bool is_task(const struct place *place)
{
    return place->id >= TASK;
}

static uint32_t task_of(const struct place *place)
{
    return (uint32_t)((place->id - TASK) / TASK_PLACES);
}

static uint32_t part_of(const struct place *place)
{
    return (uint32_t)((place->id - TASK) % TASK_PLACES);
}

static uint64_t task_id(uint32_t number, uint32_t part)
{
    return TASK + (uint64_t)number * TASK_PLACES + part;
}

static uint32_t fd_of(const struct place *place)
{
    return (uint32_t)(place->id & (FD_LINK - 1));
}

bool made_process_has(const struct place *place)
{
    return place->id >= FD_LINK;
}

bool made_descriptor(const struct place *place, uint32_t *fd)
{
    *fd = fd_of(place);
    return made_is(place) && place->id >= FD_FILE && !is_task(place);
}

/* Of its decimal digits. */
static bool number_of(struct name name, uint32_t *number)
{
    *number = 0;
    if (name.bytes == 0 || name.bytes > 9 || (name.text[0] == '0' && name.bytes > 1))
        return false;
    for (uint32_t i = 0; i < name.bytes; i++) {
        if (name.text[i] < '0' || name.text[i] > '9')
            return false;
        *number = *number * 10 + (uint32_t)(name.text[i] - '0');
    }
    return true;
}

static uint32_t decimal(uint32_t number, char *to)
{
    char digits[10];
    uint32_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10));
    for (uint32_t i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    return count;
}

static int find_part(const struct place *folder, struct name name, struct place *found)
{
    for (uint32_t part = TASK_STAT; part < TASK_PLACES; part++)
        if (name_is(name, task_name[part]) && process_has_task(task_of(folder))) {
            *found = (struct place){folder->fs, task_id(task_of(folder), part)};
            return 0;
        }
    return -ENOENT;
}

int made_process_find(const struct place *folder, enum made_kind kind, struct name name,
                      struct place *found)
{
    uint32_t number;
    if (is_task(folder))
        return find_part(folder, name, found);
    if (!number_of(name, &number))
        return -ENOENT;
    if (kind == TASKS ? !process_has_task(number) : !descriptor_any(number))
        return -ENOENT;
    *found = (struct place){folder->fs,
                            kind == TASKS ? task_id(number, TASK_FOLDER) : FD_LINK + number};
    return 0;
}

static bool list_parts(const struct place *folder, uint64_t *cookie, struct listed *listed)
{
    const uint32_t part = (uint32_t)*cookie + TASK_STAT;
    if (*cookie >= TASK_PLACES - TASK_STAT || !process_has_task(task_of(folder)))
        return false;
    listed->name_bytes = (uint32_t)strlen(task_name[part]);
    memcpy(listed->name, task_name[part], listed->name_bytes);
    listed->mode = S_IFREG;
    listed->number = task_id(task_of(folder), part) + 1;
    ++*cookie;
    return true;
}

bool made_process_list(const struct place *folder, enum made_kind kind, uint64_t *cookie,
                       struct listed *listed)
{
    uint32_t number;
    if (is_task(folder))
        return list_parts(folder, cookie, listed);
    if (*cookie >= UINT32_MAX)
        return false;
    if (kind == TASKS) {
        number = process_next_task((uint32_t)*cookie);
        listed->mode = S_IFDIR;
        listed->number = task_id(number, TASK_FOLDER) + 1;
    } else {
        number = descriptor_next((uint32_t)*cookie);
        listed->mode = S_IFLNK;
        listed->number = FD_LINK + number + 1;
    }
    if (number == (kind == TASKS ? UINT32_MAX : DESCRIPTORS_MAX))
        return false;
    listed->name_bytes = decimal(number, listed->name);
    *cookie = number + 1ull;
    return true;
}

uint32_t made_process_mode(const struct place *place)
{
    if (!is_task(place))
        return place->id >= FD_FILE ? S_IFIFO | 0600 : S_IFLNK | 0700;
    return part_of(place) == TASK_FOLDER ? S_IFDIR | 0555
           : part_of(place) == TASK_COMM ? S_IFREG | 0644
                                         : S_IFREG | 0444;
}

void made_process_stat(const struct place *place, struct file_stat *stat)
{
    const struct file *file = is_task(place) ? NULL : descriptor_any(fd_of(place));
    if (is_task(place) && part_of(place) == TASK_FOLDER)
        stat->links = 2;
    if (!is_task(place) && place->id >= FD_FILE && file && file->operations->stat)
        (void)file->operations->stat((struct file *)file, stat);
}

uint32_t made_process_name(const struct place *place, char *to)
{
    return decimal(task_of(place), to);
}

struct place made_process_parent(const struct place *place, uint32_t tasks)
{
    const uint64_t folder = task_id(task_of(place), TASK_FOLDER);
    return (struct place){place->fs, place->id == folder ? tasks : folder};
}

/* "anon_inode:…" of all alike. */
static bool is_whole(const char *name)
{
    while (*name && *name != ':')
        name++;
    return *name == ':';
}

/* "pipe:[7]" */
int64_t made_process_target(const struct place *place, char *to)
{
    struct sheet sheet = {0};
    struct file *file = descriptor_any(fd_of(place));
    if (!file)
        return -ENOENT;
    if (open_opened(file)) {
        int64_t bytes = open_path(file, to);
        return bytes < 0 ? bytes : bytes - 1;
    }
    const char *name = file->operations->name;
    sheet_add(&sheet, name);
    if (!is_whole(name)) {
        sheet_add(&sheet, ":[");
        sheet_decimal(&sheet, file->number);
        sheet_add(&sheet, "]");
    }
    int64_t bytes = sheet.torn ? -ENOMEM : (int64_t)sheet.bytes;
    if (bytes > 0)
        memcpy(to, sheet.data, sheet.bytes);
    sheet_close(&sheet);
    return bytes;
}

bool made_process_leads(const struct place *place, struct place *to)
{
    struct file *file = is_task(place) ? NULL : descriptor_any(fd_of(place));
    if (!file)
        return false;
    const struct opened *opened = open_opened(file);
    *to = opened ? opened->place : (struct place){place->fs, FD_FILE + fd_of(place)};
    return true;
}

int made_process_text(const struct place *place, struct sheet *sheet)
{
    static void (*const text[TASK_PLACES])(struct sheet *, uint32_t) = {
        [TASK_STAT] = text_task_stat, [TASK_STATUS] = text_task_status, [TASK_COMM] = text_task_name};
    if (!is_task(place))
        return -ENXIO; /* opened by its descriptor, not here */
    if (part_of(place) == TASK_FOLDER)
        return 0;
    if (!process_has_task(task_of(place)))
        return -ESRCH;
    text[part_of(place)](sheet, task_of(place));
    return 0;
}

int64_t made_process_write(const struct place *place, struct io *io)
{
    if (!is_task(place) || part_of(place) != TASK_COMM)
        return -EACCES;
    return process_name_task(task_of(place), io);
}
