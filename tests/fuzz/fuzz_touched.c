/*
 * fuzz_touched.c: a file of touched pages, which says what a guest did, from the parser to
 * the pages that a monitor prepares. Whatever it says: runs lie in order between kernel and
 * channel, within the bounds of abi/touched.h; what two lists have in common is in both; and
 * no byte of a window is another afterwards, nor is a page outside touched.
 * Input: the file; its magic and sizes are set right for it, for else nothing would ever be
 * decoded.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/channel.h"
#include "image/touched.h"
#include "monitor/common/window.h"

#define WINDOW MF_WINDOW_DEFAULT
#define PREPARED_MAX 64u /* pages; more would only take time */
#define FIRST (MF_KERNEL_BASE / MF_PAGE_BYTES)
#define END ((uint32_t)((WINDOW - MF_CHANNEL_BYTES) / MF_PAGE_BYTES))

static uint8_t *window;

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void check_runs(const struct mf_touched_run *runs, uint32_t count)
{
    uint64_t free = FIRST, pages = 0;
    must(count <= MF_TOUCHED_RUNS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        must(runs[i].pages > 0 && runs[i].page >= free);
        free = (uint64_t)runs[i].page + runs[i].pages;
        pages += runs[i].pages;
    }
    must(free <= END && pages <= MF_TOUCHED_PAGES_MAX);
}

/* The list, against itself and against its own second half. */
static void check_common(const struct touched *touched)
{
    static struct mf_touched_run out[MF_TOUCHED_RUNS_MAX];
    const uint32_t count = touched->head->run_count, half = count / 2;
    must(touched_common(touched->runs, count, touched->runs, count, out) == count &&
         memcmp(out, touched->runs, count * sizeof *out) == 0);
    must(touched_common(touched->runs, count, touched->runs + half, count - half, out) ==
             count - half &&
         memcmp(out, touched->runs + half, (count - half) * sizeof *out) == 0);
    must(touched_common(touched->runs, half, touched->runs + half, count - half, out) == 0);
}

static bool is_there(uint32_t page)
{
    unsigned char there = 0;
    must(mincore(window + (uint64_t)page * MF_PAGE_BYTES, MF_PAGE_BYTES, &there) == 0);
    return there & 1;
}

static void check_window(const struct touched *touched)
{
    static const uint8_t zeros[MF_PAGE_BYTES];
    window_prepare(window, touched);
    must(!is_there(FIRST - 1) && !is_there(END));
    for (uint32_t i = 0; i < touched->head->run_count; i++)
        must(memcmp(window + (uint64_t)touched->runs[i].page * MF_PAGE_BYTES, zeros,
                    sizeof zeros) == 0);
    must(madvise(window, WINDOW, MADV_DONTNEED) == 0);
}

static void make_plausible(struct mf_touched *head, size_t bytes)
{
    head->magic = MF_TOUCHED_MAGIC;
    head->abi_version = MF_ABI_VERSION;
    head->run_count = (uint32_t)((bytes - sizeof *head) / sizeof(struct mf_touched_run));
    head->samples = 1 + head->samples % MF_TOUCHED_SAMPLES;
    head->reserved = 0;
    head->window_bytes = WINDOW;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static union {
        struct mf_touched head;
        uint8_t bytes[MF_TOUCHED_BYTES_MAX + sizeof(struct mf_touched_run)];
    } file;
    struct touched touched;
    struct mf_why why;
    if (bytes < sizeof file.head || bytes > sizeof file)
        return 0;
    if (!window) {
        window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        must(window != MAP_FAILED);
    }
    memcpy(&file, data, bytes);
    /* As it is, then as a plausible one: the parser must survive both. */
    (void)!touched_parse(&file, bytes, &touched, &why);
    make_plausible(&file.head, bytes);
    if (touched_parse(&file, bytes, &touched, &why) != MF_OK)
        return 0;
    check_runs(touched.runs, touched.head->run_count);
    check_common(&touched);
    if (touched_pages(&touched) <= PREPARED_MAX)
        check_window(&touched);
    return 0;
}
