/*
 * test_kvm_reset.c: instances that are rolled back after every event: what a guest leaves
 * anywhere is not there when the next one begins. Real spawner, real VMs; skipped (status
 * 77) without a usable /dev/kvm. Guests: the hostile kernel of tests/guests/raw, told to
 * leave marks everywhere and to look for them; a function with our kernel, frozen.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/snapshot.h"
#include "base/clock.h"
#include "image/image.h"
#include "node/instance/freeze.h"
#include "node/instance/session.h"
#include "rolled.h"

#define SKIPPED 77

static struct spawner spawner;
static const char *images;

static int open_image(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.mf", images, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s is not built", path);
    return fd;
}

/* Boot the image, wait until it has parked itself, read it out. */
static int freeze(int image_fd)
{
    struct session_host host;
    struct session session;
    struct image_file file;
    struct mf_why why = {{0}};
    const struct session_options options = {
        .sandbox = MF_SANDBOX_KVM, .image_fd = image_fd, .flags = MF_START_FREEZE};
    const uint64_t until_ns = mf_monotonic_ns() + PATIENCE_MS * MF_NS_PER_MS;
    assert_int_equal(session_host_open(MF_SPAWNER_PATH, &host, &why), MF_OK);
    assert_int_equal(session_open(&host, &options, &session, &why), MF_OK);
    while (!session.frozen && session.state != SESSION_ENDED && mf_monotonic_ns() < until_ns)
        session_step(&host, until_ns);
    assert_true(session.frozen);
    assert_int_equal(image_open(image_fd, false, &file, &why), MF_OK);
    const struct freeze_order order = {
        .pid = session.blank.pid,
        .parent = host.spawner.pid,
        .sandbox = MF_SANDBOX_KVM,
        .window_bytes = file.image.info.window_bytes,
        .image = &file.image,
        .ranges = (const struct mf_range *)(const void *)session.ranges.data,
        .range_count = (uint32_t)(session.ranges.bytes / sizeof(struct mf_range)),
    };
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    mf_err err = freeze_write(&order, fd, &why);
    if (err)
        fail_msg("freeze: %s", mf_why_text(&why, err));
    image_close(&file);
    session_close(&session);
    session_host_close(&host);
    return fd;
}

static void a_counter_in_a_global_shows_1_1_1(void **state)
{
    (void)state;
    struct rolled rolled;
    int image_fd = open_image("frozen"), snapshot_fd = freeze(image_fd);
    rolled_open(&rolled, &spawner, image_fd, snapshot_fd, 0);
    for (int i = 0; i < 5; i++) {
        rolled_event(&rolled, "/count", NULL, 0);
        assert_int_equal(rolled.status, 200);
        assert_int_equal(rolled.body_bytes, 1);
        assert_int_equal(rolled.body[0], '1');
        if (getenv("RESET_VERBOSE"))
            print_message("pages %u, %.1f us\n", rolled.control->dirty_pages,
                          (double)rolled.control->reset_ns / 1e3);
    }
    rolled_close(&rolled);
    (void)close(snapshot_fd);
    (void)close(image_fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_in_a_global_shows_1_1_1),
    };
    struct mf_why why = {{0}};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_kvm_reset IMAGES\n");
        return 2;
    }
    images = argv[1];
    mf_err err = spawner_open(MF_SPAWNER_PATH, &spawner, &why);
    if (err) {
        printf("spawner: %s\n", mf_why_text(&why, err));
        return 1;
    }
    if (!spawner.support.usable[MF_SANDBOX_KVM]) {
        printf("SKIPPED: %s\n", spawner.support.why[MF_SANDBOX_KVM].text);
        spawner_close(&spawner);
        return SKIPPED;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    spawner_close(&spawner);
    return failed;
}
