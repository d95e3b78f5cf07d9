/*
 * nonsense.c: every system call with whatever arguments, by several threads at once, against
 * the kernel for Linux programs: the program may end by what it asked for, the kernel's own
 * rules hold.
 */
#include <stdio.h>

#include "harness.h"

void test_nonsense(struct harness *harness)
{
    static const char *const expected =
        "replies many calls|replies few calls|dies exited|dies signal|dies aborted|dies page-fault|dies protection|"
        "dies alignment|dies stack-overflow|dies stack-smashed";
    char path[32], title[64], outcome[OUTCOME_BYTES];
    int fd = open_image(harness->images, "nonsense-linux");
    group_begin(harness);
    for (unsigned seed = 1; seed <= harness->seeds; seed++) {
        snprintf(path, sizeof path, "/%u", seed);
        snprintf(title, sizeof title, "nonsense in system calls, seed %u", seed);
        if (!wanted(harness, title))
            continue;
        snprintf(outcome, sizeof outcome, "cannot be started");
        if (victim_open(harness, fd))
            victim_get(harness, path, NULL, 0, CASE_NS, outcome);
        judge(harness, title, path, outcome, expected);
        victim_close(harness);
    }
    if (harness->group_cases)
        group_end(harness, "nonsense in system calls");
    close_image(fd);
}
