/*
 * secret.c: see secret.h. A file's value is asked for when it is opened, and wiped when it is
 * closed; a name alone (stat) is asked for, too, and of its answer only the length is kept. The
 * node judges names and permissions, so a folder of them cannot be listed here.
 * Guarantees: no value is in the instance's memory unless its file is open, but where the program
 * has put it; none is there when it is frozen, since an operation needs an event.
 * Owns the names that the node knew, and how long their values are.
 */
#include "kernel/fs/secret.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "abi/operation.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/event/operation.h"
#include "kernel/event/output.h"
#include "kernel/fs/made.h"
#include "kernel/fs/made_table.h"
#include "kernel/fs/open.h"
#include "kernel/fs/sheet.h"
#include "kernel/fs/tmp.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"

#define DEVICE 0x12u
#define FOLDER_ID 0u /* secrets are numbered from 1 on */
#define WORDS_BYTES_MAX 512u /* of the node's, in a line of the log */

struct known {
    uint32_t name_bytes;
    uint32_t bytes; /* of its value, when it was asked for last */
    char name[SECRET_NAME_BYTES_MAX];
};

static struct known *known; /* NULL: none was asked for; else SECRETS_MAX, in the order they came */
static uint32_t known_count;

static const struct filesystem filesystem;

struct place secret_root(void)
{
    return (struct place){&filesystem, FOLDER_ID};
}

static struct known *known_at(const struct place *place)
{
    mf_assert(place->id > 0 && place->id <= known_count);
    return &known[place->id - 1];
}

/* Its number; 0: there is no room for another one. */
static uint32_t number_of(struct name name)
{
    for (uint32_t i = 0; i < known_count; i++)
        if (known[i].name_bytes == name.bytes && memcmp(known[i].name, name.text, name.bytes) == 0)
            return i + 1;
    if (!known)
        known = heap_take(SECRETS_MAX * sizeof *known);
    if (!known || known_count == SECRETS_MAX)
        return 0;
    struct known *next = &known[known_count++];
    next->name_bytes = name.bytes;
    memcpy(next->name, name.text, name.bytes);
    return known_count;
}

/* Why a secret is not there, in the function's log: "secret db: …". */
static void say(struct name name, const char *words, size_t bytes)
{
    struct sheet sheet = {0};
    sheet_add(&sheet, "secret ");
    sheet_bytes(&sheet, name.text, name.bytes);
    sheet_add(&sheet, ": ");
    sheet_bytes(&sheet, words, bytes < WORDS_BYTES_MAX ? bytes : WORDS_BYTES_MAX);
    if (!sheet.torn)
        output_kernel(MF_LOG_WARN, sheet.data, sheet.bytes);
    sheet_close(&sheet);
}

static int error_of(uint32_t error)
{
    switch (error) {
    case MF_RESULT_NOT_FOUND:
    case MF_RESULT_INVALID:
        return -ENOENT;
    case MF_RESULT_DENIED:
        return -EACCES;
    case MF_RESULT_TOO_LARGE:
        return -EFBIG;
    default:
        return -EIO;
    }
}

/* The value goes to *to, of the heap, unless that is NULL; how long it is. */
static int ask(struct name name, void **to, uint32_t *bytes)
{
    static const char idle[] = "asked for while no event is handled; secrets are read then, and never "
                               "before the freeze";
    const struct mf_op_secret head = {.name_bytes = name.bytes};
    struct operation_answer answer;
    int error = operation_ask(MF_OPERATION_SECRET, &head, sizeof head, name.text, name.bytes, &answer);
    if (error == -ENOENT)
        say(name, idle, sizeof idle - 1);
    if (error)
        return error;
    if (answer.error) {
        say(name, answer.data, answer.bytes);
        return error_of(answer.error);
    }
    *bytes = answer.bytes;
    if (to && answer.bytes && !(*to = heap_take(answer.bytes)))
        error = -ENOMEM;
    if (to && *to)
        memcpy(*to, answer.data, answer.bytes);
    operation_wipe();
    return error;
}

static int secret_find(const struct place *folder, struct name name, struct place *found)
{
    uint32_t bytes = 0;
    (void)folder;
    if (name.bytes > SECRET_NAME_BYTES_MAX)
        return -ENOENT;
    int error = ask(name, NULL, &bytes);
    if (error)
        return error;
    uint32_t number = number_of(name);
    if (!number)
        return -ENOMEM;
    *found = (struct place){&filesystem, number};
    known_at(found)->bytes = bytes;
    return 0;
}

static struct place secret_parent(const struct place *folder)
{
    struct place parent;
    char name[NAME_BYTES_MAX];
    (void)folder;
    (void)made_mount_name(MOUNT_SECRETS, name, &parent);
    return parent;
}

static uint32_t secret_name(const struct place *folder, char *to)
{
    struct place parent;
    if (folder->id == FOLDER_ID)
        return made_mount_name(MOUNT_SECRETS, to, &parent);
    const struct known *of = known_at(folder);
    memcpy(to, of->name, of->name_bytes);
    return of->name_bytes;
}

static bool secret_list(const struct place *folder, uint64_t *cookie, struct listed *listed)
{
    (void)folder, (void)cookie, (void)listed;
    return false;
}

static int secret_stat(const struct place *place, struct file_stat *stat)
{
    bool folder = place->id == FOLDER_ID;
    *stat = (struct file_stat){.device = DEVICE,
                               .number = place->id + 1,
                               .mode = folder ? S_IFDIR | 0500 : S_IFREG | 0400,
                               .links = folder ? 2 : 1,
                               .user = user_id.user,
                               .group = user_id.group,
                               .bytes = folder ? 0 : known_at(place)->bytes,
                               .block_bytes = MF_PAGE_BYTES};
    return 0;
}

static int secret_open(struct opened *opened)
{
    uint32_t bytes = 0;
    if (opened->place.id == FOLDER_ID)
        return 0;
    struct known *of = known_at(&opened->place);
    int error = ask((struct name){of->name, of->name_bytes}, &opened->content, &bytes);
    if (error)
        return error;
    of->bytes = bytes;
    opened->content_bytes = opened->content_room = bytes;
    return 0;
}

static void secret_close(struct opened *opened)
{
    if (opened->content_room)
        memset(opened->content, 0, opened->content_room);
    heap_give(opened->content, opened->content_room);
}

static int64_t secret_read(struct opened *opened, struct io *io, uint64_t *position)
{
    if (*position >= opened->content_bytes)
        return 0;
    uint64_t bytes = opened->content_bytes - *position;
    if (bytes > io->bytes)
        bytes = io->bytes;
    if (io_put(io, (const char *)opened->content + *position, bytes) != 0)
        return -EFAULT;
    *position += bytes;
    return (int64_t)bytes;
}

static const struct filesystem filesystem = {
    .device = DEVICE,
    .magic = TMPFS_MAGIC,
    .read_only = true,
    .stat = secret_stat,
    .find = secret_find,
    .parent = secret_parent,
    .name = secret_name,
    .list = secret_list,
    .open = secret_open,
    .close = secret_close,
    .read = secret_read,
};
