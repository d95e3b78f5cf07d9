/*
 * test_seal.c: the process monitor's last steps where the kernel seals mappings
 * (mseal(2)): a vDSO that stays is no obstacle, any other mapping that stays is. The
 * monitor runs in children of this test, which therefore is never sanitized.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "abi/channel.h"
#include "monitor/monitor.h"

#define MSEAL 462 /* Linux 6.10; Debian 12's headers do not know it */

static bool have_mseal(void)
{
    return syscall(MSEAL, NULL, 0, 0) == 0 || errno != ENOSYS;
}

/* What Linux itself seals with CONFIG_MSEAL_SYSTEM_MAPPINGS. */
static void seal_vdso(void)
{
    char line[256];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if ((strstr(line, "[vdso]") || strstr(line, "[vvar")) &&
            sscanf(line, "%lx-%lx", &from, &to) == 2 && syscall(MSEAL, from, to - from, 0) != 0)
            _exit(90);
    }
    if (maps)
        (void)fclose(maps);
}

/* Far from the vDSO, whose surroundings are unmapped as far as they can be. */
static void seal_a_page(void)
{
    void *page = mmap((void *)(1ul << 44), MF_PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    if (page == MAP_FAILED || syscall(MSEAL, page, MF_PAGE_BYTES, 0) != 0)
        _exit(91);
}

static void seal_nothing(void)
{
}

/* A child as the spawner would leave it, as far as the probe's guest can tell. */
static int probe_after(void (*seal)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int console[2];
        char *rseq = (char *)__builtin_thread_pointer() + __rseq_offset;
        int channel = memfd_create("channel", 0);
        seal();
        if (pipe(console) || ftruncate(channel, MF_CHANNEL_BYTES) ||
            dup2(console[1], MONITOR_FD_CONSOLE) < 0 || dup2(channel, MONITOR_FD_CHANNEL) < 0 ||
            dup2(eventfd(0, 0), MONITOR_FD_BELL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
            (__rseq_size && syscall(SYS_rseq, rseq, sizeof(struct rseq), 1, RSEQ_SIG)))
            _exit(92);
        struct monitor_blank blank = {.sandbox = MF_SANDBOX_PROCESS,
                                      .control = MONITOR_FD_CONTROL,
                                      .channel = MONITOR_FD_CHANNEL,
                                      .bell = MONITOR_FD_BELL,
                                      .console = MONITOR_FD_CONSOLE,
                                      .kvm = -1,
                                      .window_bytes = MF_WINDOW_DEFAULT};
        struct mf_why why = {{0}};
        mf_err err = monitor_process_survey(&why);
        if (!err)
            err = monitor_process_probe(&blank, &why);
        (void)err;
        _exit(93);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void the_last_steps_unmap_everything(void **state)
{
    (void)state;
    assert_int_equal(probe_after(seal_nothing), 0);
}

static void a_sealed_vdso_may_stay(void **state)
{
    (void)state;
    if (!have_mseal())
        skip();
    assert_int_equal(probe_after(seal_vdso), 0);
}

static void any_other_sealed_page_is_refused(void **state)
{
    (void)state;
    if (!have_mseal())
        skip();
    assert_int_equal(probe_after(seal_a_page), (MF_CAUSE_STATUS + MF_CAUSE_HOST) << 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_steps_unmap_everything),
        cmocka_unit_test(a_sealed_vdso_may_stay),
        cmocka_unit_test(any_other_sealed_page_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
