/*
 * test_confinement.c: what a blank is before its image is known, and what a sealed guest still holds, as
 * the kernel tells it. With the real spawner.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/layout.h"
#include "raw_guest.h"

static void check_credentials(pid_t pid)
{
    static char text[PROC_TEXT_MAX];
    read_proc(pid, "status", text);
    assert_int_equal(field(text, "CapEff:", 16), 0);
    assert_int_equal(field(text, "CapPrm:", 16), 0);
    assert_int_equal(field(text, "CapInh:", 16), 0);
    assert_int_equal(field(text, "CapBnd:", 16), 0);
    assert_int_equal(field(text, "CapAmb:", 16), 0);
    assert_int_equal(field(text, "NoNewPrivs:", 10), 1);
    assert_int_equal(field(text, "Uid:", 10), geteuid() ? geteuid() : 65534);
    assert_int_equal(field(text, "Gid:", 10), geteuid() ? getegid() : 65534);
    char *last = strrchr(strtok(strstr(text, "NSpid:"), "\n"), '\t');
    assert_string_equal(last, "\t1"); /* process 1 of a namespace of its own */
}

/* Root here may lack CAP_SYS_RESOURCE, without which prlimit(2) tells nothing. */
static void check_limits(pid_t pid)
{
    static const struct {
        const char *name;
        unsigned long long value;
    } limits[] = {{"Max core file size", 0},
                  {"Max processes", 0},
                  {"Max file size", 4096},
                  {"Max open files", 24},
                  {"Max locked memory", 0},
                  {"Max msgqueue size", 0},
                  {"Max stack size", 1 << 20},
                  {"Max address space", MF_WINDOW_MAX + (256 << 20)}};
    static char text[PROC_TEXT_MAX];
    read_proc(pid, "limits", text);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        unsigned long long soft = 1, hard = 1;
        const char *at = strstr(text, limits[i].name);
        assert_non_null(at);
        assert_int_equal(sscanf(at + strlen(limits[i].name), "%llu %llu", &soft, &hard), 2);
        assert_int_equal(soft, limits[i].value);
        assert_int_equal(hard, limits[i].value);
    }
}

static void check_namespaces(pid_t pid)
{
    static const char *const own[] = {"user", "mnt", "net", "ipc", "uts", "cgroup", "pid"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char path[64], ours[64] = "", theirs[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", own[i]);
        assert_true(readlink(path, ours, sizeof ours - 1) > 0);
        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, own[i]);
        assert_true(readlink(path, theirs, sizeof theirs - 1) > 0);
        assert_string_not_equal(ours, theirs);
    }
}

static void check_root(pid_t pid)
{
    static char text[PROC_TEXT_MAX];
    char path[64];
    read_proc(pid, "mountinfo", text);
    assert_non_null(strstr(text, " / / ro,nosuid,nodev,noexec"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one mount, no more */
    (void)snprintf(path, sizeof path, "/proc/%d/root/", pid);
    DIR *root = opendir(path);
    assert_non_null(root);
    int entries = 0;
    while (readdir(root))
        entries++;
    (void)closedir(root);
    assert_int_equal(entries, 2); /* . and .. */
}

/* Nothing of the spawner's image is left: gate, trampoline, and a window without an image. */
static void check_waiting_mappings(pid_t pid)
{
    static char text[PROC_TEXT_MAX];
    read_proc(pid, "maps", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to;
        char may[5];
        assert_int_equal(sscanf(line, "%lx-%lx %4s", &from, &to, may), 3);
        if (strstr(line, "[vsyscall]") || strstr(line, "[vdso]") || strstr(line, "[vvar"))
            continue; /* a kernel may seal the vDSO: its calls trap */
        if (from < MF_BOOT_BASE || to > MF_WINDOW_DEFAULT || (may[1] == 'w' && may[2] == 'x') ||
            (may[2] == 'x' && from >= MF_KERNEL_BASE))
            fail_msg("%s", line);
    }
}

/* Numbers: monitor.h. */
static void check_descriptors(pid_t pid, const char *want)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    char seen[16] = "";
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && strlen(seen) < 8)
            (void)strcat(seen, entry->d_name);
    (void)closedir(dir);
    if (strcmp(seen, want) != 0)
        fail_msg("descriptors %s", seen);
}

static void a_blank_is_confined_before_its_image_is_known(void **state)
{
    (void)state;
    struct blank blank;
    spawned(&spawner, 1, MF_SANDBOX_PROCESS, &blank);
    static char text[PROC_TEXT_MAX];
    for (int ms = 0; ms < PATIENCE_MS; ms++) { /* until it sleeps in recvmsg, all done */
        read_proc(blank.pid, "status", text);
        if (strstr(text, "State:\tS") && field(text, "Seccomp:", 10) == 2)
            break;
        (void)usleep(1000);
    }
    check_credentials(blank.pid);
    check_limits(blank.pid);
    check_namespaces(blank.pid);
    check_root(blank.pid);
    check_waiting_mappings(blank.pid);
    check_descriptors(blank.pid, "3456"); /* no standard error */
    assert_int_equal(field(text, "CapEff:", 16), 0);
    assert_int_equal(field(text, "Seccomp_filters:", 10), 1);
    blank_close(&blank);
    assert_int_equal(ended(&spawner, &blank), 0);
}

/* What a sealed guest still holds. */

static void check_mappings(pid_t pid, uint64_t window_bytes)
{
    static char text[PROC_TEXT_MAX];
    read_proc(pid, "maps", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to;
        char may[5];
        assert_int_equal(sscanf(line, "%lx-%lx %4s", &from, &to, may), 3);
        if (strstr(line, "[vsyscall]"))
            continue;
        if (from < MF_BOOT_BASE || to > window_bytes || (may[1] == 'w' && may[2] == 'x'))
            fail_msg("%s", line);
        if (may[2] == 'x')
            assert_true(from == MF_GATE_BASE || from == MF_KERNEL_BASE || from == MF_PROGRAM_BASE);
    }
}

/* Whether this system can leave out huge pages of memory alone (Linux 6.18). */
static bool tells_files_from_memory(void)
{
    bool can = prctl(PR_SET_THP_DISABLE, 1, 2, 0, 0) == 0; /* PR_THP_DISABLE_EXCEPT_ADVISED */
    assert_int_equal(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
    return can;
}

/* Memory of an instance in huge pages, in KiB. */
static unsigned long long huge_memory(pid_t pid)
{
    static char text[PROC_TEXT_MAX];
    read_proc(pid, "smaps_rollup", text);
    return field(text, "AnonHugePages:", 10) + field(text, "ShmemPmdMapped:", 10);
}

/* filters: one is in force before a blank waits; a window of an unusual size adds its own, before
 * a blank for it waits (fit). */
static void check_sealed_guest(const struct blank_fit *fit, uint64_t window_bytes, unsigned filters)
{
    static char text[PROC_TEXT_MAX];
    struct blank blank;
    spawned_for(&spawner, 2, MF_SANDBOX_PROCESS, fit, &blank);
    guest_start(&blank, raw_wait, window_bytes);
    rung_once(&blank);
    check_credentials(blank.pid);
    check_limits(blank.pid);
    check_namespaces(blank.pid);
    check_root(blank.pid);
    check_descriptors(blank.pid, "56"); /* bell and console */
    check_mappings(blank.pid, window_bytes);
    read_proc(blank.pid, "status", text);
    assert_int_equal(field(text, "Seccomp:", 10), 2);
    assert_int_equal(field(text, "Seccomp_filters:", 10), filters);
    assert_int_equal(field(text, "THP_enabled:", 10), tells_files_from_memory());
    assert_int_equal(huge_memory(blank.pid), 0);
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    blank_close(&blank);
}

static void a_sealed_guest_holds_its_window_and_two_descriptors(void **state)
{
    (void)state;
    const struct blank_fit small = {.window_bytes = MF_WINDOW_MIN},
                           large = {.window_bytes = MF_WINDOW_MAX};
    check_sealed_guest(NULL, MF_WINDOW_DEFAULT, 1);
    check_sealed_guest(NULL, MF_WINDOW_MIN, 2);
    check_sealed_guest(NULL, MF_WINDOW_MAX, 2);
    check_sealed_guest(&small, MF_WINDOW_MIN, 2);
    check_sealed_guest(&large, MF_WINDOW_MAX, 2);
}

/* A second filter of another window, or of a function with jit, would not let go of the first one's. */
static void a_blank_for_other_starts_refuses(void **state)
{
    (void)state;
    const struct blank_fit large = {.window_bytes = MF_WINDOW_MAX},
                           jit = {.window_bytes = MF_WINDOW_MAX, .jit = true};
    const struct {
        const struct blank_fit *fit;
        uint64_t window_bytes;
        uint32_t flags;
    } orders[] = {{&large, MF_WINDOW_DEFAULT, 0}, {&large, MF_WINDOW_MAX, MF_START_JIT}, {&jit, MF_WINDOW_MAX, 0}};
    int image = guest_image(raw_halt);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct blank blank;
        struct mf_why why = {{0}};
        const struct start_order order = {
            .image_fd = image, .window_bytes = orders[i].window_bytes, .flags = orders[i].flags};
        spawned_for(&spawner, 3, MF_SANDBOX_PROCESS, orders[i].fit, &blank);
        assert_int_equal(blank_start(&blank, &order, &why), MF_OK);
        (void)ended(&spawner, &blank);
        assert_true(blank_start_failed(&blank, &why));
        assert_false(blank.unready);
        assert_non_null(strstr(why.text, "a blank for 2048 MiB"));
        blank_close(&blank);
    }
    (void)close(image);
}

/* Only the first order is taken: the socket is closed before the guest runs. */
static void a_second_order_finds_nobody(void **state)
{
    (void)state;
    struct blank blank;
    struct mf_why why = {{0}};
    int first = guest_image(raw_wait), second = guest_image(raw_halt);
    const struct start_order orders[] = {{.image_fd = first}, {.image_fd = second}};
    spawned(&spawner, 12, MF_SANDBOX_PROCESS, &blank);
    assert_int_equal(kill(blank.pid, SIGSTOP), 0); /* so that both are there when it looks */
    for (int i = 0; i < 2; i++)
        assert_int_equal(blank_start(&blank, &orders[i], &why), MF_OK);
    assert_int_equal(kill(blank.pid, SIGCONT), 0);
    rung_once(&blank);
    struct pollfd end = {.fd = blank.control};
    assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
    assert_true(end.revents & POLLHUP);
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    (void)close(first);
    (void)close(second);
    blank_close(&blank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_is_confined_before_its_image_is_known),
        cmocka_unit_test(a_sealed_guest_holds_its_window_and_two_descriptors),
        cmocka_unit_test(a_blank_for_other_starts_refuses),
        cmocka_unit_test(a_second_order_finds_nobody),
    };
    return cmocka_run_group_tests(tests, open_spawner, close_spawner);
}
