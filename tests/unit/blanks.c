/* blanks.c: see blanks.h. Every wait is on a descriptor and bounded. */
#include "blanks.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <cmocka.h>

#define SKIPPED 77 /* SKIP_RETURN_CODE of CMakeLists.txt */

void spawner_of_build(struct spawner *spawner)
{
    struct mf_why why = {{0}};
    mf_err err = spawner_open(MF_SPAWNER_PATH, spawner, &why);
    if (err)
        fail_msg("spawner: %s", mf_why_text(&why, err));
}

int run_with_kvm(struct spawner *spawner, int (*tests)(void))
{
    struct mf_why why = {{0}};
    int failed = SKIPPED;
    mf_err err = spawner_open(MF_SPAWNER_PATH, spawner, &why);
    if (err) {
        printf("spawner: %s\n", mf_why_text(&why, err));
        return 1;
    }
    if (spawner->support.usable[MF_SANDBOX_KVM])
        failed = tests();
    else
        printf("SKIPPED: %s\n", spawner->support.why[MF_SANDBOX_KVM].text);
    spawner_close(spawner);
    return failed;
}

bool readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, PATIENCE_MS) == 1;
}

bool gone(int pidfd)
{
    return readable(pidfd);
}

void next_packet(struct spawner *spawner, struct mf_spawn_packet *packet)
{
    assert_true(readable(spawner->fd));
    assert_int_equal(spawner_read(spawner, packet), MF_OK);
}

void spawned(struct spawner *spawner, uint64_t id, enum mf_sandbox sandbox, struct blank *blank)
{
    spawned_for(spawner, id, sandbox, NULL, blank);
}

void spawned_for(struct spawner *spawner, uint64_t id, enum mf_sandbox sandbox,
                 const struct blank_fit *fit, struct blank *blank)
{
    struct mf_why why = {{0}};
    struct mf_spawn_packet packet;
    mf_err err = blank_open(spawner, id, sandbox, fit, blank, &why);
    if (err)
        fail_msg("blank: %s", mf_why_text(&why, err));
    next_packet(spawner, &packet);
    if (packet.type != MF_SPAWNED)
        fail_msg("not spawned: type %u, %s", packet.type, packet.why.text);
    assert_int_equal(packet.id, id);
    assert_true(packet.pid > 0);
    blank->pid = packet.pid;
}

int ended(struct spawner *spawner, const struct blank *blank)
{
    struct mf_spawn_packet packet;
    next_packet(spawner, &packet);
    assert_int_equal(packet.type, MF_EXITED);
    assert_int_equal(packet.id, blank->id);
    assert_int_equal(packet.pid, blank->pid);
    return packet.status;
}
