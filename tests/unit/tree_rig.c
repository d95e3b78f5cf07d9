/* tree_rig.c: see tree_rig.h. */
#include "tree_rig.h"

#include <asm/fcntl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kernel/core/random.h"
#include "kernel/fs/image.h"
#include "kernel/fs/made_texts.h"
#include "kernel/fs/open.h"
#include "kernel/fs/process_texts.h"
#include "file_stubs.h"
#include "root_sample.h"

#define TREE_NAME_BYTES 16

bool tree_second_thread = true;

static struct root_sample sample;

void random_fill(void *to, size_t bytes)
{
    memset(to, 'r', bytes);
}

#define STUB_TEXT(name)                     \
    void text_##name(struct sheet *sheet)   \
    {                                       \
        sheet_add(sheet, #name "\n");       \
    }
STUB_TEXT(maps)
STUB_TEXT(process_stat)
STUB_TEXT(status)
STUB_TEXT(statm)
STUB_TEXT(command_line)
STUB_TEXT(environment)
STUB_TEXT(command)
STUB_TEXT(limits)
STUB_TEXT(mount_information)
STUB_TEXT(memory)
STUB_TEXT(processor)
STUB_TEXT(machine_stat)
STUB_TEXT(uptime)
STUB_TEXT(host_name)
STUB_TEXT(random_id)
STUB_TEXT(hosts)
STUB_TEXT(utc)

void text_program(struct sheet *sheet)
{
    sheet_add(sheet, "/bin/hello");
}

void text_thread(struct sheet *sheet)
{
    sheet_add(sheet, "77/task/80");
}

/* Two threads: the process's first, and another. */
static char second_name[TREE_NAME_BYTES] = "second";

bool process_has_task(uint32_t number)
{
    return number == 77 || (number == 80 && tree_second_thread);
}

uint32_t process_next_task(uint32_t number)
{
    return number <= 77 ? 77 : number <= 80 && tree_second_thread ? 80 : UINT32_MAX;
}

int64_t process_name_task(uint32_t number, struct io *io)
{
    const uint64_t bytes = io->bytes;
    memset(second_name, 0, sizeof second_name);
    return number == 80 && io_get(io, second_name, bytes < sizeof second_name ? bytes : sizeof second_name - 1) == 0
               ? (int64_t)bytes
               : -ESRCH;
}

void text_task_stat(struct sheet *sheet, uint32_t number)
{
    sheet_line(sheet, "stat ", number);
}

void text_task_status(struct sheet *sheet, uint32_t number)
{
    sheet_line(sheet, "status ", number);
}

void text_task_name(struct sheet *sheet, uint32_t number)
{
    sheet_add(sheet, number == 80 ? second_name : "first");
}

void text_process(struct sheet *sheet)
{
    sheet_decimal(sheet, 77);
}

int tree_open(void **state)
{
    (void)state;
    root_sample(&sample);
    return image_start((uint64_t)&sample, sizeof sample) ? -1 : 0;
}

int tree_walk(const char *path, uint32_t how, struct walked *walked)
{
    const struct place here = walk_here();
    return walk(&here, path, how, walked);
}

struct place tree_find(const char *path)
{
    struct walked walked;
    int error = tree_walk(path, 0, &walked);
    if (error)
        fail_msg("%s: %d", path, error);
    return walked.place;
}

void expect_error(const char *path, uint32_t how, int expected)
{
    struct walked walked;
    int error = tree_walk(path, how, &walked);
    if (error != expected)
        fail_msg("%.100s: %d, expected %d", path, error, expected);
}

void expect_same(const char *a, const char *b)
{
    const struct place x = tree_find(a), y = tree_find(b);
    if (!place_same(&x, &y))
        fail_msg("%s is not %s", a, b);
}

struct file_stat stat_of(const char *path)
{
    const struct place place = tree_find(path);
    struct file_stat stat = {0};
    assert_int_equal(place.fs->stat(&place, &stat), 0);
    return stat;
}

struct file *open_file(const char *path, uint32_t flags)
{
    struct walked walked;
    struct file *file;
    assert_int_equal(tree_walk(path, flags & O_CREAT ? WALK_MAKE : 0, &walked), 0);
    const struct name name = {walked.name, walked.name_bytes};
    if (!walked.place.fs)
        assert_int_equal(walked.folder.fs->make(&walked.folder, name, S_IFREG | 0644, NULL,
                                                &walked.place),
                         0);
    assert_int_equal(open_place(&walked.place, &walked.folder, name, flags, &file), 0);
    return file;
}

int64_t write_text(struct file *file, const char *text)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    int64_t done = file_write(file, &io, NULL);
    stub_call_over();
    return done;
}

const char *read_text(struct file *file)
{
    static char text[8192];
    struct io io;
    io_kernel(&io, text, sizeof text - 1);
    int64_t done = file_read(file, &io, NULL);
    text[done > 0 ? done : 0] = 0;
    return text;
}

void expect_text(const char *path, const char *text)
{
    struct file *file = open_file(path, O_RDONLY);
    assert_string_equal(read_text(file), text);
    assert_string_equal(read_text(file), "");
    file_put(file);
}

int tree_make(const char *path, uint32_t mode, const char *target)
{
    struct walked walked;
    struct place made;
    int error = tree_walk(path, WALK_MAKE | WALK_NOFOLLOW, &walked);
    if (error || walked.place.fs)
        return error ? error : -EEXIST;
    if (!walked.folder.fs->make)
        return -EROFS;
    return walked.folder.fs->make(&walked.folder, (struct name){walked.name, walked.name_bytes},
                                  mode, target, &made);
}

int tree_remove(const char *path, bool folder)
{
    struct walked walked;
    int error = tree_walk(path, WALK_NOFOLLOW, &walked);
    if (error)
        return error;
    return walked.folder.fs->remove(&walked.folder, (struct name){walked.name, walked.name_bytes},
                                    folder);
}

int tree_move(const char *old, const char *new, uint32_t flags)
{
    struct walked from, to;
    int error = tree_walk(old, WALK_NOFOLLOW, &from);
    if (!error)
        error = tree_walk(new, WALK_MAKE | WALK_NOFOLLOW, &to);
    if (error)
        return error;
    return from.folder.fs->rename(&from.folder, (struct name){from.name, from.name_bytes},
                                  &to.folder, (struct name){to.name, to.name_bytes}, flags);
}

const char *path_of(const char *path)
{
    static char text[PATH_BYTES_MAX];
    const struct place place = tree_find(path);
    return walk_path(&place, (struct name){0}, text) > 0 ? text : "";
}

/* All names of a folder, in their order, each with a blank behind it. */
const char *names_of(const char *path)
{
    static char text[4096];
    const struct place place = tree_find(path);
    struct listed listed;
    size_t at = 0;
    for (uint64_t cookie = 0; place.fs->list(&place, &cookie, &listed);) {
        memcpy(text + at, listed.name, listed.name_bytes);
        at += listed.name_bytes;
        text[at++] = ' ';
    }
    text[at] = 0;
    return text;
}
