/* blanks.h: a real spawner and its blanks, with the waiting that tests need. */
#ifndef MF_TESTS_BLANKS_H
#define MF_TESTS_BLANKS_H

#include "node/instance/spawner.h"

#define PATIENCE_MS 60000 /* never reached but by a bug */

/* The spawner of this build; fails the test if it does not open. */
void spawner_of_build(struct spawner *spawner);

/* What main() of tests under KVM does: the tests with the spawner of this build, where KVM
 * works; else 77, and why is said. What it returns is main's result. */
int run_with_kvm(struct spawner *spawner, int (*tests)(void));

/* The next packet; fails the test after PATIENCE_MS. */
void next_packet(struct spawner *spawner, struct mf_spawn_packet *packet);

/* A blank that has been spawned; its pid is known. */
void spawned(struct spawner *spawner, uint64_t id, enum mf_sandbox sandbox, struct blank *blank);
void spawned_for(struct spawner *spawner, uint64_t id, enum mf_sandbox sandbox,
                 const struct blank_fit *fit, struct blank *blank);

/* Wait for its MF_EXITED; the waitpid status. */
int ended(struct spawner *spawner, const struct blank *blank);

/* Readable within PATIENCE_MS? */
bool readable(int fd);

/* Is the process gone (or a zombie) within PATIENCE_MS? pidfd of pidfd_open(2). */
bool gone(int pidfd);

#endif
