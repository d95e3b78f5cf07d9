/*
 * test_start.c: MF_START decoded, and an image in memory, without a sandbox around:
 * the parts of a blank that sanitizers can look at.
 */
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "abi/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "monitor/common/boot.h"
#include "monitor/common/start.h"
#include "monitor/common/window.h"
#include "raw_image.h"

extern const char raw_halt[], raw_text[], raw_program[];

static unsigned char file[RAW_IMAGE_BYTES];
static struct start_packet packet;
static struct monitor_start start;
static struct mf_why why;

/* A good packet of bytes bytes. */
static size_t good_packet(const char *env, uint32_t env_bytes, uint32_t env_count)
{
    memset(&packet, 0, sizeof packet);
    packet.start = (struct mf_start){.magic = MF_SPAWN_MAGIC,
                                     .type = MF_START,
                                     .instance_id = 77,
                                     .nice = 3,
                                     .env_count = env_count,
                                     .env_bytes = env_bytes};
    memcpy(packet.start.env, env, env_bytes);
    return sizeof packet.start + env_bytes;
}

static int setup(void **state)
{
    (void)state;
    const struct raw_entries entries = {.entry = raw_halt};
    raw_image_write(&entries, file);
    return 0;
}

static mf_err decode(size_t bytes)
{
    why.text[0] = 0;
    return start_decode(&packet, bytes, file, sizeof file, sizeof file, &start, &why);
}

static void decode_takes_a_good_packet(void **state)
{
    (void)state;
    size_t bytes = good_packet("A=1\0B=2\0", 8, 2);
    assert_int_equal(decode(bytes), MF_OK);
    assert_int_equal(start.instance_id, 77);
    assert_int_equal(start.nice, 3);
    assert_int_equal(start.window_bytes, MF_WINDOW_MIN);
    assert_int_equal(start.channel_base, MF_WINDOW_MIN - MF_CHANNEL_BYTES);
    assert_string_equal(start.env + 4, "B=2");
    assert_int_equal(start.image_fd, -1);
    packet.start.window_bytes = MF_WINDOW_DEFAULT;
    assert_int_equal(decode(bytes), MF_OK);
    assert_int_equal(start.window_bytes, MF_WINDOW_DEFAULT);
}

static void decode_refuses_what_is_no_start(void **state)
{
    (void)state;
    size_t bytes = good_packet("", 0, 0);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_int_equal(decode(cut), MF_EPROTO);
    assert_int_equal(decode(bytes + 1), MF_EPROTO);
    packet.start.magic++;
    assert_int_equal(decode(bytes), MF_EPROTO);
    good_packet("", 0, 0);
    packet.start.type = MF_SPAWN;
    assert_int_equal(decode(bytes), MF_EPROTO);
}

static void decode_holds_nice_to_its_range(void **state)
{
    (void)state;
    size_t bytes = good_packet("", 0, 0);
    static const struct {
        int32_t nice;
        mf_err err;
    } cases[] = {{0, MF_OK}, {19, MF_OK}, {20, MF_EINVAL}, {-1, MF_EINVAL}, {INT32_MIN, MF_EINVAL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        packet.start.nice = cases[i].nice;
        assert_int_equal(decode(bytes), cases[i].err);
    }
}

static void decode_holds_the_window_to_its_bounds(void **state)
{
    (void)state;
    size_t bytes = good_packet("", 0, 0);
    static const struct {
        uint64_t window;
        mf_err err;
    } cases[] = {{MF_WINDOW_MIN, MF_OK},
                 {MF_WINDOW_MAX, MF_OK},
                 {MF_WINDOW_MIN - MF_WINDOW_STEP, MF_EFORMAT},
                 {MF_WINDOW_MAX + MF_WINDOW_STEP, MF_EFORMAT},
                 {MF_WINDOW_MIN + 1, MF_EFORMAT},
                 {MF_WINDOW_MIN + MF_PAGE_BYTES, MF_EFORMAT},
                 {UINT64_MAX, MF_EFORMAT},
                 {0 - MF_WINDOW_STEP, MF_EFORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        packet.start.window_bytes = cases[i].window;
        assert_int_equal(decode(bytes), cases[i].err);
    }
}

static void decode_counts_the_environment(void **state)
{
    (void)state;
    size_t bytes = good_packet("A=1\0B=2\0", 8, 2);
    packet.start.env_count = 1;
    assert_int_equal(decode(bytes), MF_EPROTO);
    packet.start.env_count = 3;
    assert_int_equal(decode(bytes), MF_EPROTO);
    bytes = good_packet("A=1\0B=2", 7, 1);
    assert_int_equal(decode(bytes), MF_EPROTO);
    bytes = good_packet("A=1\0", 4, 1);
    packet.start.env_bytes = 5;
    assert_int_equal(decode(bytes), MF_EPROTO);
    packet.start.env_bytes = UINT32_MAX;
    assert_int_equal(decode(bytes), MF_EPROTO);
    static const char zeros[MF_ENV_COUNT_MAX + 1];
    bytes = good_packet(zeros, MF_ENV_COUNT_MAX, MF_ENV_COUNT_MAX);
    assert_int_equal(decode(bytes), MF_OK);
    bytes = good_packet(zeros, MF_ENV_COUNT_MAX + 1, MF_ENV_COUNT_MAX + 1);
    assert_int_equal(decode(bytes), MF_EPROTO);
}

/* Rollback and prepared pages are a restore's; what restores is not frozen. */
static void decode_takes_only_flags_that_go_together(void **state)
{
    (void)state;
    size_t bytes = good_packet("", 0, 0);
    for (uint32_t flags = 0; flags <= MF_START_FLAGS; flags++) {
        bool restores = flags & MF_START_RESTORE;
        bool good = restores ? !(flags & MF_START_FREEZE)
                             : !(flags & (MF_START_RESET | MF_START_TOUCHED));
        packet.start.flags = flags;
        assert_int_equal(decode(bytes), good ? MF_OK : MF_EINVAL);
        assert_null(start.touched.head);
    }
    packet.start.flags = MF_START_FLAGS + 1;
    assert_int_equal(decode(bytes), MF_EPROTO);
}

static void decode_refuses_a_bad_image(void **state)
{
    (void)state;
    size_t bytes = good_packet("", 0, 0);
    file[1]++;
    assert_int_equal(decode(bytes), MF_EFORMAT);
    file[1]--;
    assert_true(strlen(why.text) > 0);
    assert_int_equal(decode(bytes), MF_OK);
}

/* A receive with what stands in packet and count descriptors. */
static mf_err receive(size_t bytes, int fd, size_t count)
{
    int ends[2];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } rights = {0};
    const int fds[2] = {fd, fd};
    static struct start_packet received;
    struct iovec part = {&packet, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = &rights;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = CMSG_LEN(count * sizeof(int))};
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    if (bytes)
        assert_int_equal(sendmsg(ends[0], &message, 0), bytes);
    (void)close(ends[0]);
    mf_err err = start_receive(ends[1], &received, &start, &why);
    (void)close(ends[1]);
    return err;
}

static void receive_wants_one_packet_and_one_descriptor(void **state)
{
    (void)state;
    const struct raw_entries entries = {.entry = raw_halt};
    int image = raw_image(&entries);
    size_t bytes = good_packet("A=1\0", 4, 1);
    int before = dup(image);
    (void)close(before);
    assert_int_equal(receive(0, -1, 0), MF_EDEAD);
    assert_int_equal(receive(bytes, image, 0), MF_EPROTO);
    assert_int_equal(receive(bytes - 1, image, 1), MF_EPROTO);
    int after = dup(image);
    assert_int_equal(after, before); /* what was refused is closed */
    (void)close(after);
    assert_int_equal(receive(bytes, image, 1), MF_OK);
    assert_true(start.image_fd >= 0);
    (void)close(start.image_fd);
    (void)close(image);
}

/* A window anywhere, as the KVM monitor has it. */
static void load_puts_segments_where_they_belong(void **state)
{
    (void)state;
    const struct raw_entries entries = {.entry = raw_halt};
    (void)good_packet("", 0, 0);
    assert_int_equal(decode(sizeof packet.start), MF_OK);
    start.image_fd = raw_image(&entries);
    uint8_t *base = mmap(NULL, MF_WINDOW_MIN, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(base != MAP_FAILED);
    memset(base + RAW_DATA, 0xee, MF_PAGE_BYTES);
    memset(base + RAW_DATA_END, 0xee, MF_PAGE_BYTES);
    assert_int_equal(window_load(base, &start, 0, start.image.segment_count, true, &why), MF_OK);
    assert_memory_equal(base + MF_KERNEL_BASE, raw_text, 64);
    assert_memory_equal(base + MF_PROGRAM_BASE, raw_program, 8);
    for (size_t i = 0; i < RAW_DATA_END - RAW_DATA; i++)
        assert_int_equal(base[RAW_DATA + i], 0);
    assert_int_equal(base[RAW_DATA_END], 0xee); /* between segments nothing changes */
    base[RAW_DATA] = 1;
    int channel = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(channel, MF_CHANNEL_BYTES), 0);
    assert_int_equal(window_channel(base, start.channel_base, channel, &why), MF_OK);
    base[start.channel_base + 5] = 9;
    uint8_t seen = 0;
    assert_int_equal(pread(channel, &seen, 1, 5), 1);
    assert_int_equal(seen, 9);
    assert_int_equal(munmap(base, MF_WINDOW_MIN), 0);
    (void)close(channel);
    (void)close(start.image_fd);
}

/* On a tmpfs mounted noexec, in a mount namespace of a child's own. */
static void text_on_a_noexec_file_system_is_copied(void **state)
{
    (void)state;
    const struct raw_entries entries = {.entry = raw_halt};
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if ((unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("t", "/tmp", "tmpfs", MS_NOEXEC, NULL) != 0)
            _exit(77);
        int fd = open("/tmp/image", O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0)
            _exit(77); /* a user namespace without a map owns no files */
        raw_image_write(&entries, file);
        (void)good_packet("", 0, 0);
        uint8_t *base = mmap(NULL, MF_WINDOW_MIN, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (write(fd, file, sizeof file) != (ssize_t)sizeof file ||
            decode(sizeof packet.start) != MF_OK || base == MAP_FAILED)
            _exit(1);
        start.image_fd = fd;
        bool refused = mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED;
        bool loaded = window_load(base, &start, 0, start.image.segment_count, true, &why) == MF_OK;
        bool same = loaded && memcmp(base + MF_KERNEL_BASE, raw_text, MF_PAGE_BYTES) == 0;
        _exit(refused && same ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status == 77 << 8)
        skip(); /* this user may not mount */
    assert_int_equal(status, 0);
}

static void load_reports_what_cannot_be_mapped(void **state)
{
    (void)state;
    (void)good_packet("", 0, 0);
    assert_int_equal(decode(sizeof packet.start), MF_OK);
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    start.image_fd = pipe_fd[0];
    uint8_t *base = mmap(NULL, MF_WINDOW_MIN, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_not_equal(window_load(base, &start, 0, start.image.segment_count, false, &why), MF_OK);
    assert_non_null(strstr(why.text, "0x100000"));
    assert_int_equal(munmap(base, MF_WINDOW_MIN), 0);
    (void)close(pipe_fd[0]);
    (void)close(pipe_fd[1]);
}

static void boot_page_says_what_the_kernel_must_know(void **state)
{
    (void)state;
    static uint8_t area[MF_BOOT_BYTES], again[MF_BOOT_BYTES];
    struct mf_boot boot, other;
    (void)good_packet("A=1\0B=2\0", 8, 2);
    assert_int_equal(decode(sizeof packet.start + 8), MF_OK);
    const struct boot_host host = {.hwcap = 1, .hwcap2 = 2};
    assert_int_equal(boot_fill(area, &start, &host, &why), MF_OK);
    assert_int_equal(boot_fill(again, &start, &host, &why), MF_OK);
    memcpy(&boot, area, sizeof boot);
    memcpy(&other, again, sizeof other);
    assert_int_equal(boot.magic, MF_BOOT_MAGIC);
    assert_int_equal(boot.abi_version, MF_ABI_VERSION);
    assert_int_equal(boot.boot_bytes, sizeof boot);
    assert_int_equal(boot.window_bytes, MF_WINDOW_MIN);
    assert_int_equal(boot.channel_base, MF_WINDOW_MIN - MF_CHANNEL_BYTES);
    assert_int_equal(boot.program_entry, MF_PROGRAM_BASE);
    assert_int_equal(boot.program_end, RAW_BSS_END);
    assert_int_equal(boot.instance_id, 77);
    assert_int_equal(boot.hwcap, 1);
    assert_int_equal(boot.hwcap2, 2);
    assert_int_equal(boot.env_count, 2);
    assert_int_equal(boot.env_bytes, 8);
    assert_memory_equal(area + boot.env_offset, "A=1\0B=2\0", 8);
    assert_true(boot.monotonic_ns > 0 && boot.realtime_ns > boot.monotonic_ns);
    assert_memory_not_equal(boot.seed, other.seed, sizeof boot.seed); /* fresh each time */
    assert_true(boot.tsc_scale == 0 && boot.tsc == 0); /* of a host whose counter is not trusted */
}

/* What a guest would make of the page is the host's time, however long the spawner has run. */
static void the_counter_tells_the_hosts_time(void **state)
{
    (void)state;
    static struct mf_boot boot;
    struct boot_host host = {.same_counter = true};
    bool soon = false;
    for (int i = 0; i < 1000 && !soon; i++) { /* unless others had the processor in between */
        host.since = tsc_moment();
        boot_stamp(&boot, &host);
        soon = host.since.counter && boot.monotonic_ns - host.since.monotonic_ns < MF_NS_PER_MS;
    }
    assert_true(soon && boot.tsc_scale == 0 && boot.tsc == 0); /* too soon */
    for (int i = 0; i < 3; i++) {
        const struct timespec rest = {.tv_nsec = 30 * MF_NS_PER_MS};
        nanosleep(&rest, NULL);
        boot_stamp(&boot, &host);
        struct tsc_moment now = tsc_moment();
        assert_true(boot.tsc_scale && boot.tsc && now.counter);
        uint64_t told_ns = boot.monotonic_ns +
                           (uint64_t)((unsigned __int128)(now.counter - boot.tsc) * boot.tsc_scale >> 32);
        uint64_t off_ns = told_ns > now.monotonic_ns ? told_ns - now.monotonic_ns : now.monotonic_ns - told_ns;
        assert_true(off_ns < 50 * MF_NS_PER_US);
    }
    host.same_counter = false;
    boot_stamp(&boot, &host);
    assert_true(boot.tsc_scale != 0 && boot.tsc == 0);
}

static void a_scale_needs_two_moments_apart(void **state)
{
    (void)state;
    const struct tsc_moment none = {0}, from = {1000, 1000, 0}, near = {11000, 1000 + 19999999, 0},
                            far = {1000 + 52000000, 1000 + 20000000, 0}, back = {999, 1000 + 20000000, 0},
                            year = {1000 + 26ull * 31536000 * 100000000, 1000 + 31536000ull * 1000000000, 0};
    assert_int_equal(tsc_scale(&none, &far), 0);
    assert_int_equal(tsc_scale(&from, &none), 0);
    assert_int_equal(tsc_scale(&from, &near), 0);
    assert_int_equal(tsc_scale(&from, &back), 0);
    assert_int_equal(tsc_scale(&far, &from), 0);
    assert_int_equal(tsc_scale(&from, &far), (20ull << 32) / 52); /* 2.6 GHz */
    const struct tsc_moment slept = {far.counter, far.monotonic_ns, 101 * MF_NS_PER_MS},
                            set_back = {far.counter, far.monotonic_ns, 0 - 101 * MF_NS_PER_MS},
                            adjusted = {far.counter, far.monotonic_ns, 0 - MF_NS_PER_MS};
    assert_int_equal(tsc_scale(&from, &slept), 0);
    assert_int_equal(tsc_scale(&from, &set_back), 0);
    assert_int_equal(tsc_scale(&from, &adjusted), (20ull << 32) / 52);
    uint64_t long_run = tsc_scale(&from, &year);
    assert_true(long_run - (20ull << 32) / 52 + 2 <= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_takes_a_good_packet),
        cmocka_unit_test(decode_refuses_what_is_no_start),
        cmocka_unit_test(decode_holds_nice_to_its_range),
        cmocka_unit_test(decode_holds_the_window_to_its_bounds),
        cmocka_unit_test(decode_counts_the_environment),
        cmocka_unit_test(decode_takes_only_flags_that_go_together),
        cmocka_unit_test(decode_refuses_a_bad_image),
        cmocka_unit_test(receive_wants_one_packet_and_one_descriptor),
        cmocka_unit_test(load_puts_segments_where_they_belong),
        cmocka_unit_test(text_on_a_noexec_file_system_is_copied),
        cmocka_unit_test(load_reports_what_cannot_be_mapped),
        cmocka_unit_test(boot_page_says_what_the_kernel_must_know),
        cmocka_unit_test(the_counter_tells_the_hosts_time),
        cmocka_unit_test(a_scale_needs_two_moments_apart),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
