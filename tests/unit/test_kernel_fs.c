/* test_kernel_fs.c: paths, the image's root, files in memory and those that the kernel makes: one
 * tree, as programs see it. */
#include <asm/fcntl.h>
#include <elf.h>
#include <errno.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "abi/operation.h"
#include "kernel/core/random.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/pipe.h"
#include "kernel/fs/elf.h"
#include "kernel/fs/image.h"
#include "kernel/fs/lent.h"
#include "kernel/fs/limits.h"
#include "kernel/fs/made_texts.h"
#include "kernel/fs/open.h"
#include "kernel/fs/secret.h"
#include "kernel/fs/tmp.h"
#include "kernel/fs/walk.h"
#include "kernel_stubs.h"
#include "root_sample.h"

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

void text_process(struct sheet *sheet)
{
    sheet_decimal(sheet, 77);
}

static int with_image(void **state)
{
    (void)state;
    root_sample(&sample);
    return image_start((uint64_t)&sample, sizeof sample) ? -1 : 0;
}

static int go(const char *path, uint32_t how, struct walked *walked)
{
    const struct place here = walk_here();
    return walk(&here, path, how, walked);
}

static struct place find(const char *path)
{
    struct walked walked;
    int error = go(path, 0, &walked);
    if (error)
        fail_msg("%s: %d", path, error);
    return walked.place;
}

static void expect_error(const char *path, uint32_t how, int expected)
{
    struct walked walked;
    int error = go(path, how, &walked);
    if (error != expected)
        fail_msg("%.100s: %d, expected %d", path, error, expected);
}

static void expect_same(const char *a, const char *b)
{
    const struct place x = find(a), y = find(b);
    if (!place_same(&x, &y))
        fail_msg("%s is not %s", a, b);
}

static struct file_stat stat_of(const char *path)
{
    const struct place place = find(path);
    struct file_stat stat = {0};
    assert_int_equal(place.fs->stat(&place, &stat), 0);
    return stat;
}

static struct file *open_file(const char *path, uint32_t flags)
{
    struct walked walked;
    struct file *file;
    assert_int_equal(go(path, flags & O_CREAT ? WALK_MAKE : 0, &walked), 0);
    const struct name name = {walked.name, walked.name_bytes};
    if (!walked.place.fs)
        assert_int_equal(walked.folder.fs->make(&walked.folder, name, S_IFREG | 0644, NULL,
                                                &walked.place),
                         0);
    assert_int_equal(open_place(&walked.place, &walked.folder, name, flags, &file), 0);
    return file;
}

static int64_t write_text(struct file *file, const char *text)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    int64_t done = file_write(file, &io, NULL);
    stub_call_over();
    return done;
}

static const char *read_text(struct file *file)
{
    static char text[8192];
    struct io io;
    io_kernel(&io, text, sizeof text - 1);
    int64_t done = file_read(file, &io, NULL);
    text[done > 0 ? done : 0] = 0;
    return text;
}

static void expect_text(const char *path, const char *text)
{
    struct file *file = open_file(path, O_RDONLY);
    assert_string_equal(read_text(file), text);
    assert_string_equal(read_text(file), "");
    file_put(file);
}

static int make(const char *path, uint32_t mode, const char *target)
{
    struct walked walked;
    struct place made;
    int error = go(path, WALK_MAKE | WALK_NOFOLLOW, &walked);
    if (error || walked.place.fs)
        return error ? error : -EEXIST;
    if (!walked.folder.fs->make)
        return -EROFS;
    return walked.folder.fs->make(&walked.folder, (struct name){walked.name, walked.name_bytes},
                                  mode, target, &made);
}

static int take_away(const char *path, bool folder)
{
    struct walked walked;
    int error = go(path, WALK_NOFOLLOW, &walked);
    if (error)
        return error;
    return walked.folder.fs->remove(&walked.folder, (struct name){walked.name, walked.name_bytes},
                                    folder);
}

static int move(const char *old, const char *new, uint32_t flags)
{
    struct walked from, to;
    int error = go(old, WALK_NOFOLLOW, &from);
    if (!error)
        error = go(new, WALK_MAKE | WALK_NOFOLLOW, &to);
    if (error)
        return error;
    return from.folder.fs->rename(&from.folder, (struct name){from.name, from.name_bytes},
                                  &to.folder, (struct name){to.name, to.name_bytes}, flags);
}

static const char *path_of(const char *path)
{
    static char text[PATH_BYTES_MAX];
    const struct place place = find(path);
    return walk_path(&place, (struct name){0}, text) > 0 ? text : "";
}

/* All names of a folder, in their order, each with a blank behind it. */
static const char *names_of(const char *path)
{
    static char text[4096];
    const struct place place = find(path);
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

static void the_image_is_the_root(void **state)
{
    (void)state;
    expect_same("/", "/bin/..");
    expect_same("/same", "/bin/hello");
    expect_same("/bin/hi", "/bin/hello"); /* a link */
    expect_same("//bin/.//../bin///hello", "/same");
    expect_same("/../..", "/");
    struct file_stat stat = stat_of("/bin/hello");
    assert_int_equal(stat.mode, S_IFREG | 0755);
    assert_int_equal(stat.bytes, SAMPLE_HELLO_BYTES);
    assert_int_equal(stat.links, 2);
    assert_int_equal(stat.modified_ns, 2000000000);
    expect_text("/etc/passwd", SAMPLE_PASSWD_TEXT);
    expect_text("/empty", "");
    assert_string_equal(names_of("/bin"), "hello hi ");
    assert_string_equal(names_of("/"), "bin empty etc same dev proc sys tmp run var ");
    assert_string_equal(path_of("/bin"), "/bin");
    assert_string_equal(path_of("/proc/sys/kernel"), "/proc/sys/kernel");
    assert_string_equal(path_of("/proc/self"), "/proc/77");
    assert_string_equal(path_of("/dev/shm"), "/dev/shm");
    assert_string_equal(path_of("/"), "/");
}

static void paths_that_lead_nowhere(void **state)
{
    static char path[PATH_BYTES_MAX + 1];
    struct walked walked;
    (void)state;
    expect_error("", 0, -ENOENT);
    expect_error("/bin/none", 0, -ENOENT);
    expect_error("/none/none", WALK_MAKE, -ENOENT);
    expect_error("/empty/none", 0, -ENOTDIR);
    expect_error("/empty/none", WALK_MAKE, -ENOTDIR);
    expect_error("/empty/", 0, -ENOTDIR);
    expect_error("/empty/.", 0, -ENOTDIR);
    memset(path, 'a', sizeof path - 1);
    expect_error(path, 0, -ENAMETOOLONG);
    path[PATH_BYTES_MAX - 1] = 0;
    expect_error(path, 0, -ENAMETOOLONG); /* of one name */
    path[NAME_BYTES_MAX] = 0;
    expect_error(path, 0, -ENOENT);
    for (unsigned i = 0; i + 1 < PATH_BYTES_MAX; i++)
        path[i] = i % 2 ? '.' : '/';
    path[PATH_BYTES_MAX - 1] = 0;
    assert_int_equal(go(path, 0, &walked), 0);
    assert_int_equal(go("/bin/none", WALK_MAKE, &walked), 0);
    assert_null(walked.place.fs);
    assert_string_equal(walked.name, "none");
    assert_int_equal(make("/bin/none", S_IFREG | 0644, NULL), -EROFS);
    assert_int_equal(make("/none", S_IFDIR | 0755, NULL), -EROFS);
}

static void the_image_comes_before_what_is_made_in_etc(void **state)
{
    (void)state;
    expect_text("/etc/hostname", "host_name\n");
    expect_text("/etc/group", "root:x:0:\nnogroup:x:65534:\n");
    assert_string_equal(names_of("/etc"),
                        "passwd group hosts hostname resolv.conf nsswitch.conf localtime ");
    expect_same("/etc/..", "/");
    assert_int_equal(stat_of("/etc/group").bytes, strlen("root:x:0:\nnogroup:x:65534:\n"));
}

static void secrets_are_asked_for_when_they_are_opened(void **state)
{
    (void)state;
    stub_secret = "sesame";
    expect_text(SECRET_PATH "/db", "sesame");
    expect_text("/run/secrets/db", "sesame");
    assert_int_equal(stub_wiped, stub_asked);
    stub_secret = "longer, now";
    assert_int_equal(stat_of("/run/secrets/db").bytes, strlen("longer, now"));
    assert_int_equal(stat_of(SECRET_PATH "/db").mode, S_IFREG | 0400);
    assert_string_equal(path_of("/run/secrets"), SECRET_PATH);
    assert_string_equal(path_of("/run/secrets/.."), "/var/openfaas");
    assert_string_equal(path_of("/var"), "/var");
    assert_string_equal(names_of("/var"), "openfaas ");
    assert_string_equal(names_of("/run"), "secrets ");
    assert_string_equal(names_of(SECRET_PATH), "");
    assert_int_equal(make(SECRET_PATH "/new/x", S_IFREG | 0644, NULL), -ENOTDIR);
    stub_secret_error = MF_RESULT_NOT_FOUND;
    assert_int_equal(make(SECRET_PATH "/new", S_IFREG | 0644, NULL), -EROFS);
    stub_secret_error = MF_RESULT_OK;
}

static void secrets_that_are_none_say_why(void **state)
{
    static const struct {
        uint32_t error;
        int expected;
    } answer[] = {{MF_RESULT_NOT_FOUND, -ENOENT}, {MF_RESULT_INVALID, -ENOENT},
                  {MF_RESULT_DENIED, -EACCES},    {MF_RESULT_TOO_LARGE, -EFBIG},
                  {MF_RESULT_UNAVAILABLE, -EIO},  {99, -EIO}};
    char name[sizeof SECRET_PATH + 1 + NAME_BYTES_MAX] = SECRET_PATH "/";
    (void)state;
    for (size_t i = 0; i < sizeof answer / sizeof answer[0]; i++) {
        stub_secret = "in words";
        stub_secret_error = answer[i].error;
        expect_error(SECRET_PATH "/none", 0, answer[i].expected);
        assert_string_equal(stub_said, "secret none: in words");
    }
    stub_secret_error = MF_RESULT_OK;
    stub_secret = NULL;
    expect_error(SECRET_PATH "/db", 0, -ENOENT);
    assert_non_null(strstr(stub_said, "secret db: asked for while no event"));
    unsigned asked = stub_asked;
    memset(name + strlen(name), 'n', SECRET_NAME_BYTES_MAX + 1);
    expect_error(name, 0, -ENOENT);
    assert_int_equal(stub_asked, asked); /* it can be none */
}

static void a_secret_that_is_closed_is_nowhere(void **state)
{
    (void)state;
    stub_secret = "sesame";
    size_t before = stub_heap_used;
    struct file *file = open_file(SECRET_PATH "/db", O_RDONLY);
    const char *content = open_opened(file)->content;
    assert_memory_equal(content, "sesame", 6);
    stub_watched = content;
    file_put(file);
    assert_true(stub_watched_was_wiped);
    assert_int_equal(stub_heap_used, before);
    size_t most = stub_heap_max;
    struct walked walked;
    assert_int_equal(go(SECRET_PATH "/db", 0, &walked), 0);
    stub_heap_max = stub_heap_used + sizeof(struct opened) + 4;
    assert_int_equal(open_place(&walked.place, &walked.folder, (struct name){"db", 2}, O_RDONLY, &file),
                     -ENOMEM);
    stub_heap_max = most;
    for (unsigned i = 0; i < SECRETS_MAX + 1; i++) {
        char name[64];
        stub_secret = "x";
        (void)snprintf(name, sizeof name, SECRET_PATH "/s%u", i);
        int error = go(name, 0, &walked);
        assert_true(error == 0 || (error == -ENOMEM && i >= SECRETS_MAX - 2));
    }
}

static void links_are_followed_so_far(void **state)
{
    char from[16], to[16];
    (void)state;
    assert_int_equal(make("/tmp/l0", S_IFDIR | 0755, NULL), 0);
    for (unsigned i = 1; i <= LINKS_MAX + 1; i++) {
        (void)snprintf(from, sizeof from, "/tmp/l%u", i);
        (void)snprintf(to, sizeof to, "l%u", i - 1);
        assert_int_equal(make(from, S_IFLNK | 0777, to), 0);
    }
    expect_same("/tmp/l40", "/tmp/l0");
    expect_error("/tmp/l41", 0, -ELOOP);
    expect_error("/tmp/l41", WALK_NOFOLLOW, 0);
    expect_error("/tmp/l41/", WALK_NOFOLLOW, -ELOOP); /* the end of a path is what is behind it */
    assert_int_equal(make("/tmp/round", S_IFLNK | 0777, "round"), 0);
    expect_error("/tmp/round", 0, -ELOOP);
    assert_int_equal(make("/tmp/out", S_IFLNK | 0777, "/bin/"), 0);
    expect_same("/tmp/out/hi", "/same");
    assert_int_equal(make("/tmp/dangling", S_IFLNK | 0777, "made"), 0);
    file_put(open_file("/tmp/dangling", O_RDWR | O_CREAT)); /* makes what it leads to */
    assert_int_equal(stat_of("/tmp/made").mode, S_IFREG | 0644);
}

static void files_in_memory_are_written_and_read(void **state)
{
    struct file *file = open_file("/tmp/a", O_RDWR | O_CREAT);
    (void)state;
    size_t before = stub_heap_used;
    assert_int_equal(write_text(file, "hello "), 6);
    assert_int_equal(write_text(file, "world"), 5);
    expect_text("/tmp/a", "hello world");
    assert_int_equal(file->operations->seek(file, 6, SEEK_SET), 6);
    assert_int_equal(write_text(file, "W"), 1);
    expect_text("/tmp/a", "hello World");
    assert_int_equal(file->operations->seek(file, 5, SEEK_END), 16);
    assert_int_equal(file->operations->seek(file, -17, SEEK_CUR), -EINVAL);
    assert_int_equal(file->operations->seek(file, 3, SEEK_HOLE), 11);
    assert_int_equal(file->operations->seek(file, 11, SEEK_DATA), -ENXIO);
    assert_int_equal(file->operations->seek(file, 13, SEEK_SET), 13);
    assert_int_equal(write_text(file, "!"), 1);
    assert_int_equal(stat_of("/tmp/a").bytes, 14);
    assert_int_equal(file->operations->seek(file, 0, SEEK_SET), 0);
    assert_memory_equal(read_text(file), "hello World\0\0!", 14);
    assert_int_equal(file->operations->resize(file, 3), 0);
    assert_int_equal(file->operations->resize(file, 6), 0);
    assert_int_equal(file->operations->seek(file, 0, SEEK_SET), 0);
    assert_memory_equal(read_text(file), "hel\0\0\0", 6);
    assert_int_equal(take_away("/tmp/a", false), 0);
    expect_error("/tmp/a", 0, -ENOENT);
    file->flags |= O_APPEND;
    assert_int_equal(file->operations->seek(file, 0, SEEK_SET), 0);
    assert_int_equal(write_text(file, "more"), 4); /* it is there as long as it is open */
    assert_int_equal(file->position, 10);
    file_put(file);
    assert_true(stub_heap_used < before);
}

static void memory_for_files_has_a_bound(void **state)
{
    static char much[1 << 20];
    struct file *file = open_file("/tmp/much", O_RDWR | O_CREAT);
    (void)state;
    memset(much, 'x', sizeof much - 1);
    int64_t done = 0, bytes = 0;
    while ((done = write_text(file, much)) > 0)
        bytes += done;
    assert_int_equal(done, -ENOSPC);
    assert_true(bytes > (int64_t)(stub_heap_max / TMP_SHARE * 3 / 4));
    assert_int_equal(file->operations->resize(file, UINT64_MAX / 2), -ENOSPC);
    assert_int_equal(file->operations->resize(file, 0), 0);
    assert_int_equal(take_away("/tmp/much", false), 0);
    file_put(file);
    assert_int_equal(write_text(file = open_file("/tmp/b", O_RDWR | O_CREAT), "x"), 1);
    file_put(file);
}

static void names_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(make("/tmp/d", S_IFDIR | 0755, NULL), 0);
    assert_int_equal(make("/tmp/d", S_IFDIR | 0755, NULL), -EEXIST);
    assert_int_equal(make("/tmp/d/e", S_IFDIR | 0755, NULL), 0);
    assert_int_equal(stat_of("/tmp/d").links, 3);
    file_put(open_file("/tmp/d/f", O_RDWR | O_CREAT));
    file_put(open_file("/tmp/d/g", O_RDWR | O_CREAT));
    assert_string_equal(names_of("/tmp/d"), "e f g ");
    assert_int_equal(take_away("/tmp/d", true), -ENOTEMPTY);
    assert_int_equal(take_away("/tmp/d/e", false), -EISDIR);
    assert_int_equal(take_away("/tmp/d/f", true), -ENOTDIR);
    assert_int_equal(move("/tmp/d/f", "/tmp/d/g", RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(move("/tmp/d/f", "/tmp/d/g", 0), 0);
    assert_int_equal(move("/tmp/d/g", "/tmp/d/g", 0), 0);
    assert_int_equal(move("/tmp/d/g", "/tmp/d/e", 0), -EISDIR);
    assert_int_equal(move("/tmp/d/e", "/tmp/d/g", 0), -ENOTDIR);
    assert_int_equal(move("/tmp/d", "/tmp/d/e/x", 0), -EINVAL);
    assert_int_equal(move("/tmp/d/g", "/tmp/d/e", RENAME_EXCHANGE), 0);
    assert_int_equal(stat_of("/tmp/d/g").mode & S_IFMT, S_IFDIR);
    assert_string_equal(path_of("/tmp/d/g"), "/tmp/d/g");
    assert_int_equal(move("/tmp/d/g", "/tmp/moved", 0), 0);
    assert_string_equal(path_of("/tmp/moved"), "/tmp/moved");
    assert_int_equal(stat_of("/tmp/d").links, 2);
    assert_int_equal(take_away("/tmp/d/e", false), 0);
    struct place here = find("/tmp/d");
    walk_go(&here);
    assert_int_equal(take_away("/tmp/d", true), 0);
    expect_error("x", 0, -ENOENT);
    assert_int_equal(make("x", S_IFREG | 0644, NULL), -ENOENT); /* in a folder that is gone */
    assert_string_equal(path_of("."), "");
    here = find("/");
    walk_go(&here);
    assert_int_equal(take_away("/tmp/moved", true), 0);
}

static void a_list_goes_on_while_names_go(void **state)
{
    char path[32];
    struct listed listed;
    unsigned left = 100;
    (void)state;
    assert_int_equal(make("/tmp/many", S_IFDIR | 0755, NULL), 0);
    for (unsigned i = 0; i < left; i++) {
        (void)snprintf(path, sizeof path, "/tmp/many/%u", i);
        file_put(open_file(path, O_RDWR | O_CREAT));
    }
    const struct place place = find("/tmp/many");
    for (uint64_t cookie = 0; place.fs->list(&place, &cookie, &listed); left--)
        assert_int_equal(place.fs->remove(&place, (struct name){listed.name, listed.name_bytes},
                                          false),
                         0);
    assert_int_equal(left, 0);
    assert_int_equal(take_away("/tmp/many", true), 0);
}

static void hard_links_are_one_file(void **state)
{
    struct walked to;
    (void)state;
    struct file *file = open_file("/tmp/one", O_RDWR | O_CREAT);
    assert_int_equal(go("/tmp/two", WALK_MAKE, &to), 0);
    const struct place one = find("/tmp/one");
    assert_int_equal(one.fs->link(&one, &to.folder, (struct name){to.name, to.name_bytes}), 0);
    expect_same("/tmp/one", "/tmp/two");
    assert_int_equal(stat_of("/tmp/two").links, 2);
    assert_int_equal(write_text(file, "both"), 4);
    file_put(file);
    assert_int_equal(take_away("/tmp/one", false), 0);
    expect_text("/tmp/two", "both");
    assert_int_equal(take_away("/tmp/two", false), 0);
}

static void entries_are_as_getdents_has_them(void **state)
{
    static uint8_t buffer[256];
    struct file *folder = open_file("/bin", O_RDONLY);
    struct io io;
    (void)state;
    io_kernel(&io, buffer, 70); /* room for ".", "..", not for "hello" */
    assert_int_equal(folder->operations->list(folder, &io), 48);
    assert_int_equal(buffer[16], 24);
    assert_string_equal((char *)buffer + 19, ".");
    assert_string_equal((char *)buffer + 24 + 19, "..");
    io_kernel(&io, buffer, sizeof buffer);
    assert_int_equal(folder->operations->list(folder, &io), 32 + 24);
    assert_int_equal(buffer[18], 8); /* DT_REG */
    assert_string_equal((char *)buffer + 19, "hello");
    assert_int_equal(buffer[32 + 18], 10); /* DT_LNK */
    io_kernel(&io, buffer, sizeof buffer);
    assert_int_equal(folder->operations->list(folder, &io), 0);
    assert_int_equal(folder->operations->seek(folder, 0, SEEK_SET), 0);
    io_kernel(&io, buffer, 20);
    assert_int_equal(folder->operations->list(folder, &io), -EINVAL);
    file_put(folder);
}

static void descriptors_are_in_proc(void **state)
{
    static char text[PATH_BYTES_MAX];
    struct file *reads, *writes;
    struct walked walked;
    (void)state;
    assert_int_equal(pipe_create(0, &reads, &writes), 0);
    assert_int_equal(descriptor_add(reads, false, 0), 0);
    assert_int_equal(descriptor_add(writes, false, 0), 1);
    assert_int_equal(descriptor_add(open_file("/bin/hi", O_RDONLY), false, 0), 2);
    assert_string_equal(names_of("/proc/self/fd"), "0 1 2 ");
    expect_same("/proc/self/fd/2", "/same");
    expect_same("/dev/fd/2", "/same");
    expect_error("/proc/self/fd/3", 0, -ENOENT);
    expect_error("/proc/self/fd/02", 0, -ENOENT);
    expect_error("/proc/self/fd/99999999", 0, -ENOENT);
    assert_int_equal(go("/proc/self/fd/2", WALK_NOFOLLOW, &walked), 0);
    int64_t bytes = walked.place.fs->target(&walked.place, text);
    assert_int_equal(bytes, 10);
    assert_memory_equal(text, "/bin/hello", 10);
    assert_int_equal(go("/proc/self/fd/0", WALK_NOFOLLOW, &walked), 0);
    bytes = walked.place.fs->target(&walked.place, text);
    assert_memory_equal(text, "pipe:[", 6);
    assert_int_equal(stat_of("/dev/stdin").mode & S_IFMT, S_IFIFO);
    for (unsigned fd = 0; fd < 3; fd++)
        assert_int_equal(descriptor_close(fd), 0);
}

static void devices_do_what_they_do(void **state)
{
    struct file *file = open_file("/dev/null", O_RDWR);
    struct place tty = find("/dev/tty");
    struct file *none;
    (void)state;
    assert_int_equal(write_text(file, "gone"), 4);
    assert_string_equal(read_text(file), "");
    file_put(file);
    file = open_file("/dev/full", O_RDWR);
    assert_int_equal(write_text(file, "x"), -ENOSPC);
    file_put(file);
    file = open_file("/dev/urandom", O_RDONLY);
    assert_int_equal(strspn(read_text(file), "r"), 8191);
    file_put(file);
    assert_int_equal(open_place(&tty, &tty, (struct name){0}, O_RDWR, &none), -ENXIO);
    assert_int_equal(stat_of("/dev/urandom").device_number, 0x109);
    expect_text("/proc/self/maps", "maps\n");
    expect_text("/proc/77/maps", "maps\n");
    expect_text("/sys/devices/system/cpu/online", "0\n");
    expect_error("/proc/78", 0, -ENOENT);
}

static void a_shared_file_is_lent_until_nobody_has_it(void **state)
{
    struct file *file = open_file("/tmp/lent", O_RDWR | O_CREAT);
    struct opened *opened = open_opened(file);
    (void)state;
    assert_int_equal(write_text(file, "shared"), 6);
    const struct filesystem *fs = opened->place.fs;
    assert_int_equal(fs->content(opened, 0, 4096, false), -ENODEV);
    int64_t at = fs->content(opened, 0, 4096, true);
    assert_true(at > 0 && at % 4096 == 0);
    assert_memory_equal((void *)at, "shared", 7);
    assert_true(lent_holds((uint64_t)at, 4096));
    assert_false(lent_holds((uint64_t)at, TMP_LENT_ROOM_BYTES + 1));
    assert_false(lent_holds((uint64_t)at - 4096, 8192));
    memcpy((void *)at, "SH", 2);
    expect_text("/tmp/lent", "SHared");
    assert_int_equal(fs->content(opened, 4096, 4096, true), at + 4096);
    assert_int_equal(fs->content(opened, 0, 4096, true), at); /* the same once more */
    assert_int_equal(file->operations->resize(file, TMP_LENT_BYTES + 1), 0);
    assert_int_equal(file->operations->resize(file, TMP_LENT_ROOM_BYTES + 1), -EBUSY);
    assert_int_equal(file->operations->resize(file, 6), 0);

    struct lent *lent = lent_find((uint64_t)at, 1);
    assert_ptr_equal(lent_find((uint64_t)at - 4096, 8192), lent);
    lent_unmap(lent, (uint64_t)at, 8192);
    assert_ptr_equal(lent_find((uint64_t)at, 4096), lent); /* one has it still */
    lent_unmap(lent, (uint64_t)at, 4096);
    assert_null(lent_find((uint64_t)at, 4096));
    expect_text("/tmp/lent", "SHared"); /* what was written there is the file's */
    assert_int_equal(write_text(file, "!"), 1);

    at = fs->content(opened, 0, 4096, true);
    assert_int_equal(take_away("/tmp/lent", false), 0);
    file_put(file);
    assert_memory_equal((void *)at, "SHared!", 7); /* neither name nor descriptor, but a mapping */
    lent_unmap(lent_find((uint64_t)at, 4096), 0, UINT64_MAX);
    assert_null(lent_find((uint64_t)at, 4096));
}

static void segments_of_elf_files(void **state)
{
    static struct {
        Elf64_Ehdr head;
        Elf64_Phdr segment[3];
    } elf;
    uint64_t span;
    (void)state;
    memcpy(elf.head.e_ident, ELFMAG, SELFMAG);
    elf.head.e_ident[EI_CLASS] = ELFCLASS64;
    elf.head.e_phoff = sizeof elf.head;
    elf.head.e_phentsize = sizeof elf.segment[0];
    elf.head.e_phnum = 3;
    elf.segment[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = 0x1234, .p_memsz = 0x1234};
    elf.segment[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_memsz = 0x900000};
    elf.segment[2] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = 0x1500, .p_vaddr = 0x3500,
                                  .p_filesz = 0x100, .p_memsz = 0x2000};
    assert_true(elf_span(&elf, sizeof elf, &span));
    assert_int_equal(span, 0x6000);
    assert_true(elf_holds(&elf, sizeof elf, 0, 0, 0x2000));
    assert_true(elf_holds(&elf, sizeof elf, 0x1000, 0x1000, 0x1000));
    assert_true(elf_holds(&elf, sizeof elf, 0x3000, 0x1000, 0x1000));
    assert_false(elf_holds(&elf, sizeof elf, 0, 0, 0x3000));
    assert_false(elf_holds(&elf, sizeof elf, 0, 0x1000, 0x1000));
    assert_false(elf_holds(&elf, sizeof elf, 0x2000, 0x2000, 0x1000));
    assert_false(elf_holds(&elf, sizeof elf, 0x4000, 0x2000, 0x1000)); /* zeros, not the file */
    assert_false(elf_span(&elf, sizeof elf - 1, &span));
    elf.head.e_phnum = 0;
    assert_false(elf_span(&elf, sizeof elf, &span));
    elf.head.e_phnum = 2;
    elf.segment[0].p_vaddr = UINT64_MAX;
    assert_false(elf_span(&elf, sizeof elf, &span));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_is_the_root),
        cmocka_unit_test(paths_that_lead_nowhere),
        cmocka_unit_test(the_image_comes_before_what_is_made_in_etc),
        cmocka_unit_test(secrets_are_asked_for_when_they_are_opened),
        cmocka_unit_test(secrets_that_are_none_say_why),
        cmocka_unit_test(a_secret_that_is_closed_is_nowhere),
        cmocka_unit_test(links_are_followed_so_far),
        cmocka_unit_test(files_in_memory_are_written_and_read),
        cmocka_unit_test(memory_for_files_has_a_bound),
        cmocka_unit_test(names_come_and_go),
        cmocka_unit_test(a_list_goes_on_while_names_go),
        cmocka_unit_test(hard_links_are_one_file),
        cmocka_unit_test(entries_are_as_getdents_has_them),
        cmocka_unit_test(descriptors_are_in_proc),
        cmocka_unit_test(devices_do_what_they_do),
        cmocka_unit_test(a_shared_file_is_lent_until_nobody_has_it),
        cmocka_unit_test(segments_of_elf_files),
    };
    return cmocka_run_group_tests(tests, with_image, NULL);
}
