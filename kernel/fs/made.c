/*
 * made.c: see made.h.
 * The tree is a table; what comes and goes with the process is made_process.c's.
 * Guarantees: a file's text is as things were when it was opened.
 * Leaves to others: texts (made_texts.h, process_texts.h), devices (device.c), files in memory (tmp.c), secrets (secret.c). Owns nothing.
 */
#include "kernel/fs/made.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "abi/layout.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/fs/device.h"
#include "kernel/fs/image.h"
#include "kernel/fs/made_process.h"
#include "kernel/fs/made_table.h"
#include "kernel/fs/made_texts.h"
#include "kernel/fs/open.h"
#include "kernel/fs/process_texts.h"
#include "kernel/fs/secret.h"
#include "kernel/fs/tmp.h"
#include "kernel/fs/walk.h"
#include "kernel/socket/lookup.h"

#define DEVICE 0x11u
#define NUMBER_TEXT_BYTES 10u

#define MADE_ID(ID, parent, name, kind, argument) MADE_##ID,
enum id { MADE(MADE_ID) IDS };

struct made {
    const char *name;
    uint8_t parent, kind;
    uint16_t number;                    /* MOUNT, NODE */
    const char *text;                   /* CONSTANT, LINK */
    void (*write)(struct sheet *sheet); /* TEXT, LINK_TEXT */
};

#define OF_FOLDER(argument) 0, NULL, NULL
#define OF_DESCRIPTORS(argument) 0, NULL, NULL
#define OF_TASKS(argument) 0, NULL, NULL
#define OF_HERE(argument) 0, NULL, NULL
#define OF_NAME(argument) 0, NULL, argument
#define OF_TEXT(argument) 0, NULL, argument
#define OF_LINK_TEXT(argument) 0, NULL, argument
#define OF_CONSTANT(argument) 0, argument, NULL
#define OF_LINK(argument) 0, argument, NULL
#define OF_MOUNT(argument) argument, NULL, NULL
#define OF_NODE(argument) argument, NULL, NULL

static const struct made table[IDS] = {
#define MADE_ENTRY(ID, parent, name, kind, argument) {name, MADE_##parent, kind, OF_##kind(argument)},
    MADE(MADE_ENTRY)
#undef MADE_ENTRY
};
_Static_assert(IDS <= UINT8_MAX, "struct made.parent");

static const struct filesystem filesystem;

static struct place place_of(uint64_t id)
{
    return (struct place){&filesystem, id};
}

bool made_is(const struct place *place)
{
    return place->fs == &filesystem;
}

static const struct made *made_at(const struct place *place)
{
    mf_assert(place->id < IDS);
    return &table[place->id];
}

struct place made_root(void)
{
    return place_of(MADE_ROOT);
}

static const enum id shared[MADE_SHARED] = {
    [MADE_SHARED_ETC] = MADE_ETC,
    [MADE_SHARED_VAR] = MADE_VAR,
};

struct place made_shared(enum made_shared which)
{
    return place_of(shared[which]);
}

const char *made_shared_name(enum made_shared which)
{
    return table[shared[which]].name;
}

/* A short text of the process's, for names. */
static size_t short_text(void (*write)(struct sheet *sheet), char *to, size_t room)
{
    struct sheet sheet = {0};
    write(&sheet);
    size_t bytes = sheet.bytes < room ? sheet.bytes : room;
    memcpy(to, sheet.data, bytes);
    sheet_close(&sheet);
    return bytes;
}

/* The name of an entry, which for the process's folder is its number. */
static struct name name_of(uint32_t id, char buffer[NUMBER_TEXT_BYTES])
{
    if (id == MADE_PROCESS)
        return (struct name){
            buffer, (uint32_t)short_text(text_process, buffer, NUMBER_TEXT_BYTES)};
    return (struct name){table[id].name, (uint32_t)strlen(table[id].name)};
}

bool made_covers(const struct place *folder, struct name name)
{
    if (folder->id != MADE_ROOT && folder->id != MADE_VAR)
        return false;
    for (uint32_t which = 0; which < MADE_SHARED; which++)
        if (folder->id == MADE_ROOT && name_is(name, made_shared_name(which)))
            return false;
    for (uint32_t id = 1; id < IDS; id++)
        if (table[id].parent == folder->id && name_is(name, table[id].name))
            return true;
    return false;
}

static struct place resolved(uint32_t id)
{
    if (table[id].kind != MOUNT)
        return place_of(id);
    return table[id].number == MOUNT_SECRETS ? secret_root() : tmp_root(table[id].number);
}

static enum made_kind kind_of(const struct place *place)
{
    return made_process_has(place) ? FOLDER : (enum made_kind)made_at(place)->kind;
}

/* A folder whose entries come and go. */
static bool is_process(const struct place *folder)
{
    return made_process_has(folder) || kind_of(folder) == DESCRIPTORS || kind_of(folder) == TASKS;
}

static int made_find(const struct place *folder, struct name name, struct place *found)
{
    char buffer[NUMBER_TEXT_BYTES];
    if (is_process(folder))
        return made_process_find(folder, kind_of(folder), name, found);
    for (uint32_t id = 1; id < IDS; id++) {
        if (table[id].parent != folder->id)
            continue;
        struct name of = name_of(id, buffer);
        if (of.bytes == name.bytes && memcmp(of.text, name.text, name.bytes) == 0) {
            *found = resolved(id);
            return 0;
        }
    }
    return -ENOENT;
}

static struct place made_parent(const struct place *folder)
{
    if (made_process_has(folder))
        return made_process_parent(folder, MADE_TASKS);
    switch (made_at(folder)->parent) {
    case MADE_ROOT:
        return walk_root();
    case MADE_ETC:
        return image_shared(MADE_SHARED_ETC);
    case MADE_VAR:
        return image_shared(MADE_SHARED_VAR);
    default:
        return place_of(made_at(folder)->parent);
    }
}

static uint32_t made_name(const struct place *folder, char *to)
{
    char buffer[NUMBER_TEXT_BYTES];
    if (made_process_has(folder))
        return made_process_name(folder, to);
    struct name name = name_of((uint32_t)folder->id, buffer);
    memcpy(to, name.text, name.bytes);
    return name.bytes;
}

uint32_t made_mount_name(uint32_t mount, char *to, struct place *parent)
{
    for (uint32_t id = 1; id < IDS; id++)
        if (table[id].kind == MOUNT && table[id].number == mount) {
            const struct place place = place_of(id);
            *parent = made_parent(&place);
            return made_name(&place, to);
        }
    return 0;
}

static uint32_t mode_of(const struct place *place)
{
    if (made_process_has(place))
        return made_process_mode(place);
    switch ((enum made_kind)made_at(place)->kind) {
    case FOLDER:
    case MOUNT:
        return S_IFDIR | 0755;
    case DESCRIPTORS:
        return S_IFDIR | 0500;
    case TASKS:
        return S_IFDIR | 0555;
    case NAME:
        return S_IFREG | 0644;
    case TEXT:
    case CONSTANT:
        return S_IFREG | 0444;
    case LINK:
    case LINK_TEXT:
    case HERE:
        return S_IFLNK | 0777;
    case NODE:
        return S_IFCHR | 0666;
    }
    return 0;
}

static bool made_list(const struct place *folder, uint64_t *cookie, struct listed *listed)
{
    if (is_process(folder))
        return made_process_list(folder, kind_of(folder), cookie, listed);
    for (uint64_t id = *cookie ? *cookie : 1; id < IDS; id++) {
        const struct place place = place_of(id);
        if (table[id].parent != folder->id)
            continue;
        listed->name_bytes = made_name(&place, listed->name);
        listed->mode = mode_of(&place) & S_IFMT;
        listed->number = id + 1;
        *cookie = id + 1;
        return true;
    }
    return false;
}

static int made_stat(const struct place *place, struct file_stat *stat)
{
    *stat = (struct file_stat){.device = DEVICE,
                               .number = place->id + 1,
                               .mode = mode_of(place),
                               .links = 1,
                               .block_bytes = MF_PAGE_BYTES};
    if (made_process_has(place)) {
        made_process_stat(place, stat);
        return 0;
    }
    const struct made *made = made_at(place);
    if (made->kind == NODE)
        stat->device_number = device_number((enum device)made->number);
    if (made->kind == FOLDER)
        stat->links = 2;
    if (made->kind == CONSTANT && made->parent == MADE_ETC)
        stat->bytes = strlen(made->text); /* unlike those of /proc */
    return 0;
}

static int64_t made_target(const struct place *place, char *to)
{
    if (made_process_has(place))
        return made_process_target(place, to);
    const struct made *made = made_at(place);
    if (made->kind == LINK_TEXT)
        return (int64_t)short_text(made->write, to, PATH_BYTES_MAX - 1);
    if (made->kind == HERE) {
        const struct place here = walk_here();
        int64_t bytes = walk_path(&here, (struct name){0}, to);
        return bytes < 0 ? bytes : bytes - 1;
    }
    memcpy(to, made->text, strlen(made->text));
    return (int64_t)strlen(made->text);
}

static bool made_leads(const struct place *place, struct place *to)
{
    return made_process_has(place) && made_process_leads(place, to);
}

static int write_text(const struct place *place, struct sheet *sheet)
{
    if (made_process_has(place))
        return made_process_text(place, sheet);
    const struct made *made = made_at(place);
    if (made->kind == TEXT || made->kind == NAME)
        made->write(sheet);
    return 0;
}

static int made_open(struct opened *opened)
{
    struct sheet sheet = {0};
    if (kind_of(&opened->place) == NODE)
        return device_open((enum device)made_at(&opened->place)->number);
    if (file_may_write(&opened->file) && !(mode_of(&opened->place) & S_IWUSR))
        return -EACCES;
    int error = write_text(&opened->place, &sheet);
    if (error)
        return error;
    if (sheet.torn) {
        sheet_close(&sheet);
        return -ENOMEM;
    }
    opened->content = sheet.data;
    opened->content_bytes = sheet.bytes;
    opened->content_room = sheet.room;
    return 0;
}

static void made_close(struct opened *opened)
{
    heap_give(opened->content, opened->content_room);
}

static int64_t made_read(struct opened *opened, struct io *io, uint64_t *position)
{
    const enum made_kind kind = kind_of(&opened->place);
    if (kind == NODE)
        return device_read((enum device)made_at(&opened->place)->number, io);
    const char *text = kind == CONSTANT ? made_at(&opened->place)->text : opened->content;
    uint64_t bytes = kind == CONSTANT ? strlen(text) : opened->content_bytes;
    if (*position >= bytes)
        return 0;
    bytes -= *position;
    if (bytes > io->bytes)
        bytes = io->bytes;
    if (io_put(io, text + *position, bytes) != 0)
        return -EFAULT;
    *position += bytes;
    return (int64_t)bytes;
}

static int64_t made_write(struct opened *opened, struct io *io, uint64_t *position)
{
    (void)position;
    switch (kind_of(&opened->place)) {
    case NODE:
        return device_write((enum device)made_at(&opened->place)->number, io);
    case NAME:
        return process_name_task(0, io);
    default:
        return made_process_has(&opened->place) ? made_process_write(&opened->place, io) : -EACCES;
    }
}

static const struct filesystem filesystem = {
    .device = DEVICE,
    .magic = PROC_SUPER_MAGIC,
    .stat = made_stat,
    .target = made_target,
    .leads = made_leads,
    .find = made_find,
    .parent = made_parent,
    .name = made_name,
    .list = made_list,
    .open = made_open,
    .close = made_close,
    .read = made_read,
    .write = made_write,
};
