/*
 * test_store_tail.c: files of LMDB that are shorter than their heads say. LMDB makes them, and
 * says which pages are free; our reader must say the same of every length that a file may be
 * cut to, and of damaged lists that they are damaged.
 */
#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/store/lmdb_file.h"
#include "node/store/lmdb_tail.h"
#include "own_folder.h"
#include "store_rig.h"

#define PAGE 4096u
#define PAGES_MAX 4096u
#define FREE_ROOT 80u /* in a head */

static char path[64];       /* the file under test, where our store looks for it */
static uint8_t value[5000000];
static uint32_t chance;

/* A file that is too short, and what LMDB says of it. */
static struct made {
    MDB_env *env;
    uint64_t pages_there, last_page, transaction;
    bool is_free[PAGES_MAX];
    uint64_t longest_list_bytes;
    unsigned depth;
    uint8_t bytes[PAGES_MAX * PAGE];
} made;

static int make_folder(void **state)
{
    if (own_folder_make(state) != 0)
        return -1;
    (void)snprintf(path, sizeof path, "%s/power-loss.mdb", own_folder);
    chance = 1;
    return 0;
}

static uint32_t random_below(uint32_t bound)
{
    chance = chance * 1664525u + 1013904223u;
    return (chance >> 8) % bound;
}

static void open_plain(void)
{
    char plain[64];
    (void)snprintf(plain, sizeof plain, "%s/plain", own_folder);
    assert_int_equal(mdb_env_create(&made.env), 0);
    assert_int_equal(mdb_env_set_mapsize(made.env, PAGES_MAX * PAGE), 0);
    assert_int_equal(mdb_env_open(made.env, plain, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS, 0600), 0);
}

static MDB_txn *begin(MDB_dbi *dbi)
{
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(made.env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, dbi), 0);
    return txn;
}

static void put(MDB_txn *txn, MDB_dbi dbi, uint64_t key, size_t bytes)
{
    uint64_t ordered = htobe64(key);
    MDB_val name = {sizeof ordered, &ordered}, data = {bytes, value};
    assert_int_equal(mdb_put(txn, dbi, &name, &data, 0), 0);
}

static void del(MDB_txn *txn, MDB_dbi dbi, uint64_t key)
{
    uint64_t ordered = htobe64(key);
    MDB_val name = {sizeof ordered, &ordered};
    assert_int_equal(mdb_del(txn, dbi, &name, NULL), 0);
}

static bool is_short(void)
{
    MDB_envinfo info;
    struct stat stat;
    int fd;
    assert_int_equal(mdb_env_info(made.env, &info), 0);
    assert_int_equal(mdb_env_get_fd(made.env, &fd), 0);
    assert_int_equal(fstat(fd, &stat), 0);
    made.last_page = info.me_last_pgno;
    made.transaction = info.me_last_txnid;
    made.pages_there = (uint64_t)stat.st_size / PAGE;
    assert_true(made.last_page < PAGES_MAX);
    return made.pages_there <= made.last_page;
}

/* Its content, and LMDB's own list. */
static void close_plain(void)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, data;
    MDB_stat stat;
    int fd;
    memset(made.is_free, 0, sizeof made.is_free);
    made.longest_list_bytes = 0;
    assert_int_equal(mdb_txn_begin(made.env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_stat(txn, 0, &stat), 0);
    made.depth = stat.ms_depth;
    assert_int_equal(mdb_cursor_open(txn, 0, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0) {
        uint64_t count, page;
        memcpy(&count, data.mv_data, 8);
        for (uint64_t i = 1; i <= count; i++) {
            memcpy(&page, (uint8_t *)data.mv_data + i * 8, 8);
            made.is_free[page] = true;
        }
        if (data.mv_size > made.longest_list_bytes)
            made.longest_list_bytes = data.mv_size;
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    assert_int_equal(mdb_env_get_fd(made.env, &fd), 0);
    size_t bytes = made.pages_there * PAGE;
    assert_int_equal(pread(fd, made.bytes, bytes, 0), bytes);
    mdb_env_close(made.env);
}

/* Ordinary commits, until one leaves the file too short. */
static void make_by_chance(void)
{
    uint64_t head = 0, tail = 0;
    MDB_dbi dbi;
    open_plain();
    for (int t = 0; t < 20000 && !is_short(); t++) {
        MDB_txn *txn = begin(&dbi);
        for (uint32_t n = random_below(200); n > 0; n--) {
            if (random_below(2))
                put(txn, dbi, tail++, random_below(3000));
            else if (head < tail)
                del(txn, dbi, random_below(3) ? head++ : --tail);
        }
        assert_int_equal(mdb_txn_commit(txn), 0);
    }
    assert_true(is_short());
    close_plain();
}

/* A thousand pages are freed. While somebody reads, every commit adds a list. The last one takes
 * and frees more pages in a row than there are, so they are at the end. */
static void make_with_lists(unsigned commits)
{
    MDB_dbi dbi;
    MDB_txn *reader;
    open_plain();
    MDB_txn *txn = begin(&dbi);
    for (uint64_t i = 0; i < 8000; i++)
        put(txn, dbi, i, 500);
    assert_int_equal(mdb_txn_commit(txn), 0);
    txn = begin(&dbi);
    for (uint64_t i = 0; i < 8000; i++)
        del(txn, dbi, i);
    assert_int_equal(mdb_txn_commit(txn), 0);
    txn = begin(&dbi);
    put(txn, dbi, 8000, 500);
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_int_equal(mdb_txn_begin(made.env, NULL, MDB_RDONLY, &reader), 0);
    for (unsigned i = 1; i <= commits; i++) {
        txn = begin(&dbi);
        put(txn, dbi, 20000 + i, 500);
        if (i == commits) {
            put(txn, dbi, 30000, sizeof value);
            del(txn, dbi, 30000);
        }
        assert_int_equal(mdb_txn_commit(txn), 0);
    }
    mdb_txn_abort(reader);
    assert_true(is_short());
    close_plain();
}

static void make_with_a_long_list(void)
{
    make_with_lists(40);
    assert_true(made.longest_list_bytes > PAGE / 2); /* in a page of its own */
}

static void make_with_many_lists(void)
{
    make_with_lists(150);
    assert_true(made.depth >= 2);
}

static void (*const makers[])(void) = {make_by_chance, make_with_a_long_list, make_with_many_lists};

static int lay_out(uint64_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, made.bytes, bytes), bytes);
    return fd;
}

static mf_err check(uint64_t bytes)
{
    int fd = lay_out(bytes);
    mf_err err = lmdb_tail_check(fd, bytes, PAGE, made.last_page);
    (void)close(fd);
    return err;
}

static void assert_store_opens(void)
{
    struct store_options options = {.directory = own_folder};
    struct rig rig;
    struct stat stat_of;
    struct mf_why why = {{0}};
    const struct queue_settings durable = {.durability = STORE_POWER_LOSS};
    if (rig_open(&rig, &options, &why))
        fail_msg("%s", why.text);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_true((uint64_t)stat_of.st_size >= (made.last_page + 1) * PAGE);
    struct queue *queue = rig_queue(&rig, "q", &durable);
    for (int i = 0; i < 30; i++)
        (void)rig_append(&rig, queue, "still good");
    for (int i = 0; i < 30; i++)
        assert_non_null(rig_take(&rig, queue));
    queue_put(queue);
    rig_close(&rig);
}

static void assert_store_refuses(void)
{
    struct store_options options = {.directory = own_folder};
    struct rig rig;
    struct mf_why why = {{0}};
    assert_int_equal(rig_open(&rig, &options, &why), MF_EFORMAT);
    if (!strstr(why.text, "power-loss.mdb is damaged"))
        fail_msg("%s", why.text);
    (void)uv_loop_close(&rig.loop);
}

/* The last page that is in use: a file that ends before its end is damaged. */
static uint64_t last_used(void)
{
    uint64_t page = made.last_page;
    while (made.is_free[page])
        page--;
    return page;
}

/* Of the file of each maker, in a folder of its own. */
static void judge_each(void (*judge)(void))
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        makers[i]();
        judge();
        (void)own_folder_remove(NULL);
        assert_int_equal(make_folder(NULL), 0);
    }
}

static void opens_without_free_pages(void)
{
    (void)close(lay_out(made.pages_there * PAGE));
    assert_store_opens();
}

static void a_file_that_lacks_free_pages_opens(void **state)
{
    (void)state;
    judge_each(opens_without_free_pages);
}

static void is_refused_without_a_used_page(void)
{
    (void)close(lay_out(last_used() * PAGE));
    assert_store_refuses();
    (void)close(lay_out(last_used() * PAGE + PAGE - 1));
    assert_store_refuses();
}

static void a_file_that_lacks_a_used_page_is_refused(void **state)
{
    (void)state;
    judge_each(is_refused_without_a_used_page);
}

static void is_judged_at_every_length(void)
{
    bool good = true;
    int fd = lay_out(made.pages_there * PAGE);
    for (uint64_t page = made.last_page; page >= made.pages_there; page--)
        assert_true(made.is_free[page]);
    for (uint64_t pages = made.pages_there; pages > 0; pages--) {
        good = good && (pages == made.pages_there || made.is_free[pages]);
        assert_int_equal(ftruncate(fd, (off_t)(pages * PAGE)), 0);
        assert_int_equal(lmdb_tail_check(fd, pages * PAGE, PAGE, made.last_page),
                         good ? MF_OK : MF_EFORMAT);
    }
    assert_false(good);
    (void)close(fd);
}

static void every_length_is_judged_as_lmdb_would(void **state)
{
    (void)state;
    judge_each(is_judged_at_every_length);
}

static uint8_t *head_of(void)
{
    return made.bytes + (made.transaction & 1) * PAGE;
}

static uint64_t free_root(void)
{
    uint64_t page;
    memcpy(&page, head_of() + FREE_ROOT, sizeof page);
    assert_true(page >= 2 && page < made.pages_there);
    return page;
}

static void assert_damage(uint8_t *at, const void *bytes, size_t count)
{
    uint8_t before[16];
    memcpy(before, at, count);
    memcpy(at, bytes, count);
    assert_int_equal(check(made.pages_there * PAGE), MF_EFORMAT);
    memcpy(at, before, count);
    assert_int_equal(check(made.pages_there * PAGE), MF_OK);
}

static void a_damaged_list_is_no_list(void **state)
{
    (void)state;
    make_with_many_lists();
    uint64_t root = free_root(), beyond = made.last_page, none = UINT64_MAX, zero = 0;
    uint8_t *page = made.bytes + root * PAGE;
    uint16_t at, low = (uint16_t)root, far = PAGE - 4, nothing = 0;
    memcpy(&at, page + 16, sizeof at); /* its first node */
    assert_damage(head_of() + FREE_ROOT, &beyond, 8);
    assert_damage(head_of() + FREE_ROOT, &none, 8);
    assert_damage(head_of() + FREE_ROOT, &zero, 8); /* a head is no page of a tree */
    assert_damage(page, &none, 8);                  /* another page's number       */
    assert_damage(page + 10, &nothing, 2);          /* of no kind                  */
    assert_damage(page + 12, &nothing, 2);          /* fewer than no nodes         */
    assert_damage(page + 12, &none, 2);             /* more than there is room for */
    assert_damage(page + 16, &far, 2);              /* a node across the end       */
    assert_damage(page + at, &low, 2);              /* its own child               */
    assert_int_equal(check(root * PAGE), MF_EFORMAT);
    (void)close(lay_out(root * PAGE));
    assert_store_refuses();
    assert_int_equal(check(PAGE), MF_EFORMAT);
    assert_int_equal(lmdb_tail_check(-1, 0, PAGE, 1), MF_EFORMAT);
    assert_int_equal(lmdb_tail_check(-1, 8 * PAGE, PAGE, UINT64_MAX), MF_EFORMAT);
}

static void a_damaged_long_list_is_no_list(void **state)
{
    (void)state;
    make_with_a_long_list();
    uint8_t *page = made.bytes + free_root() * PAGE, *node = NULL;
    uint16_t lower, at, flags, many = UINT16_MAX, leaf = 2;
    uint64_t list, none = UINT64_MAX;
    memcpy(&lower, page + 12, 2);
    for (uint16_t i = 0; i < (lower - 16) / 2 && !node; i++) {
        memcpy(&at, page + 16 + 2 * i, 2);
        memcpy(&flags, page + at + 4, 2);
        node = flags == 1 ? page + at : NULL;
    }
    assert_non_null(node);
    memcpy(&list, node + 16, 8);
    assert_damage(node + 2, &many, 2); /* larger than the file */
    assert_damage(node + 4, &many, 2);
    assert_damage(node + 6, &many, 2);
    assert_damage(node + 16, &none, 8);
    assert_damage(node + 16, &made.last_page, 8);
    assert_damage(made.bytes + list * PAGE + 10, &leaf, 2);
    assert_damage(made.bytes + list * PAGE + 16, &none, 8); /* its count */
    assert_int_equal(check(list * PAGE), MF_EFORMAT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, own_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_lacks_free_pages_opens),
        TEST(a_file_that_lacks_a_used_page_is_refused),
        TEST(every_length_is_judged_as_lmdb_would),
        TEST(a_damaged_list_is_no_list),
        TEST(a_damaged_long_list_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
