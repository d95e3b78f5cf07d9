/* dirty.c: Linux, Documentation/admin-guide/mm/pagemap.rst. */
#include "monitor/kvm/dirty.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "abi/layout.h"

/* A word of the file itself. The page of zeros does not show in it. */
#define WORD_FILE    (1ull << 61)
#define WORD_SWAPPED (1ull << 62)
#define WORD_PRESENT (1ull << 63)

void dirty_begin(struct dirty *dirty, uint64_t from, uint64_t to)
{
    dirty->at = from;
    dirty->to = to;
    dirty->next = dirty->count = 0;
}

static int next_region(struct dirty *dirty, uint64_t *from, uint64_t *to)
{
    const uint64_t base = (uintptr_t)dirty->window;
    while (dirty->next == dirty->count) {
        if (dirty->at >= dirty->to)
            return 0;
        struct pagemap_scan scan = {.size = sizeof scan,
                                    .start = base + dirty->at,
                                    .end = base + dirty->to,
                                    .vec = (uintptr_t)dirty->region,
                                    .vec_len = DIRTY_REGIONS,
                                    .category_inverted = PAGEMAP_IS_FILE | PAGEMAP_IS_ZERO,
                                    .category_mask = PAGEMAP_IS_FILE | PAGEMAP_IS_ZERO,
                                    .category_anyof_mask = PAGEMAP_IS_PRESENT | PAGEMAP_IS_SWAPPED,
                                    .return_mask = PAGEMAP_IS_FILE};
        int count = ioctl(dirty->pagemap, PAGEMAP_SCAN_CALL, &scan);
        if (count < 0 || count > (int)DIRTY_REGIONS || scan.walk_end <= scan.start)
            return count < 0 ? -errno : -EIO;
        dirty->at = scan.walk_end - base;
        dirty->next = 0;
        dirty->count = (uint32_t)count;
    }
    *from = dirty->region[dirty->next].start - base;
    *to = dirty->region[dirty->next++].end - base;
    return 1;
}

static bool own(uint64_t word)
{
    return word & (WORD_PRESENT | WORD_SWAPPED) && !(word & WORD_FILE);
}

/* at: of the page behind the words that are held. */
static int read_words(struct dirty *dirty)
{
    uint64_t pages = (dirty->to - dirty->at) / MF_PAGE_BYTES;
    uint64_t bytes = (pages < DIRTY_WORDS ? pages : DIRTY_WORDS) * sizeof dirty->word[0];
    uint64_t offset = ((uintptr_t)dirty->window + dirty->at) / MF_PAGE_BYTES * sizeof dirty->word[0];
    ssize_t got = pread(dirty->pagemap, dirty->word, bytes, (off_t)offset);
    if (got != (ssize_t)bytes)
        return got < 0 ? -errno : -EIO;
    dirty->at += bytes / sizeof dirty->word[0] * MF_PAGE_BYTES;
    dirty->next = 0;
    dirty->count = (uint32_t)(bytes / sizeof dirty->word[0]);
    return 1;
}

static uint64_t next_address(const struct dirty *dirty)
{
    return dirty->at - (uint64_t)(dirty->count - dirty->next) * MF_PAGE_BYTES;
}

static int next_words(struct dirty *dirty, uint64_t *from, uint64_t *to)
{
    for (;;) {
        while (dirty->next < dirty->count && !own(dirty->word[dirty->next]))
            dirty->next++;
        if (dirty->next < dirty->count)
            break;
        int more = dirty->at < dirty->to ? read_words(dirty) : 0;
        if (more != 1)
            return more;
    }
    *from = next_address(dirty);
    while (dirty->next < dirty->count && own(dirty->word[dirty->next]))
        dirty->next++;
    *to = next_address(dirty);
    return 1;
}

int dirty_next(struct dirty *dirty, uint64_t *from, uint64_t *to)
{
    int found = dirty->scans ? next_region(dirty, from, to) : next_words(dirty, from, to);
    mf_assert(found != 1 || (*from < *to && *to <= dirty->to));
    return found;
}

/* The page, and nothing behind it that was never touched. */
static int try_out(struct dirty *dirty, uint64_t page)
{
    uint64_t from = 0, to = 0;
    dirty_begin(dirty, page, page + MF_PAGE_BYTES);
    int found = dirty_next(dirty, &from, &to);
    return found < 0 ? found : found == 1 && from == page && to == page + MF_PAGE_BYTES ? 0 : -EIO;
}

mf_err dirty_open(struct dirty *dirty, int pagemap, uint8_t *window, uint64_t page,
                  struct mf_why *why)
{
    *dirty = (struct dirty){.pagemap = pagemap, .scans = true, .window = window};
    int error = try_out(dirty, page);
    if (error) { /* ENOTTY: before Linux 6.7 */
        dirty->scans = false;
        error = try_out(dirty, page);
    }
    if (error)
        return mf_why(why, MF_EUNSUPPORTED,
                      "reset: /proc/PID/pagemap does not tell which pages are written: %s",
                      strerror(-error));
    return MF_OK;
}
