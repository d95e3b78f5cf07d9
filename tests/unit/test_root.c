/* test_root.c: root file systems as they are put together, and as bytes of abi/root.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/root_facts.h"
#include "image/root_folder.h"
#include "image/root_tree.h"
#include "image/root_write.h"

static int setup(void **state)
{
    static struct root_tree tree;
    *state = &tree;
    return root_tree_open(&tree, NULL);
}

static int teardown(void **state)
{
    root_tree_close(*state);
    return 0;
}

static void ok(mf_err err, const struct mf_why *why)
{
    if (err)
        fail_msg("%s", mf_why_text(why, err));
}

static struct root_node *file(struct root_tree *tree, const char *path, const char *text)
{
    struct root_node *node;
    struct mf_why why = {{0}};
    ok(root_tree_file(tree, path, 0644, 7, &node, &why), &why);
    ok(root_tree_append(tree, node, text, strlen(text), &why), &why);
    return node;
}

static void expect(mf_err got, const struct mf_why *why, mf_err want, const char *sentence)
{
    if (got != want || !strstr(why->text, sentence))
        fail_msg("%d \"%s\", expected %d \"%s\"", got, why->text, want, sentence);
}

static void refuse(struct root_tree *tree, const char *path, const char *sentence)
{
    struct mf_why why = {{0}};
    struct root_node *node;
    expect(root_tree_file(tree, path, 0, 0, &node, &why), &why, MF_EFORMAT, sentence);
    expect(root_tree_folder(tree, path, 0, &why), &why, MF_EFORMAT, sentence);
    expect(root_tree_link(tree, path, "x", &why), &why, MF_EFORMAT, sentence);
    expect(root_tree_remove(tree, path, &why), &why, MF_EFORMAT, sentence);
}

static void ways_out_of_the_root_are_refused(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    file(tree, "bin/sh", "");
    ok(root_tree_link(tree, "lib", "/usr/lib", &why), &why);
    refuse(tree, "..", "leads out of the root file system");
    refuse(tree, "bin/../../etc/passwd", "leads out of the root");
    refuse(tree, "./..//x", "leads out of the root");
    refuse(tree, "/etc/passwd", "is an absolute path");
    refuse(tree, "lib/x", "\"lib/x\" leads through \"lib\", which is a link");
    refuse(tree, "bin/sh/x", "leads through \"sh\", which is a file");
    char name[300];
    memset(name, 'n', sizeof name);
    name[MF_ROOT_NAME_MAX + 1] = '\0';
    refuse(tree, name, "has a name of 256 bytes; 255 are allowed");
    name[MF_ROOT_NAME_MAX] = '\0';
    file(tree, name, "");
    struct root_node *node;
    expect(root_tree_file(tree, "./", 0, 0, &node, &why), &why, MF_EFORMAT, "names the root itself");
    expect(root_tree_link(tree, "l", "", &why), &why, MF_EFORMAT, "a link to a path of 0 bytes");
    expect(root_tree_another(tree, "a", "../x", &why), &why, MF_EFORMAT, "leads out of the root");
    expect(root_tree_another(tree, "a", "/bin/sh", &why), &why, MF_EFORMAT, "is an absolute path");
    expect(root_tree_another(tree, "a", "lib/x", &why), &why, MF_EFORMAT, "leads through \"lib\"");
    expect(root_tree_another(tree, "a", "b", &why), &why, MF_EFORMAT, "\"b\", which is not there");
    expect(root_tree_another(tree, "a", "bin", &why), &why, MF_EFORMAT, "\"bin\", which is a folder");
}

static void depth_has_a_bound(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    char path[2 * (MF_ROOT_DEPTH_MAX + 2)] = "";
    for (unsigned i = 0; i < MF_ROOT_DEPTH_MAX; i++)
        memcpy(path + 2 * i, "a/", 3);
    ok(root_tree_folder(tree, path, 0755, &why), &why);
    memcpy(path + 2 * MF_ROOT_DEPTH_MAX, "a", 2);
    expect(root_tree_folder(tree, path, 0755, &why), &why, MF_ETOOBIG, "more than 64 folders deep");
}

/* Whoever makes an image chooses the order of its names: none of them may make it take long. */
static void many_names_take_no_longer_in_any_order(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    char path[16];
    clock_t start = clock();
    for (uint32_t i = MF_ROOT_NAMES_MAX; i > 0; i--) {
        (void)snprintf(path, sizeof path, "%08x", i);
        ok(root_tree_link(tree, path, "x", &why), &why);
    }
    expect(root_tree_link(tree, "z", "x", &why), &why, MF_ETOOBIG, "more than 262144 names");
    assert_non_null(root_tree_find(tree, "/"));
    for (uint32_t i = 1; i <= MF_ROOT_NAMES_MAX; i++) {
        (void)snprintf(path, sizeof path, "%08x", i);
        ok(root_tree_remove(tree, path, &why), &why);
    }
    assert_int_equal(tree->name_total, 0);
    assert_true(clock() - start < 15 * CLOCKS_PER_SEC); /* of the processor; moved for each name: minutes */
}

static void what_comes_later_stands_in_place_of_what_was_there(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    file(tree, "a/b", "old");
    file(tree, "a/c", "c");
    file(tree, "a/b", "new"); /* a file for a file */
    assert_int_equal(root_tree_find(tree, "/a/b")->bytes, 3);
    ok(root_tree_folder(tree, "a", 01700, &why), &why); /* a folder for a folder: what is in it stays */
    assert_int_equal(root_tree_find(tree, "/a")->mode, 041700);
    assert_non_null(root_tree_find(tree, "/a/c"));
    ok(root_tree_folder(tree, "a/b/d", 0755, &why) == MF_EFORMAT ? MF_OK : MF_EINVAL, &why);
    ok(root_tree_link(tree, "a", "elsewhere", &why), &why); /* a link for a folder: all of it goes */
    assert_null(root_tree_find(tree, "/a/c"));
    assert_int_equal(tree->name_total, 1);
    ok(root_tree_folder(tree, "a", 0755, &why), &why);
    file(tree, "a/x", "1");
    file(tree, "a/y", "2");
    ok(root_tree_remove(tree, "a/x", &why), &why);
    ok(root_tree_remove(tree, "a/x", &why), &why);
    ok(root_tree_remove(tree, "no/such/thing", &why), &why);
    assert_null(root_tree_find(tree, "/a/x"));
    assert_non_null(root_tree_find(tree, "/a/y"));
    ok(root_tree_empty(tree, "a", &why), &why);
    assert_null(root_tree_find(tree, "/a/y"));
    ok(root_tree_empty(tree, "", &why), &why);
    assert_int_equal(tree->name_total, 0);
}

static void names_of_one_file_are_one_file(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    struct root_node *node = file(tree, "a", "text");
    ok(root_tree_another(tree, "d/b", "a", &why), &why);
    ok(root_tree_another(tree, "a", "a", &why), &why);
    ok(root_tree_another(tree, "a", "d/b", &why), &why);
    assert_int_equal(node->names, 2);
    ok(root_tree_remove(tree, "a", &why), &why);
    assert_ptr_equal(root_tree_find(tree, "/d/b"), node);
    assert_int_equal(node->names, 1);
}

static void links_are_followed_inside_the_root(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    struct root_node *node = file(tree, "usr/lib/x.so", "x");
    ok(root_tree_link(tree, "lib", "usr/lib", &why), &why);
    ok(root_tree_link(tree, "usr/up", "../../../lib/./x.so", &why), &why);
    ok(root_tree_link(tree, "abs", "/usr/up", &why), &why);
    ok(root_tree_link(tree, "self", "self", &why), &why);
    ok(root_tree_link(tree, "a", "b/x", &why), &why);
    ok(root_tree_link(tree, "b", "a/x", &why), &why);
    assert_ptr_equal(root_tree_find(tree, "/lib/x.so"), node);
    assert_ptr_equal(root_tree_find(tree, "/usr/up"), node);
    assert_ptr_equal(root_tree_find(tree, "/abs"), node);
    assert_ptr_equal(root_tree_find(tree, "/usr/../lib//x.so"), node);
    assert_null(root_tree_find(tree, "/self"));
    assert_null(root_tree_find(tree, "/a"));
    assert_null(root_tree_find(tree, "/abs/x"));
    assert_null(root_tree_find(tree, "/none"));
}

static struct mf_root_inode inode_at(const struct mf_buf *root, uint32_t number)
{
    struct mf_root_inode inode;
    memcpy(&inode, root->data + sizeof(struct mf_root) + number * sizeof inode, sizeof inode);
    return inode;
}

static struct mf_root_entry entry_at(const struct mf_buf *root, const struct mf_root *head, uint32_t number)
{
    struct mf_root_entry entry;
    memcpy(&entry, root->data + sizeof *head + head->inode_count * sizeof(struct mf_root_inode) +
                       number * sizeof entry, sizeof entry);
    return entry;
}

static void bytes_are_as_the_abi_has_them(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    struct mf_buf root = {0}, again = {0};
    struct mf_root head;
    struct root_facts facts;
    uint64_t bytes;
    ok(root_tree_folder(tree, "", 0711, &why), &why);
    file(tree, "b/two", "two");
    file(tree, "b.c", "");
    file(tree, "b/t", "one");
    ok(root_tree_another(tree, "a", "b/t", &why), &why);
    ok(root_tree_link(tree, "z", "b/two", &why), &why);
    ok(root_write(tree, &root, &bytes, &why), &why);
    memcpy(&head, root.data, sizeof head);
    assert_int_equal(bytes, root.bytes);
    assert_int_equal(head.root_bytes, 3 * MF_PAGE_BYTES); /* tables, two contents */
    assert_int_equal(head.contents_at, MF_PAGE_BYTES);
    assert_int_equal(head.inode_count, 6);
    assert_int_equal(head.entry_count, 6);
    /* In the root: a, b, b.c, z; "b" before "b.c". */
    struct mf_root_inode top = inode_at(&root, 0);
    assert_int_equal(top.mode, 040711);
    assert_int_equal(top.bytes, 4);
    assert_int_equal(top.links, 3);
    assert_int_equal(top.parent, 0);
    struct mf_root_entry entry = entry_at(&root, &head, 1);
    assert_int_equal(entry.name_bytes, 1);
    struct mf_root_inode folder = inode_at(&root, entry.inode);
    assert_int_equal(folder.at, 4);
    assert_int_equal(folder.bytes, 2);
    assert_int_equal(entry_at(&root, &head, 4).inode, entry_at(&root, &head, 0).inode); /* b/t is a */
    struct mf_root_inode one = inode_at(&root, entry_at(&root, &head, 0).inode);
    assert_int_equal(one.links, 2);
    assert_int_equal(one.modified_s, 7);
    assert_int_equal(one.bytes, 3);
    assert_int_equal(one.at % MF_PAGE_BYTES, 0);
    assert_memory_equal(root.data + one.at, "one", 4);
    assert_int_equal(inode_at(&root, entry_at(&root, &head, 2).inode).at, 0); /* an empty file */
    assert_true(root_facts(root.data, root.bytes, &facts));
    assert_int_equal(facts.files, 3);
    assert_int_equal(facts.folders, 2);
    assert_int_equal(facts.links, 1);
    assert_int_equal(facts.content_bytes, 6);
    assert_false(root_facts(root.data, root.bytes - 1, &facts));
    assert_false(root_facts(root.data, 39, &facts));
    ok(root_write(tree, &again, &bytes, &why), &why);
    assert_memory_equal(again.data, root.data, root.bytes);
    mf_buf_close(&root);
    mf_buf_close(&again);
}

static void an_empty_root_is_one(void **state)
{
    struct mf_buf root = {0};
    struct mf_why why = {{0}};
    uint64_t bytes;
    ok(root_write(*state, &root, &bytes, &why), &why);
    assert_int_equal(bytes, MF_PAGE_BYTES);
    mf_buf_close(&root);
}

static unsigned told;
static char last_told[256];

static void hear(void *context, const char *sentence)
{
    (void)context;
    (void)snprintf(last_told, sizeof last_told, "%s", sentence);
    told++;
}

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void a_folder_is_taken_as_it_is(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    const struct root_ears ears = {.left_out = hear};
    char place[] = "/tmp/test-root-XXXXXX", command[512];
    assert_non_null(mkdtemp(place));
    (void)snprintf(command, sizeof command,
                   "cd %s && umask 022 && mkdir -p d/e && echo text > d/f && ln d/f d/e/g && ln -s /etc/passwd l "
                   "&& ln -s ../../.. d/up && mkfifo p && echo x > s && chmod 4755 s && touch -d @99 d/f", place);
    run(command);
    told = 0;
    unsetenv("SOURCE_DATE_EPOCH");
    ok(root_add_folder(tree, place, &ears, &why), &why);
    assert_int_equal(told, 2);
    assert_string_equal(last_told, "/s: its set-id bits are left out: a guest has one user");
    assert_int_equal(root_tree_find(tree, "/s")->mode, 0100755);
    assert_ptr_equal(root_tree_find(tree, "/d/f"), root_tree_find(tree, "/d/e/g"));
    assert_int_equal(root_tree_find(tree, "/d/f")->modified_s, 99);
    assert_int_equal(root_tree_find(tree, "/d/f")->bytes, 5);
    assert_null(root_tree_find(tree, "/l")); /* to /etc/passwd of the root, which has none */
    assert_ptr_equal(root_tree_find(tree, "/d/up"), tree->root);
    assert_null(root_tree_find(tree, "/p"));
    setenv("SOURCE_DATE_EPOCH", "50", 1);
    ok(root_add_folder(tree, place, &ears, &why), &why);
    assert_int_equal(root_tree_find(tree, "/d/f")->modified_s, 50);
    unsetenv("SOURCE_DATE_EPOCH");
    (void)snprintf(command, sizeof command, "rm -r %s", place);
    run(command);
    expect(root_add_folder(tree, place, &ears, &why), &why, MF_ENOENT, "No such file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ways_out_of_the_root_are_refused),
        TEST(depth_has_a_bound),
        TEST(many_names_take_no_longer_in_any_order),
        TEST(what_comes_later_stands_in_place_of_what_was_there),
        TEST(names_of_one_file_are_one_file),
        TEST(links_are_followed_inside_the_root),
        TEST(bytes_are_as_the_abi_has_them),
        TEST(an_empty_root_is_one),
        TEST(a_folder_is_taken_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
