/* test_kernel_root.c: the kernel's reader of root file systems: what a good one holds, and each
 * refusal, by one change to a good one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/fs/root.h"
#include "root_sample.h"

static struct root_sample sample;
static struct root root;

static int make_sample(void **state)
{
    (void)state;
    root_sample(&sample);
    return 0;
}

static void finds_what_is_there(void **state)
{
    uint32_t inode;
    size_t bytes;
    (void)state;
    assert_null(root_open(&root, &sample, sizeof sample));
    static const struct {
        uint32_t folder;
        const char *name;
        uint32_t inode;
    } there[] = {{SAMPLE_ROOT, "bin", SAMPLE_BIN},     {SAMPLE_ROOT, "empty", SAMPLE_EMPTY},
                 {SAMPLE_ROOT, "etc", SAMPLE_ETC},     {SAMPLE_ROOT, "same", SAMPLE_HELLO},
                 {SAMPLE_BIN, "hello", SAMPLE_HELLO},  {SAMPLE_BIN, "hi", SAMPLE_HI},
                 {SAMPLE_ETC, "passwd", SAMPLE_PASSWD}};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) {
        assert_true(root_find(&root, there[i].folder, there[i].name, strlen(there[i].name),
                              &inode));
        assert_int_equal(inode, there[i].inode);
    }
    static const char *const missing[] = {"", "a", "bi", "binn", "em", "etcetera", "samf", "z"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        assert_false(root_find(&root, SAMPLE_ROOT, missing[i], strlen(missing[i]), &inode));
    assert_memory_equal(root_name(&root, SAMPLE_ETC, &bytes), "etc", 3);
    assert_int_equal(bytes, 3);
    root_name(&root, SAMPLE_ROOT, &bytes);
    assert_int_equal(bytes, 0);
    assert_memory_equal(root_target(&root, &root.inodes[SAMPLE_HI]), "hello", 5);
    assert_memory_equal(root_content(&root, &root.inodes[SAMPLE_PASSWD]), SAMPLE_PASSWD_TEXT,
                        sizeof SAMPLE_PASSWD_TEXT - 1);
}

/* X(name, change, sentence) */
#define REFUSALS(X)                                                                              \
    X(another_magic, head->magic++, "no head")                                                   \
    X(another_size, head->root_bytes--, "no head")                                               \
    X(no_inode, head->inode_count = 0, "counts")                                                 \
    X(endless_inodes, head->inode_count = UINT32_MAX, "counts")                                  \
    X(endless_entries, head->entry_count = UINT32_MAX, "counts")                                 \
    X(reserved, head->reserved = 1, "counts")                                                    \
    X(inodes_past_the_end, head->inode_count = 1000, "parts")                                    \
    X(entries_past_the_end, head->entry_count = 5000, "parts")                                   \
    X(names_past_the_end, head->name_bytes = UINT32_MAX, "parts")                                \
    X(contents_in_names, head->contents_at = 0, "parts")                                         \
    X(contents_past_the_end, head->contents_at = 5 * MF_PAGE_BYTES, "parts")                     \
    X(odd_contents, head->contents_at += 8, "parts")                                             \
    X(a_file_as_root, inode[0].mode = MF_ROOT_FILE, "begins with no folder")                     \
    X(a_set_id_bit, inode[SAMPLE_HELLO].mode |= 04000, "inode out of bounds")                    \
    X(no_links, inode[SAMPLE_HELLO].links = 0, "inode out of bounds")                            \
    X(inode_reserved, inode[SAMPLE_HELLO].reserved = 1, "inode out of bounds")                   \
    X(a_file_with_a_parent, inode[SAMPLE_HELLO].parent = 1, "inode out of bounds")               \
    X(a_device, inode[SAMPLE_HELLO].mode = 0020644, "inode of no type")                          \
    X(a_folder_elsewhere, inode[SAMPLE_BIN].at++, "folder out of bounds")                        \
    X(a_folder_too_long, inode[SAMPLE_ETC].bytes = UINT64_MAX, "folder out of bounds")           \
    X(a_folder_too_short, inode[SAMPLE_ETC].bytes = 0, "entries of no folder")                   \
    X(a_circle, inode[SAMPLE_BIN].parent = SAMPLE_BIN, "folder out of bounds")                   \
    X(a_later_parent, inode[SAMPLE_BIN].parent = SAMPLE_ETC, "folder out of bounds")             \
    X(a_root_with_a_parent, inode[SAMPLE_ROOT].parent = 1, "folder out of bounds")               \
    X(a_loaded_folder, inode[SAMPLE_ETC].loaded_at = 0x400000, "folder out of bounds")           \
    X(content_in_names, inode[SAMPLE_HELLO].at = 0, "content out of bounds")                     \
    X(odd_content, inode[SAMPLE_HELLO].at += 16, "content out of bounds")                        \
    X(content_past_the_end, inode[SAMPLE_PASSWD].bytes = 4097, "content out of bounds")          \
    X(endless_content, inode[SAMPLE_PASSWD].bytes = UINT64_MAX, "content out of bounds")         \
    X(content_of_nothing, inode[SAMPLE_EMPTY].at = MF_PAGE_BYTES, "content out of bounds")       \
    X(an_empty_target, inode[SAMPLE_HI].bytes = 0, "target of a link out of bounds")             \
    X(an_endless_target, inode[SAMPLE_HI].bytes = 4096, "target of a link out of bounds")        \
    X(a_target_nowhere, inode[SAMPLE_HI].at = UINT64_MAX, "target of a link out of bounds")      \
    X(a_nul_in_a_target, sample.names[inode[SAMPLE_HI].at] = 0, "target of a link with a NUL")   \
    X(an_entry_for_the_root, entry[0].inode = 0, "entry out of bounds")                          \
    X(an_entry_for_nobody, entry[0].inode = SAMPLE_INODES, "entry out of bounds")                \
    X(an_empty_name, entry[0].name_bytes = 0, "entry out of bounds")                             \
    X(a_long_name, entry[0].name_bytes = 256, "entry out of bounds")                             \
    X(a_name_nowhere, entry[0].name_at = UINT32_MAX, "entry out of bounds")                      \
    X(a_slash_in_a_name, sample.names[0] = '/', "entry out of bounds")                           \
    X(a_nul_in_a_name, sample.names[1] = 0, "entry out of bounds")                               \
    X(a_dot, { sample.names[0] = '.'; entry[0].name_bytes = 1; }, "entry out of bounds")         \
    X(two_dots, { memset(sample.names, '.', 2); entry[0].name_bytes = 2; },                      \
      "entry out of bounds")                                                                     \
    X(a_folder_in_another, entry[6].inode = SAMPLE_BIN, "in another one than its parent")        \
    X(names_in_disorder, sample.names[0] = 'x', "names out of order")                            \
    X(a_name_twice, entry[1].name_at = 0; entry[1].name_bytes = 3, "names out of order") \
    X(a_longer_name_first, entry[1].name_at = 0; entry[1].name_bytes = 2,                         \
      "names out of order")

#define REFUSED(name, change, sentence)                               \
    static void refuses_##name(void **state)                          \
    {                                                                 \
        struct mf_root *head = &sample.head;                          \
        struct mf_root_inode *inode = sample.inode;                   \
        struct mf_root_entry *entry = sample.entry;                   \
        (void)state, (void)head, (void)inode, (void)entry;            \
        change;                                                       \
        const char *wrong = root_open(&root, &sample, sizeof sample); \
        assert_non_null(wrong);                                       \
        assert_non_null(strstr(wrong, sentence));                     \
        assert_null(root.base);                                       \
    }
REFUSALS(REFUSED)

static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof sample; bytes += 1009)
        assert_non_null(root_open(&root, &sample, bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_what_is_there, make_sample),
#define TEST(name, change, sentence) cmocka_unit_test_setup(refuses_##name, make_sample),
        REFUSALS(TEST)
        cmocka_unit_test_setup(refuses_what_is_cut_short, make_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
