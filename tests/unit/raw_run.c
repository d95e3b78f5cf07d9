/* raw_run.c: see raw_run.h. */
#include "raw_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/image.h"

int raw_run(struct spawner *spawner, const struct raw_run *run, char *console, size_t room)
{
    struct blank blank;
    struct mf_why why = {{0}};
    int image = raw_image_flagged(&run->entries, run->flags);
    assert_true(image >= 0);
    spawned_for(spawner, 1, run->sandbox, run->fit, &blank);
    const struct start_order order = {
        .image_fd = image, .window_bytes = run->window_bytes, .env = "A=b", .env_bytes = 4, .env_count = 1};
    mf_err err = blank_start(&blank, &order, &why);
    if (err)
        fail_msg("%s", mf_why_text(&why, err));
    int status = ended(spawner, &blank);
    if (blank_start_failed(&blank, &why))
        fail_msg("%s", why.text);
    memset(console, 0, room);
    (void)!read(blank.console, console, room - 1);
    blank_close(&blank);
    (void)close(image);
    return status;
}

void raw_run_preempted(struct spawner *spawner, enum mf_sandbox sandbox)
{
    extern const char raw_preempt[], raw_preempt_landing[], raw_preempt_kernel[], raw_preempt_none[],
        raw_preempt_calls[], raw_preempt_calls_call[], raw_preempt_calls_landing[];
    static const struct {
        const char *what;
        struct raw_entries entries;
        uint32_t flags;
    } preempted[] = {
        {"preempt", {raw_preempt, NULL, raw_preempt_landing}, MF_IMAGE_LINUX},
        {"kernel", {raw_preempt_kernel, NULL, NULL}, MF_IMAGE_LINUX},
        {"calls", {raw_preempt_calls, raw_preempt_calls_call, raw_preempt_calls_landing}, MF_IMAGE_LINUX},
        {"none", {raw_preempt_none, NULL, NULL}, 0},
    };
    char console[256];
    for (size_t i = 0; i < sizeof preempted / sizeof *preempted; i++) {
        const struct raw_run run = {
            .entries = preempted[i].entries, .sandbox = sandbox, .flags = preempted[i].flags};
        int status = raw_run(spawner, &run, console, sizeof console);
        if (status != 0)
            fail_msg("%s: status 0x%x (%s)", preempted[i].what, (unsigned)status, exit_cause(status));
    }
}
