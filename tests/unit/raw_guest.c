/* raw_guest.c: see raw_guest.h. */
#include "raw_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "raw_image.h"

struct spawner spawner;

int open_spawner(void **state)
{
    (void)state;
    spawner_of_build(&spawner);
    return 0;
}

int close_spawner(void **state)
{
    (void)state;
    spawner_close(&spawner);
    return 0;
}

int guest_image(const char *entry)
{
    const struct raw_entries entries = {.entry = entry};
    int image = raw_image(&entries);
    assert_true(image >= 0);
    return image;
}

void guest_start(struct blank *blank, const char *entry, uint64_t window_bytes)
{
    struct mf_why why = {{0}};
    int image = guest_image(entry);
    const struct start_order order = {.image_fd = image, .window_bytes = window_bytes};
    mf_err err = blank_start(blank, &order, &why);
    (void)close(image);
    if (err)
        fail_msg("%s", mf_why_text(&why, err));
}

void rung_once(struct blank *blank)
{
    uint64_t rung;
    assert_true(readable(blank->bell));
    assert_int_equal(read(blank->bell, &rung, sizeof rung), sizeof rung);
    assert_int_equal(rung, 1);
}

void waiting_guest(struct spawner *of, uint64_t id, struct blank *blank)
{
    spawned(of, id, MF_SANDBOX_PROCESS, blank);
    guest_start(blank, raw_wait, 0);
    rung_once(blank);
}

int pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(fd >= 0);
    return fd;
}

void read_proc(pid_t pid, const char *name, char text[PROC_TEXT_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t bytes = 0;
    ssize_t got;
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    while (bytes < PROC_TEXT_MAX - 1 && (got = read(fd, text + bytes, PROC_TEXT_MAX - 1 - bytes)) > 0)
        bytes += (size_t)got;
    text[bytes] = 0;
    (void)close(fd);
}

unsigned long long field(const char *text, const char *key, int base)
{
    const char *at = strstr(text, key);
    if (!at)
        fail_msg("no %s in status", key);
    return strtoull(at + strlen(key), NULL, base);
}
