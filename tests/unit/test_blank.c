/*
 * test_blank.c: a blank's life: how it starts or says why it does not, what wakes, slows and stops it,
 * and how its end is told. With the real spawner.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "abi/layout.h"
#include "raw_guest.h"

#define HOST_STATUS ((MF_CAUSE_STATUS + MF_CAUSE_HOST) << 8)

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
    guest_start(&blank, raw_spin, 0);
    blank_kill(&blank);
    assert_int_equal(ended(&spawner, &blank), SIGKILL);
    blank_close(&blank);
}

/* In T, and back, by the spawner alone. */
static void a_paused_guest_stands_still_and_goes_on(void **state)
{
    (void)state;
    static char text[PROC_TEXT_MAX];
    struct blank blank;
    spawned(&spawner, 70, MF_SANDBOX_PROCESS, &blank);
    guest_start(&blank, raw_spin, 0);
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
        cmocka_unit_test(exit_causes_have_names),
    };
    return cmocka_run_group_tests(tests, open_spawner, close_spawner);
}
