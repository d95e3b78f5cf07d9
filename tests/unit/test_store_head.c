/*
 * test_store_head.c: files of LMDB's whose heads, roots, or list of free pages somebody has written by hand, and large
 * ones. Each is refused with its reason where LMDB would have ended the process, or is used as it is.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_folder.h"
#include "store_rig.h"

#define PAGE 4096u
#define PAGES_MAX 1024u
#define LARGE_BYTES (8ull << 30)

enum { PAGE_BYTES = 40, FREE_FLAGS = 44, FREE_DEPTH = 46, FREE_ROOT = 80, MAIN_FLAGS = 92, MAIN_DEPTH = 94, MAIN_ROOT = 128,
       LAST_PAGE = 136, TRANSACTION = 144 }; /* in a head */
enum { KIND = 10, LOWER = 12, FIRST_NODE = 16 }; /* in a page */

static char path[64];
static uint8_t good[PAGES_MAX * PAGE], bad[PAGES_MAX * PAGE];
static size_t bytes;

static uint64_t number_at(const uint8_t *at, size_t count)
{
    uint64_t number = 0;
    memcpy(&number, at, count);
    return number;
}

static uint8_t *head(void)
{
    return bad + (number_at(bad + TRANSACTION, 8) < number_at(bad + PAGE + TRANSACTION, 8)) * PAGE;
}

static uint8_t *root(unsigned which)
{
    uint64_t page = number_at(head() + which, 8);
    assert_in_range(page, 2, bytes / PAGE - 1);
    return bad + page * PAGE;
}

/* The first list of free pages: a node, of which the data begin after 16 bytes. */
static uint8_t *list(void)
{
    return root(FREE_ROOT) + number_at(root(FREE_ROOT) + FIRST_NODE, 2);
}

static int make(void **state)
{
    struct store_options options = {.directory = own_folder};
    struct rig rig;
    struct mf_why why = {{0}};
    if (own_folder_make(state) != 0)
        return -1;
    (void)snprintf(path, sizeof path, "%s/power-loss.mdb", own_folder);
    if (rig_open(&rig, &options, &why))
        return -1;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.durability = STORE_POWER_LOSS});
    for (int i = 0; i < 200; i++)
        (void)rig_append(&rig, queue, "one of some that fill more than a page of the tree, which has a branch then");
    queue_put(queue);
    rig_close(&rig);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, good, sizeof good);
    (void)close(fd);
    bytes = got < 0 ? 0 : (size_t)got;
    memcpy(bad, good, bytes);
    return bytes && bytes < sizeof good ? 0 : -1;
}

/* What stands in `bad`, in a file of at least so many bytes. */
static mf_err opens(uint64_t file_bytes, struct mf_why *why)
{
    struct store_options options = {.directory = own_folder};
    struct rig rig;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bad, bytes), bytes);
    assert_int_equal(ftruncate(fd, (off_t)(file_bytes > bytes ? file_bytes : bytes)), 0);
    (void)close(fd);
    mf_err err = rig_open(&rig, &options, why);
    if (!err) {
        struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.durability = STORE_POWER_LOSS});
        (void)rig_append(&rig, queue, "and it is used");
        assert_non_null(rig_take(&rig, queue));
        queue_put(queue);
        rig_close(&rig);
    } else {
        (void)uv_loop_close(&rig.loop);
    }
    memcpy(bad, good, bytes);
    return err;
}

static void is_refused(uint64_t file_bytes)
{
    struct mf_why why = {{0}};
    assert_int_equal(opens(file_bytes, &why), MF_EFORMAT);
    if (!strstr(why.text, "damaged") || !strstr(why.text, "moved away"))
        fail_msg("%s", why.text);
}

static void with(uint8_t *at, uint64_t number, size_t count)
{
    memcpy(at, &number, count);
    is_refused(0);
}

static void a_head_is_not_believed(void **state)
{
    (void)state;
    const uint64_t none = UINT64_MAX;
    struct mf_why why = {{0}};
    assert_int_equal(opens(0, &why), MF_OK);
    with(bad + PAGE_BYTES, 0, 4); /* LMDB divides by it */
    with(head() + PAGE_BYTES, 0, 4);
    with(bad + PAGE_BYTES, 3, 4);
    with(bad + PAGE_BYTES, 2 * PAGE, 4);
    with(bad + PAGE_BYTES, 1u << 30, 4);
    with(head() + LAST_PAGE, 0, 8);
    with(head() + LAST_PAGE, bytes / 8 + bytes / PAGE, 8);
    with(head() + LAST_PAGE, 1ull << 50, 8);
    with(head() + LAST_PAGE, none, 8);
    with(head() + FREE_FLAGS, 0, 2);
    with(head() + FREE_FLAGS, 9, 2); /* at an address of its own */
    with(head() + MAIN_FLAGS, 4, 2); /* several values for a key */
    with(head() + FREE_DEPTH, 33, 2);
    with(head() + MAIN_DEPTH, 200, 2);
}

static void a_root_is_looked_at(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const unsigned which = i ? MAIN_ROOT : FREE_ROOT;
        with(head() + which, 0, 8);
        with(head() + which, 1, 8);
        with(head() + which, bytes / PAGE, 8);
        with(head() + which, 1ull << 61, 8);
        with(root(which), 7777, 8); /* another page's number */
        with(root(which) + KIND, 0, 2);
        with(root(which) + KIND, 3, 2);
        with(root(which) + KIND, 6, 2);
        with(root(which) + LOWER, FIRST_NODE, 2);
        with(root(which) + LOWER, 0xfff0, 2);
        with(root(which) + LOWER + 2, 0xfff0, 2);
    }
    with(head() + FREE_ROOT, number_at(head() + MAIN_ROOT, 8), 8);
}

static void a_circle_ends(void **state)
{
    (void)state;
    uint8_t *page = root(MAIN_ROOT);
    const uint64_t own = number_at(page, 8);
    assert_int_equal(number_at(page + KIND, 2), 1); /* a branch: all its children are itself */
    for (uint64_t at = FIRST_NODE; at < number_at(page + LOWER, 2); at += 2)
        memcpy(page + number_at(page + at, 2), &own, 4);
    is_refused(0);
}

static void a_list_of_free_pages_is_checked(void **state)
{
    (void)state;
    with(list() + 16, 1ull << 60, 8); /* its count */
    with(list() + 16, 1u << 20, 8);
    with(list() + 24, 0, 8);          /* its first page: LMDB would write there */
    with(list() + 24, 1, 8);
    with(list() + 24, 1ull << 40, 8);
    with(list(), UINT32_MAX, 4);      /* its size */
    with(list() + 4, 1, 2);           /* a page elsewhere */
    with(list() + 4, 2, 2);
}

static void a_large_file_takes_no_longer(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    assert_int_equal(opens(LARGE_BYTES, &why), MF_OK);
    memcpy(head() + LAST_PAGE, &(uint64_t){LARGE_BYTES / PAGE - 1}, 8);
    assert_int_equal(opens(LARGE_BYTES, &why), MF_OK);
    memcpy(head() + LAST_PAGE, &(uint64_t){LARGE_BYTES / PAGE - 1}, 8);
    memcpy(head() + MAIN_ROOT, &(uint64_t){LARGE_BYTES / PAGE / 2}, 8); /* where there are zeros */
    is_refused(LARGE_BYTES);
    is_refused(4ull << 40); /* none of ours becomes as large */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, own_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_is_not_believed),
        TEST(a_root_is_looked_at),
        TEST(a_circle_ends),
        TEST(a_list_of_free_pages_is_checked),
        TEST(a_large_file_takes_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
