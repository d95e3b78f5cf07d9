/* test_kernel_tmp.c: files and folders in memory. */
#include <asm/fcntl.h>
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

#include "kernel/fs/lent.h"
#include "kernel/fs/open.h"
#include "file_stubs.h"
#include "tree_rig.h"

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
    assert_int_equal(tree_remove("/tmp/a", false), 0);
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
    assert_int_equal(tree_remove("/tmp/much", false), 0);
    file_put(file);
    assert_int_equal(write_text(file = open_file("/tmp/b", O_RDWR | O_CREAT), "x"), 1);
    file_put(file);
}

static void names_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(tree_make("/tmp/d", S_IFDIR | 0755, NULL), 0);
    assert_int_equal(tree_make("/tmp/d", S_IFDIR | 0755, NULL), -EEXIST);
    assert_int_equal(tree_make("/tmp/d/e", S_IFDIR | 0755, NULL), 0);
    assert_int_equal(stat_of("/tmp/d").links, 3);
    file_put(open_file("/tmp/d/f", O_RDWR | O_CREAT));
    file_put(open_file("/tmp/d/g", O_RDWR | O_CREAT));
    assert_string_equal(names_of("/tmp/d"), "e f g ");
    assert_int_equal(tree_remove("/tmp/d", true), -ENOTEMPTY);
    assert_int_equal(tree_remove("/tmp/d/e", false), -EISDIR);
    assert_int_equal(tree_remove("/tmp/d/f", true), -ENOTDIR);
    assert_int_equal(tree_move("/tmp/d/f", "/tmp/d/g", RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(tree_move("/tmp/d/f", "/tmp/d/g", 0), 0);
    assert_int_equal(tree_move("/tmp/d/g", "/tmp/d/g", 0), 0);
    assert_int_equal(tree_move("/tmp/d/g", "/tmp/d/e", 0), -EISDIR);
    assert_int_equal(tree_move("/tmp/d/e", "/tmp/d/g", 0), -ENOTDIR);
    assert_int_equal(tree_move("/tmp/d", "/tmp/d/e/x", 0), -EINVAL);
    assert_int_equal(tree_move("/tmp/d/g", "/tmp/d/g", RENAME_EXCHANGE), 0);
    assert_int_equal(tree_move("/tmp/d", "/tmp/d", RENAME_EXCHANGE), 0);
    assert_int_equal(tree_move("/tmp/d", "/tmp/d/e", RENAME_EXCHANGE), -EINVAL);
    assert_int_equal(tree_move("/tmp/d/g", "/tmp/d/e", RENAME_EXCHANGE), 0);
    assert_int_equal(stat_of("/tmp/d/g").mode & S_IFMT, S_IFDIR);
    assert_string_equal(path_of("/tmp/d/g"), "/tmp/d/g");
    assert_int_equal(tree_move("/tmp/d/g", "/tmp/moved", 0), 0);
    assert_string_equal(path_of("/tmp/moved"), "/tmp/moved");
    assert_int_equal(stat_of("/tmp/d").links, 2);
    assert_int_equal(tree_remove("/tmp/d/e", false), 0);
    struct place here = tree_find("/tmp/d");
    walk_go(&here);
    assert_int_equal(tree_remove("/tmp/d", true), 0);
    expect_error("x", 0, -ENOENT);
    assert_int_equal(tree_make("x", S_IFREG | 0644, NULL), -ENOENT); /* in a folder that is gone */
    assert_string_equal(path_of("."), "");
    here = tree_find("/");
    walk_go(&here);
    assert_int_equal(tree_remove("/tmp/moved", true), 0);
}

/* As deep as a path is long. */
static void a_folder_is_never_below_itself(void **state)
{
    const unsigned deep = 2000;
    const struct place root = tree_find("/");
    struct place here = tree_find("/tmp");
    (void)state;
    for (unsigned i = 0; i < deep; i++) {
        walk_go(&here);
        assert_int_equal(tree_make("d", S_IFDIR | 0755, NULL), 0);
        here = tree_find("d");
    }
    walk_go(&here);
    assert_int_equal(strlen(path_of(".")), strlen("/tmp") + 2 * deep);
    assert_int_equal(tree_move("/tmp/d", "x", 0), -EINVAL);
    for (unsigned i = 0; i < deep; i++) {
        here = tree_find("..");
        walk_go(&here);
        assert_int_equal(tree_remove("d", true), 0);
    }
    walk_go(&root);
}

static void a_list_goes_on_while_names_go(void **state)
{
    char path[32];
    struct listed listed;
    unsigned left = 100;
    (void)state;
    assert_int_equal(tree_make("/tmp/many", S_IFDIR | 0755, NULL), 0);
    for (unsigned i = 0; i < left; i++) {
        (void)snprintf(path, sizeof path, "/tmp/many/%u", i);
        file_put(open_file(path, O_RDWR | O_CREAT));
    }
    const struct place place = tree_find("/tmp/many");
    for (uint64_t cookie = 0; place.fs->list(&place, &cookie, &listed); left--)
        assert_int_equal(place.fs->remove(&place, (struct name){listed.name, listed.name_bytes},
                                          false),
                         0);
    assert_int_equal(left, 0);
    assert_int_equal(tree_remove("/tmp/many", true), 0);
}

static void hard_links_are_one_file(void **state)
{
    struct walked to;
    (void)state;
    struct file *file = open_file("/tmp/one", O_RDWR | O_CREAT);
    assert_int_equal(tree_walk("/tmp/two", WALK_MAKE, &to), 0);
    const struct place one = tree_find("/tmp/one");
    assert_int_equal(one.fs->link(&one, &to.folder, (struct name){to.name, to.name_bytes}), 0);
    expect_same("/tmp/one", "/tmp/two");
    assert_int_equal(stat_of("/tmp/two").links, 2);
    assert_int_equal(write_text(file, "both"), 4);
    file_put(file);
    assert_int_equal(tree_remove("/tmp/one", false), 0);
    expect_text("/tmp/two", "both");
    assert_int_equal(tree_remove("/tmp/two", false), 0);
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
    assert_int_equal(tree_remove("/tmp/lent", false), 0);
    file_put(file);
    assert_memory_equal((void *)at, "SHared!", 7); /* neither name nor descriptor, but a mapping */
    lent_unmap(lent_find((uint64_t)at, 4096), 0, UINT64_MAX);
    assert_null(lent_find((uint64_t)at, 4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_in_memory_are_written_and_read),
        cmocka_unit_test(memory_for_files_has_a_bound),
        cmocka_unit_test(names_come_and_go),
        cmocka_unit_test(a_folder_is_never_below_itself),
        cmocka_unit_test(a_list_goes_on_while_names_go),
        cmocka_unit_test(hard_links_are_one_file),
        cmocka_unit_test(a_shared_file_is_lent_until_nobody_has_it),
    };
    return cmocka_run_group_tests(tests, tree_open, NULL);
}
