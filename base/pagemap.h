/*
 * pagemap.h: the call PAGEMAP_SCAN on /proc/PID/pagemap, Linux 6.7 (linux/fs.h, which build
 * machines are older than). ENOTTY: an older one.
 */
#ifndef MF_BASE_PAGEMAP_H
#define MF_BASE_PAGEMAP_H

#include <linux/types.h>
#include <stdint.h>
#include <sys/ioctl.h>

struct pagemap_scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct pagemap_region {
    uint64_t start, end, categories;
};
#define PAGEMAP_SCAN_CALL _IOWR('f', 16, struct pagemap_scan)

/* Categories. */
#define PAGEMAP_IS_FILE    (1u << 2)
#define PAGEMAP_IS_PRESENT (1u << 3)
#define PAGEMAP_IS_SWAPPED (1u << 4)
#define PAGEMAP_IS_ZERO    (1u << 5) /* the page of zeros that all share */

#endif
