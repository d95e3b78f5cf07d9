/*
 * test_kvm_dirty.c: which pages a process has of its own, of mappings like a guest's
 * window, told by this kernel of this process: by PAGEMAP_SCAN where it has that, and by
 * reading the pagemap; and where a page's first content comes from.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/layout.h"
#include "machine.h"
#include "monitor/kvm/content.h"
#include "monitor/kvm/dirty.h"

#define PAGE (uint64_t)MF_PAGE_BYTES
#define PAGES 4096u /* more than one read takes */
#define FILE_FROM 100u
#define FILE_TO 200u

static uint8_t *window;
static int pagemap;
static struct dirty dirty;

static int setup(void **state)
{
    (void)state;
    int file = memfd_create("file", MFD_CLOEXEC);
    window = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0 || pagemap < 0 || window == MAP_FAILED ||
        madvise(window, PAGES * PAGE, MADV_NOHUGEPAGE) ||
        ftruncate(file, (FILE_TO - FILE_FROM) * (off_t)PAGE) ||
        mmap(window + FILE_FROM * PAGE, (FILE_TO - FILE_FROM) * PAGE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
        return -1;
    return close(file);
}

static int teardown(void **state)
{
    (void)state;
    return munmap(window, PAGES * PAGE) || close(pagemap);
}

static void write_to(uint32_t page)
{
    *(volatile uint8_t *)(window + page * PAGE) = 1;
}

static void read_from(uint32_t page)
{
    (void)*(volatile uint8_t *)(window + page * PAGE);
}

/* [from, to) as it is told, one byte a page. */
static void ask(bool scans, uint32_t from, uint32_t to, uint8_t told[PAGES])
{
    uint64_t first, end, before = from * PAGE;
    int found;
    memset(told, 0, PAGES);
    dirty.scans = scans;
    dirty_begin(&dirty, from * PAGE, to * PAGE);
    while ((found = dirty_next(&dirty, &first, &end)) == 1) {
        assert_true(first >= before && first < end && end <= to * PAGE);
        for (uint64_t at = first; at < end; at += PAGE)
            told[at / PAGE]++;
        before = end;
    }
    assert_int_equal(found, 0);
}

static void exactly_the_pages_that_were_written_are_told(void **state)
{
    (void)state;
    static const uint32_t written[] = {0, 1, 7, 99, 100, 150, 199, 200, 1023, 1024, 4095};
    static const uint32_t only_read[] = {3, 101, 198, 300};
    static uint8_t expected[PAGES], told[PAGES];
    struct mf_why why;
    write_to(0);
    assert_int_equal(dirty_open(&dirty, pagemap, window, 0, &why), MF_OK);
    const bool scans = dirty.scans;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        write_to(written[i]);
        expected[written[i]] = 1;
    }
    for (uint32_t page = 2000; page < 2400; page += 2) { /* more stretches than one call tells */
        write_to(page);
        expected[page] = 1;
    }
    const bool shared = machine_shares_zeros();
    for (size_t i = 0; i < sizeof only_read / sizeof *only_read; i++) {
        const uint32_t page = only_read[i];
        read_from(page);
        expected[page] = !shared && (page < FILE_FROM || page >= FILE_TO);
    }
    if (scans) {
        ask(true, 0, PAGES, told);
        assert_memory_equal(told, expected, PAGES);
        ask(true, 100, 101, told);
        assert_int_equal(told[100], 1);
    }
    ask(false, 0, PAGES, told);
    told[3] = expected[3]; /* the zeros that all share do not show as such */
    told[300] = expected[300];
    assert_memory_equal(told, expected, PAGES);
    assert_int_equal(madvise(window + 2000 * PAGE, 400 * PAGE, MADV_DONTNEED), 0);
    ask(scans, 2000, 2400, told);
    for (uint32_t page = 0; page < PAGES; page++)
        assert_int_equal(told[page], 0);
}

static void what_is_no_pagemap_is_refused(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    write_to(0);
    assert_int_equal(dirty_open(&dirty, null, window, 0, &why), MF_EUNSUPPORTED);
    assert_non_null(strstr(why.text, "pagemap"));
    /* Of a process, but it does not know the page that is ours. */
    assert_int_equal(dirty_open(&dirty, pagemap, window, 5 * PAGE, &why), MF_EUNSUPPORTED);
    (void)close(null);
}

static void contents_come_from_the_snapshot_before_the_image(void **state)
{
    (void)state;
    enum { FIRST = MF_KERNEL_BASE / MF_PAGE_BYTES };
    static const struct image image = {
        .segment = {{.address = MF_KERNEL_BASE,
                     .memory_bytes = 8 * MF_PAGE_BYTES,
                     .file_offset = MF_PAGE_BYTES,
                     .file_bytes = 6 * MF_PAGE_BYTES}},
        .segment_count = 1};
    static const struct mf_run runs[] = {{FIRST + 1, 2, 1, 0}, {FIRST + 5, 4, 3, MF_RUN_COPY}};
    static const struct mf_snapshot head = {.run_count = 2};
    static uint8_t image_file[7 * MF_PAGE_BYTES], snapshot_file[MF_KERNEL_BASE + 16 * MF_PAGE_BYTES];
    const struct content content = {.image = &image,
                                    .snapshot = {.head = &head, .runs = runs},
                                    .image_file = image_file,
                                    .snapshot_file = snapshot_file};
    static const struct {
        uint32_t from, to;
        bool of_snapshot;
    } expected[] = {{0, 1, false}, {1, 3, true}, {3, 5, false}, {5, 9, true}};
    uint64_t at = MF_KERNEL_BASE;
    struct extent extent;
    for (size_t i = 0; i < 4; i++, at = extent.to) {
        assert_true(content_next(&content, at, MF_PROGRAM_BASE, &extent));
        assert_int_equal(extent.from, (FIRST + expected[i].from) * PAGE);
        assert_int_equal(extent.to, (FIRST + expected[i].to) * PAGE);
        assert_ptr_equal(extent.bytes, expected[i].of_snapshot
                                           ? snapshot_file + extent.from
                                           : image_file + PAGE + expected[i].from * PAGE);
    }
    assert_false(content_next(&content, at, MF_PROGRAM_BASE, &extent));
    /* Cut to what was asked for. */
    assert_true(content_next(&content, MF_KERNEL_BASE + 6 * PAGE, MF_KERNEL_BASE + 7 * PAGE, &extent));
    assert_int_equal(extent.from, MF_KERNEL_BASE + 6 * PAGE);
    assert_int_equal(extent.to, MF_KERNEL_BASE + 7 * PAGE);
    assert_false(content_next(&(struct content){0}, 0, MF_WINDOW_MAX, &extent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exactly_the_pages_that_were_written_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_pagemap_is_refused, setup, teardown),
        cmocka_unit_test(contents_come_from_the_snapshot_before_the_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
