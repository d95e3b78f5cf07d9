/*
 * test_spawner.c: blanks from fork to end: what confines them, how they end at every
 * stage, and that nothing stays behind whoever is killed. All with the real spawner.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "abi/layout.h"
#include "blanks.h"
#include "raw_image.h"

extern const char raw_halt[], raw_spin[], raw_wait[];

#define HOST_STATUS ((MF_CAUSE_STATUS + MF_CAUSE_HOST) << 8)
#define TEXT_MAX 65536

static struct spawner spawner;

static int open_spawner(void **state)
{
    (void)state;
    spawner_of_build(&spawner);
    return 0;
}

static int close_spawner(void **state)
{
    (void)state;
    spawner_close(&spawner);
    return 0;
}

static int guest_image(const char *entry)
{
    const struct raw_entries entries = {.entry = entry};
    int image = raw_image(&entries);
    assert_true(image >= 0);
    return image;
}

static void start_in(struct blank *blank, const char *entry, uint64_t window_bytes)
{
    struct mf_why why = {{0}};
    int image = guest_image(entry);
    const struct start_order order = {.image_fd = image, .window_bytes = window_bytes};
    mf_err err = blank_start(blank, &order, &why);
    (void)close(image);
    if (err)
        fail_msg("%s", mf_why_text(&why, err));
}

static void start(struct blank *blank, const char *entry)
{
    start_in(blank, entry, 0);
}

static void rung_once(struct blank *blank)
{
    uint64_t rung;
    assert_true(readable(blank->bell));
    assert_int_equal(read(blank->bell, &rung, sizeof rung), sizeof rung);
    assert_int_equal(rung, 1);
}

/* A guest that has rung once: it is sealed and runs. */
static void waiting_guest(struct spawner *of, uint64_t id, struct blank *blank)
{
    spawned(of, id, MF_SANDBOX_PROCESS, blank);
    start(blank, raw_wait);
    rung_once(blank);
}

static int pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(fd >= 0);
    return fd;
}

static void read_proc(pid_t pid, const char *name, char text[TEXT_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t bytes = 0;
    ssize_t got;
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    while (bytes < TEXT_MAX - 1 && (got = read(fd, text + bytes, TEXT_MAX - 1 - bytes)) > 0)
        bytes += (size_t)got;
    text[bytes] = 0;
    (void)close(fd);
}

/* Number after "key:" in a /proc/PID/status text. */
static unsigned long long field(const char *text, const char *key, int base)
{
    const char *at = strstr(text, key);
    if (!at)
        fail_msg("no %s in status", key);
    return strtoull(at + strlen(key), NULL, base);
}

static void both_sandboxes_are_reported(void **state)
{
    (void)state;
    struct sandbox_support support;
    spawner_support(&spawner, &support);
    if (!support.usable[MF_SANDBOX_PROCESS])
        fail_msg("%s", support.why[MF_SANDBOX_PROCESS].text);
    assert_true(support.usable[MF_SANDBOX_AUTO]);
    if (!support.usable[MF_SANDBOX_KVM])
        assert_true(strlen(support.why[MF_SANDBOX_KVM].text) > 10);
}

/* Confinement, as the kernel tells it. */

static void check_credentials(pid_t pid)
{
    static char text[TEXT_MAX];
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
    static char text[TEXT_MAX];
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
    static char text[TEXT_MAX];
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
    static char text[TEXT_MAX];
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
    static char text[TEXT_MAX];
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
    static char text[TEXT_MAX];
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
    static char text[TEXT_MAX];
    read_proc(pid, "smaps_rollup", text);
    return field(text, "AnonHugePages:", 10) + field(text, "ShmemPmdMapped:", 10);
}

/* filters: one is in force before a blank waits; a window of an unusual size adds its own. */
static void check_sealed_guest(uint64_t window_bytes, unsigned filters)
{
    static char text[TEXT_MAX];
    struct blank blank;
    spawned(&spawner, 2, MF_SANDBOX_PROCESS, &blank);
    start_in(&blank, raw_wait, window_bytes);
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
    check_sealed_guest(MF_WINDOW_DEFAULT, 1);
    check_sealed_guest(MF_WINDOW_MIN, 2);
    check_sealed_guest(MF_WINDOW_MAX, 2);
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

/* Its life. */

static void the_bell_wakes_a_guest(void **state)
{
    (void)state;
    struct blank blank;
    const struct mf_desc desc = {.type = MF_MSG_CANCEL};
    uint64_t rung;
    waiting_guest(&spawner, 3, &blank);
    for (int i = 0; i < 100; i++) {
        struct mf_channel_head *head = (struct mf_channel_head *)(void *)blank.channel.base;
        __atomic_store_n(&head->guest_sleeping, 1, __ATOMIC_SEQ_CST); /* what its kernel would say */
        assert_int_equal(channel_put(&blank.channel, &desc, NULL, NULL), MF_OK);
        channel_bell(&blank.channel);
        assert_true(readable(blank.bell));
        assert_int_equal(read(blank.bell, &rung, sizeof rung), sizeof rung);
    }
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    blank_close(&blank);
}

/* Steps from the spawner's own, which may run under nice(1) itself. */
static void check_nice(struct spawner *parent, int steps, int expected)
{
    struct blank blank;
    struct mf_why why = {{0}};
    spawned(parent, 4, MF_SANDBOX_PROCESS, &blank);
    int image = guest_image(raw_wait);
    assert_int_equal(blank_start(&blank, &(struct start_order){.image_fd = image, .nice = steps}, &why), MF_OK);
    (void)close(image);
    assert_true(readable(blank.bell));
    errno = 0;
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)blank.pid), expected);
    blank_kill(&blank);
    assert_int_equal(ended(parent, &blank), SIGKILL);
    blank_close(&blank);
}

static void nice_is_in_force(void **state)
{
    (void)state;
    int own = getpriority(PRIO_PROCESS, 0);
    check_nice(&spawner, 0, own > 0 ? own : 0);
    check_nice(&spawner, 7, (own > 0 ? own : 0) + 7 < 19 ? (own > 0 ? own : 0) + 7 : 19);
}

static void a_spawner_under_nice_starts_instances_below_itself(void **state)
{
    (void)state;
    struct spawner low;
    struct mf_why why = {{0}};
    int own = getpriority(PRIO_PROCESS, 0), below = own + 3 < 19 ? own + 3 : 19;
    assert_int_equal(setpriority(PRIO_PROCESS, 0, below), 0);
    mf_err err = spawner_open(MF_SPAWNER_PATH, &low, &why);
    if (setpriority(PRIO_PROCESS, 0, own) != 0) /* all further tests stay low: no harm */
        print_message("no right to go back to nice %d\n", own);
    assert_int_equal(err, MF_OK);
    check_nice(&low, 0, below);
    check_nice(&low, 19, 19);
    spawner_close(&low);
}

/* It gave up while its order to start was on the way: recv(2) says ECONNRESET first. */
static void why_a_start_failed_is_heard_behind_an_unread_order(void **state)
{
    (void)state;
    struct mf_spawn_packet said = {.magic = MF_SPAWN_MAGIC, .type = MF_START_FAILED, .why = {"because"}};
    struct mf_why why = {{0}};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct blank blank = {.control = ends[0]};
    assert_int_equal(send(ends[0], "order", 5, 0), 5);
    assert_int_equal(send(ends[1], &said, sizeof said, 0), sizeof said);
    (void)close(ends[1]);
    assert_true(blank_start_failed(&blank, &why));
    assert_string_equal(why.text, "because");
    assert_false(blank_start_failed(&blank, &why));
    (void)close(ends[0]);
}

static void a_killed_blank_is_reported(void **state)
{
    (void)state;
    struct blank blank;
    spawned(&spawner, 5, MF_SANDBOX_PROCESS, &blank);
    blank_kill(&blank);
    int status = ended(&spawner, &blank);
    assert_int_equal(status, SIGKILL);
    assert_string_equal(exit_cause(status), "killed");
    blank_close(&blank);
}

static void a_spinning_guest_is_killed(void **state)
{
    (void)state;
    struct blank blank;
    spawned(&spawner, 6, MF_SANDBOX_PROCESS, &blank);
    start(&blank, raw_spin);
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    blank_close(&blank);
}

/* In T, and back, by the spawner alone. */
static void a_paused_guest_stands_still_and_goes_on(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    struct blank blank;
    spawned(&spawner, 70, MF_SANDBOX_PROCESS, &blank);
    start(&blank, raw_spin);
    for (int stop = 1; stop >= 0; stop--) {
        assert_true(blank_pause(&blank, stop));
        do
            read_proc(blank.pid, "status", text);
        while (!strstr(text, stop ? "State:\tT" : "State:\tR"));
    }
    assert_true(blank_pause(&blank, true));
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    assert_true(blank_pause(&blank, true)); /* reaped: nobody is stopped */
    blank_close(&blank);
}

static void a_kill_of_nobody_harms_nobody(void **state)
{
    (void)state;
    struct blank blank, other = {.id = 999, .control = -1, .bell = -1, .console = -1,
                                 .spawner = &spawner};
    waiting_guest(&spawner, 7, &blank);
    blank_kill(&other);
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    blank_kill(&blank); /* reaped: an id that the spawner knows no more */
    blank_close(&blank);
    spawned(&spawner, 8, MF_SANDBOX_PROCESS, &blank);
    blank_close(&blank);
    assert_int_equal(ended(&spawner, &blank), 0);
}

static void check_start_fails(int image, uint64_t window_bytes, int nice, const char *env,
                              uint32_t env_bytes, uint32_t env_count, const char *word)
{
    struct blank blank;
    struct mf_why why = {{0}};
    spawned(&spawner, 9, MF_SANDBOX_PROCESS, &blank);
    const struct start_order order = {.image_fd = image,
                                      .window_bytes = window_bytes,
                                      .nice = nice,
                                      .env = env,
                                      .env_bytes = env_bytes,
                                      .env_count = env_count};
    assert_int_equal(blank_start(&blank, &order, &why), MF_OK);
    int status = ended(&spawner, &blank);
    assert_int_equal(status, HOST_STATUS);
    assert_string_equal(exit_cause(status), "host");
    assert_true(blank_start_failed(&blank, &why));
    if (!strstr(why.text, word))
        fail_msg("\"%s\" does not say \"%s\"", why.text, word);
    blank_close(&blank);
}

static void a_bad_start_is_refused_with_the_reason(void **state)
{
    (void)state;
    int image = guest_image(raw_halt), text = memfd_create("text", MFD_CLOEXEC);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(write(text, "hello, world", 12), 12);
    check_start_fails(text, 0, 0, "", 0, 0, "ELF");
    check_start_fails(null, 0, 0, "", 0, 0, "not a file");
    check_start_fails(image, MF_WINDOW_MIN - 1, 0, "", 0, 0, "window");
    check_start_fails(image, MF_WINDOW_MAX + MF_WINDOW_STEP, 0, "", 0, 0, "window");
    check_start_fails(image, 0, 20, "", 0, 0, "nice");
    check_start_fails(image, 0, -1, "", 0, 0, "nice");
    check_start_fails(image, 0, 0, "A=b", 3, 1, "environment");
    check_start_fails(image, 0, 0, "A=b", 4, 2, "environment");
    (void)close(image);
    (void)close(text);
    (void)close(null);
}

static void a_start_without_an_image_is_refused(void **state)
{
    (void)state;
    struct blank blank;
    struct mf_why why = {{0}};
    spawned(&spawner, 10, MF_SANDBOX_PROCESS, &blank);
    assert_int_equal(send(blank.control, "nonsense", 8, 0), 8);
    assert_int_equal(ended(&spawner, &blank), HOST_STATUS);
    assert_true(blank_start_failed(&blank, &why));
    assert_non_null(strstr(why.text, "descriptor"));
    blank_close(&blank);
}

static void the_largest_window_and_environment_start(void **state)
{
    (void)state;
    struct blank blank;
    struct mf_why why = {{0}};
    static char env[MF_START_ENV_MAX];
    memset(env, 'x', sizeof env - 1);
    spawned(&spawner, 11, MF_SANDBOX_PROCESS, &blank);
    int image = guest_image(raw_halt);
    struct start_order order = {.image_fd = image,
                                .window_bytes = MF_WINDOW_MAX,
                                .nice = 19,
                                .env = env,
                                .env_bytes = sizeof env,
                                .env_count = 1};
    assert_int_equal(blank_start(&blank, &order, &why), MF_OK);
    int status = ended(&spawner, &blank);
    if (blank_start_failed(&blank, &why))
        fail_msg("%s", why.text);
    assert_int_equal(status, 0);
    order.env_bytes++;
    assert_int_equal(blank_start(&blank, &order, &why), MF_ETOOBIG);
    (void)close(image);
    blank_close(&blank);
}

/* Nothing stays behind. */

static int open_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

static void blanks_leave_no_descriptors(void **state)
{
    (void)state;
    static struct blank blank[32];
    static char text[TEXT_MAX];
    int before = open_descriptors();
    read_proc(spawner.pid, "status", text);
    unsigned long long spawner_before = field(text, "FDSize:", 10);
    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < 32; i++)
            spawned(&spawner, i, MF_SANDBOX_PROCESS, &blank[i]);
        for (size_t i = 0; i < 32; i++) {
            blank_close(&blank[i]);
            assert_int_equal(ended(&spawner, &blank[i]), 0);
        }
    }
    assert_int_equal(open_descriptors(), before);
    read_proc(spawner.pid, "status", text);
    assert_int_equal(field(text, "FDSize:", 10), spawner_before);
}

static void closing_the_spawner_ends_all(void **state)
{
    (void)state;
    struct spawner own;
    struct blank unstarted, running;
    spawner_of_build(&own);
    spawned(&own, 1, MF_SANDBOX_PROCESS, &unstarted);
    waiting_guest(&own, 2, &running);
    int first = pidfd(unstarted.pid), second = pidfd(running.pid);
    spawner_close(&own);
    assert_true(gone(first) && gone(second));
    blank_close(&unstarted);
    blank_close(&running);
    (void)close(first);
    (void)close(second);
}

static void a_killed_spawner_takes_all_along(void **state)
{
    (void)state;
    struct spawner own;
    struct blank unstarted, running;
    struct mf_spawn_packet packet;
    spawner_of_build(&own);
    spawned(&own, 1, MF_SANDBOX_PROCESS, &unstarted);
    waiting_guest(&own, 2, &running);
    int first = pidfd(unstarted.pid), second = pidfd(running.pid);
    assert_int_equal(kill(own.pid, SIGKILL), 0);
    assert_true(gone(first) && gone(second));
    assert_true(readable(own.fd));
    assert_int_equal(spawner_read(&own, &packet), MF_EDEAD);
    spawner_close(&own);
    blank_close(&unstarted);
    blank_close(&running);
    (void)close(first);
    (void)close(second);
}

/* In a child, a node with a spawner, a blank and a guest; tells their pids. */
_Noreturn static void be_a_node(int report)
{
    struct spawner own;
    struct blank unstarted, running;
    spawner_of_build(&own);
    spawned(&own, 1, MF_SANDBOX_PROCESS, &unstarted);
    waiting_guest(&own, 2, &running);
    const pid_t pids[3] = {own.pid, unstarted.pid, running.pid};
    (void)!write(report, pids, sizeof pids);
    for (;;)
        (void)pause();
}

static void a_killed_node_takes_all_along(void **state)
{
    (void)state;
    int pipe_fd[2], fd[3];
    pid_t pids[3];
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    pid_t node = fork();
    assert_true(node >= 0);
    if (node == 0)
        be_a_node(pipe_fd[1]);
    (void)close(pipe_fd[1]);
    assert_true(readable(pipe_fd[0]));
    assert_int_equal(read(pipe_fd[0], pids, sizeof pids), sizeof pids);
    for (int i = 0; i < 3; i++)
        fd[i] = pidfd(pids[i]);
    assert_int_equal(kill(node, SIGKILL), 0);
    assert_int_equal(waitpid(node, NULL, 0), node);
    for (int i = 0; i < 3; i++) {
        assert_true(gone(fd[i]));
        (void)close(fd[i]);
    }
    (void)close(pipe_fd[0]);
}

static void nonsense_ends_the_spawner_and_all_with_it(void **state)
{
    (void)state;
    static const struct mf_spawn_packet no_magic = {.type = MF_KILL},
                                        no_fds = {.magic = MF_SPAWN_MAGIC, .type = MF_SPAWN},
                                        no_type = {.magic = MF_SPAWN_MAGIC, .type = 99};
    const struct mf_spawn_packet *const nonsense[] = {&no_magic, &no_fds, &no_type};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        struct spawner own;
        struct blank blank;
        spawner_of_build(&own);
        waiting_guest(&own, 1, &blank);
        int fd = pidfd(blank.pid);
        assert_int_equal(send(own.fd, nonsense[i], sizeof **nonsense, 0), sizeof **nonsense);
        assert_true(gone(fd));
        (void)close(fd);
        spawner_close(&own);
        blank_close(&blank);
    }
}

static void an_unknown_sandbox_is_a_failed_spawn(void **state)
{
    (void)state;
    struct blank blank;
    struct mf_why why = {{0}};
    struct mf_spawn_packet packet;
    assert_int_equal(blank_open(&spawner, 12, (enum mf_sandbox)7, &blank, &why), MF_OK);
    next_packet(&spawner, &packet);
    assert_int_equal(packet.type, MF_SPAWN_FAILED);
    assert_int_equal(packet.id, 12);
    assert_non_null(strstr(packet.why.text, "sandbox"));
    blank_close(&blank);
}

static void a_spawner_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct spawner none;
    struct mf_why why = {{0}};
    assert_int_equal(spawner_open("/nowhere/mayfly-spawner", &none, &why), MF_ENOENT);
    assert_non_null(strstr(why.text, "/nowhere/mayfly-spawner"));
    assert_int_equal(none.fd, -1);
}

static void a_program_that_is_no_spawner_is_an_error(void **state)
{
    (void)state;
    struct spawner none;
    struct mf_why why = {{0}};
    assert_int_equal(spawner_open("/bin/true", &none, &why), MF_EDEAD);
}

static void copy_file(const char *from, const char *to)
{
    char block[4096];
    ssize_t got;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, block, sizeof block)) > 0)
        assert_int_equal(write(out, block, (size_t)got), got);
    (void)close(in);
    (void)close(out);
}

/* A user namespace may not be made in a chroot: the spawner must say so, not run. */
static void a_refused_namespace_is_a_refusal(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can chroot */
    char root[] = "/tmp/mayfly-chroot-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(mkdir("dev", 0700), 0);
    copy_file("/dev/null", "dev/null"); /* an empty file will do */
    copy_file(MF_SPAWNER_PATH, "mayfly-spawner");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct spawner own;
        struct mf_why why = {{0}};
        if (chroot(root) != 0 || spawner_open("/mayfly-spawner", &own, &why) != MF_EDENIED)
            _exit(1);
        _exit(strstr(why.text, "chroot") ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(unlink("mayfly-spawner") | unlink("dev/null") | rmdir("dev"), 0);
    assert_int_equal(chdir("/") | rmdir(root), 0);
    assert_int_equal(status, 0);
}

static void exit_causes_have_names(void **state)
{
    (void)state;
    assert_string_equal(exit_cause(0), "halted");
    assert_string_equal(exit_cause((MF_CAUSE_STATUS + MF_CAUSE_PAGE_FAULT) << 8), "page-fault");
    assert_string_equal(exit_cause(HOST_STATUS), "host");
    assert_string_equal(exit_cause((MF_CAUSE_STATUS + MF_CAUSE_COUNT) << 8), "protocol");
    assert_string_equal(exit_cause(MF_CAUSE_STATUS << 8), "protocol");
    assert_string_equal(exit_cause(1 << 8), "protocol");
    assert_string_equal(exit_cause(SIGSYS), "protocol");
    assert_string_equal(exit_cause(SIGKILL), "killed");
    assert_string_equal(exit_cause(SIGSEGV), "triple-fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sandboxes_are_reported),
        cmocka_unit_test(a_blank_is_confined_before_its_image_is_known),
        cmocka_unit_test(a_sealed_guest_holds_its_window_and_two_descriptors),
        cmocka_unit_test(a_second_order_finds_nobody),
        cmocka_unit_test(the_bell_wakes_a_guest),
        cmocka_unit_test(nice_is_in_force),
        cmocka_unit_test(a_spawner_under_nice_starts_instances_below_itself),
        cmocka_unit_test(why_a_start_failed_is_heard_behind_an_unread_order),
        cmocka_unit_test(a_killed_blank_is_reported),
        cmocka_unit_test(a_spinning_guest_is_killed),
        cmocka_unit_test(a_paused_guest_stands_still_and_goes_on),
        cmocka_unit_test(a_kill_of_nobody_harms_nobody),
        cmocka_unit_test(a_bad_start_is_refused_with_the_reason),
        cmocka_unit_test(a_start_without_an_image_is_refused),
        cmocka_unit_test(the_largest_window_and_environment_start),
        cmocka_unit_test(blanks_leave_no_descriptors),
        cmocka_unit_test(closing_the_spawner_ends_all),
        cmocka_unit_test(a_killed_spawner_takes_all_along),
        cmocka_unit_test(a_killed_node_takes_all_along),
        cmocka_unit_test(nonsense_ends_the_spawner_and_all_with_it),
        cmocka_unit_test(an_unknown_sandbox_is_a_failed_spawn),
        cmocka_unit_test(a_spawner_that_is_not_there_is_an_error),
        cmocka_unit_test(a_program_that_is_no_spawner_is_an_error),
        cmocka_unit_test(a_refused_namespace_is_a_refusal),
        cmocka_unit_test(exit_causes_have_names),
    };
    return cmocka_run_group_tests(tests, open_spawner, close_spawner);
}
