/* own_folder.c: see own_folder.h. */
#include "own_folder.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_DISK 77

char own_folder[] = "/tmp/mf-test-XXXXXX";

int own_folder_make(void **state)
{
    (void)state;
    strcpy(own_folder + strlen(own_folder) - 6, "XXXXXX");
    return mkdtemp(own_folder) ? 0 : -1;
}

int own_folder_remove(void **state)
{
    char command[64];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", own_folder);
    return system(command);
}

static bool write_text(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        (void)close(fd);
    return written;
}

/* In a user namespace of one's own one is nobody, and may make no file, until the maps
 * are written (user_namespaces(7)). */
static bool be_root_of_the_namespace(uid_t uid, gid_t gid)
{
    char uid_map[32], gid_map[32];
    (void)snprintf(uid_map, sizeof uid_map, "0 %u 1", (unsigned)uid);
    (void)snprintf(gid_map, sizeof gid_map, "0 %u 1", (unsigned)gid);
    return write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", uid_map) &&
           write_text("/proc/self/gid_map", gid_map);
}

static bool mount_disk(const char *size)
{
    char options[32];
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    (void)snprintf(options, sizeof options, "size=%s", size);
    return unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) == 0 &&
           (!uid || be_root_of_the_namespace(uid, gid)) &&
           mount("none", own_folder, "tmpfs", 0, options) == 0;
}

void own_folder_as_disk(const char *size, int (*run)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(mount_disk(size) ? run() : NO_DISK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_DISK)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
