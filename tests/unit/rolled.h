/*
 * rolled.h: an instance under KVM that is rolled back after every event, and the node's
 * side of it (spawner/protocol.h, struct mf_control), with the waiting that tests need.
 */
#ifndef MF_TESTS_ROLLED_H
#define MF_TESTS_ROLLED_H

#include "abi/snapshot.h"
#include "blanks.h"
#include "image/image.h"

#define ROLLED_BODY_MAX 0x8000u

struct rolled {
    struct spawner *spawner;
    struct blank blank;
    struct mf_control *control; /* borrowed from the channel */
    uint32_t resets;        /* rollbacks seen so far       */
    uint64_t event_id;      /* of the channel as it is now */
    uint32_t status;        /* of the last reply           */
    uint8_t body[ROLLED_BODY_MAX];
    uint32_t body_bytes;
    int pagemap, image, snapshot;
    bool started;
};

/* A snapshot that adds nothing to the image, of a window of so many bytes; or with these
 * ranges and runs, each page of a run filled with its number's low byte. The caller
 * closes it. */
int rolled_snapshot(const struct image_file *image, uint64_t window_bytes,
                    const struct mf_range *ranges, uint32_t range_count, const struct mf_run *runs,
                    uint32_t run_count);

/* A blank for one, whose start is the first rolled_go(). It borrows the descriptors until
 * then. */
void rolled_open(struct rolled *rolled, struct spawner *spawner, int image_fd, int snapshot_fd);
/* Kill it. */
void rolled_close(struct rolled *rolled);
/* It ends by itself: the status as of waitpid, and what it said if it never started. */
int rolled_end(struct rolled *rolled);
int rolled_end_why(struct rolled *rolled, struct mf_why *why);

/* Put an event into its ring: GET path with this body. */
void rolled_put(struct rolled *rolled, const char *path, const void *body, uint32_t bytes);
/* Its reply; fails the test where none comes. */
void rolled_reply(struct rolled *rolled);
/* Its next rollback; fails the test where none comes. */
void rolled_await_reset(struct rolled *rolled);
/* What the node does once the guest stands still: the channel as new. */
void rolled_renew(struct rolled *rolled);
/* Start it, or enter it again. */
void rolled_go(struct rolled *rolled);

/* All of it: an event, its reply, its rollback, a new channel. */
void rolled_event(struct rolled *rolled, const char *path, const void *body, uint32_t bytes);

#endif
