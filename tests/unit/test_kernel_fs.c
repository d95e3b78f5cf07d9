/* test_kernel_fs.c: paths, the image's root and what the kernel makes: one tree, as programs see it. */
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

#include "kernel/file/descriptor.h"
#include "kernel/file/pipe.h"
#include "kernel/fs/elf.h"
#include "kernel/fs/open.h"
#include "file_stubs.h"
#include "root_sample.h"
#include "tree_rig.h"

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

static void content_that_cannot_change_is_where_it_lies(void **state)
{
    (void)state;
    struct file *file = open_file("/etc/passwd", O_RDONLY);
    uint64_t bytes = 5;
    const uint8_t *content = open_content(file, 0, &bytes);
    assert_non_null(content);
    assert_int_equal(bytes, 5);
    assert_memory_equal(content, SAMPLE_PASSWD_TEXT, 5);
    bytes = UINT64_MAX;
    assert_ptr_equal(open_content(file, 2, &bytes), content + 2);
    assert_int_equal(bytes, sizeof SAMPLE_PASSWD_TEXT - 1 - 2);
    static const uint64_t behind[] = {sizeof SAMPLE_PASSWD_TEXT - 1, sizeof SAMPLE_PASSWD_TEXT, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        bytes = 5;
        assert_non_null(open_content(file, behind[i], &bytes));
        assert_int_equal(bytes, 0);
    }
    file_put(file);
    file = open_file("/tmp", O_RDONLY);
    assert_null(open_content(file, 0, &bytes));
    file_put(file);
    file = open_file("/tmp/changes", O_RDWR | O_CREAT);
    assert_int_equal(write_text(file, "some"), 4);
    assert_null(open_content(file, 0, &bytes));
    file_put(file);
    assert_int_equal(tree_remove("/tmp/changes", false), 0);
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
    assert_int_equal(tree_walk(path, 0, &walked), 0);
    assert_int_equal(tree_walk("/bin/none", WALK_MAKE, &walked), 0);
    assert_null(walked.place.fs);
    assert_string_equal(walked.name, "none");
    assert_int_equal(tree_make("/bin/none", S_IFREG | 0644, NULL), -EROFS);
    assert_int_equal(tree_make("/none", S_IFDIR | 0755, NULL), -EROFS);
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

static void links_are_followed_so_far(void **state)
{
    char from[16], to[16];
    (void)state;
    assert_int_equal(tree_make("/tmp/l0", S_IFDIR | 0755, NULL), 0);
    for (unsigned i = 1; i <= LINKS_MAX + 1; i++) {
        (void)snprintf(from, sizeof from, "/tmp/l%u", i);
        (void)snprintf(to, sizeof to, "l%u", i - 1);
        assert_int_equal(tree_make(from, S_IFLNK | 0777, to), 0);
    }
    expect_same("/tmp/l40", "/tmp/l0");
    expect_error("/tmp/l41", 0, -ELOOP);
    expect_error("/tmp/l41", WALK_NOFOLLOW, 0);
    expect_error("/tmp/l41/", WALK_NOFOLLOW, -ELOOP); /* the end of a path is what is behind it */
    assert_int_equal(tree_make("/tmp/round", S_IFLNK | 0777, "round"), 0);
    expect_error("/tmp/round", 0, -ELOOP);
    assert_int_equal(tree_make("/tmp/out", S_IFLNK | 0777, "/bin/"), 0);
    expect_same("/tmp/out/hi", "/same");
    assert_int_equal(tree_make("/tmp/dangling", S_IFLNK | 0777, "made"), 0);
    file_put(open_file("/tmp/dangling", O_RDWR | O_CREAT)); /* makes what it leads to */
    assert_int_equal(stat_of("/tmp/made").mode, S_IFREG | 0644);
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
    assert_int_equal(tree_walk("/proc/self/fd/2", WALK_NOFOLLOW, &walked), 0);
    int64_t bytes = walked.place.fs->target(&walked.place, text);
    assert_int_equal(bytes, 10);
    assert_memory_equal(text, "/bin/hello", 10);
    assert_int_equal(tree_walk("/proc/self/fd/0", WALK_NOFOLLOW, &walked), 0);
    bytes = walked.place.fs->target(&walked.place, text);
    assert_memory_equal(text, "pipe:[", 6);
    assert_int_equal(stat_of("/dev/stdin").mode & S_IFMT, S_IFIFO);
    for (unsigned fd = 0; fd < 3; fd++)
        assert_int_equal(descriptor_close(fd), 0);
}

static void threads_are_in_proc(void **state)
{
    (void)state;
    assert_string_equal(names_of("/proc/self/task"), "77 80 ");
    assert_string_equal(names_of("/proc/self/task/80"), "stat status comm ");
    assert_string_equal(path_of("/proc/thread-self"), "/proc/77/task/80");
    expect_same("/proc/self/task/80/..", "/proc/77/task");
    expect_text("/proc/self/task/77/stat", "stat 77\n");
    expect_text("/proc/thread-self/status", "status 80\n");
    struct file *file = open_file("/proc/thread-self/comm", O_RDWR);
    assert_string_equal(read_text(file), "second");
    assert_int_equal(write_text(file, "another one, of too many letters"), 32);
    expect_text("/proc/self/task/80/comm", "another one, of");
    struct place folder = tree_find("/proc/thread-self"), stat = tree_find("/proc/thread-self/stat");
    struct place found;
    struct listed listed;
    struct file *none;
    uint64_t cookie = 0;
    tree_second_thread = false;
    expect_error("/proc/self/task/80", 0, -ENOENT);
    expect_error("/proc/self/task/078", 0, -ENOENT);
    expect_error("/proc/self/task/9999999999", 0, -ENOENT);
    assert_int_equal(folder.fs->find(&folder, (struct name){"stat", 4}, &found), -ENOENT);
    assert_false(folder.fs->list(&folder, &cookie, &listed));
    assert_int_equal(open_place(&stat, &folder, (struct name){"stat", 4}, O_RDONLY, &none), -ESRCH);
    assert_int_equal(open_place(&stat, &folder, (struct name){"stat", 4}, O_RDWR, &none), -EACCES);
    tree_second_thread = true;
    file_put(file);
}

static void devices_do_what_they_do(void **state)
{
    struct file *file = open_file("/dev/null", O_RDWR);
    struct place tty = tree_find("/dev/tty");
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
    uint64_t end, offset;
    assert_true(elf_piece(&elf, sizeof elf, 0x1000, &end, &offset));
    assert_int_equal(end, 0x2000);
    assert_int_equal(offset, 0x1000);
    assert_false(elf_piece(&elf, sizeof elf, 0x2000, &end, &offset)); /* between them */
    assert_int_equal(end, 0x3000);
    assert_true(elf_piece(&elf, sizeof elf, 0x3000, &end, &offset));
    assert_int_equal(end, 0x4000);
    assert_int_equal(offset, 0x1000);
    assert_false(elf_piece(&elf, sizeof elf, 0x4000, &end, &offset)); /* zeros */
    assert_int_equal(end, 0x6000);
    assert_null(elf_loader(&elf, sizeof elf));
    elf.segment[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 1, .p_filesz = 3};
    assert_null(elf_loader(&elf, sizeof elf)); /* not ended */
    elf.segment[1].p_filesz = 6;
    assert_non_null(elf_loader(&elf, sizeof elf));
    elf.segment[1].p_filesz = UINT64_MAX;
    assert_null(elf_loader(&elf, sizeof elf));
    elf.segment[1].p_offset = sizeof elf;
    assert_null(elf_loader(&elf, sizeof elf));
    elf.segment[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_memsz = 0x900000};
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
        cmocka_unit_test(content_that_cannot_change_is_where_it_lies),
        cmocka_unit_test(paths_that_lead_nowhere),
        cmocka_unit_test(the_image_comes_before_what_is_made_in_etc),
        cmocka_unit_test(links_are_followed_so_far),
        cmocka_unit_test(entries_are_as_getdents_has_them),
        cmocka_unit_test(descriptors_are_in_proc),
        cmocka_unit_test(threads_are_in_proc),
        cmocka_unit_test(devices_do_what_they_do),
        cmocka_unit_test(segments_of_elf_files),
    };
    return cmocka_run_group_tests(tests, tree_open, NULL);
}
