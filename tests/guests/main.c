/*
 * main.c: guest-tests --sandbox process|kvm --spawner PROGRAM --images DIR [--only TEXT]
 *                      [--seeds NUMBER] [-v]
 * Runs every case under one sandbox and prints a table. Exit code 0: all as expected;
 * 1: not; 77: the sandbox is not usable here.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"

#define EXIT_SKIPPED 77

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static void run_all(struct harness *harness)
{
    static void (*const parts[])(struct harness *) = {
        test_deaths,     test_hypercalls, test_messages, test_host_calls,
        test_instructions, test_memory,   test_outside,  test_differential,
        test_stopped,      test_snapshots,  test_touched,
        test_neighbour,  test_nonsense,
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        parts[i](harness);
        victim_close(harness);
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"sandbox", required_argument, NULL, 's'},
                                          {"spawner", required_argument, NULL, 'p'},
                                          {"images", required_argument, NULL, 'i'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"seeds", required_argument, NULL, 'n'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {0}};
    static struct harness harness;
    const char *spawner = NULL;
    harness.images = ".";
    harness.seeds = SEEDS;
    int key;
    while ((key = getopt_long(argc, argv, "v", names, NULL)) != -1) {
        if (key == 's')
            harness.sandbox = strcmp(optarg, "kvm") == 0 ? MF_SANDBOX_KVM : MF_SANDBOX_PROCESS;
        else if (key == 'p')
            spawner = optarg;
        else if (key == 'i')
            harness.images = optarg;
        else if (key == 'o')
            harness.only = optarg;
        else if (key == 'n')
            harness.seeds = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'v')
            harness.verbose = true;
        else
            return 2;
    }
    if (!spawner || !harness.sandbox) {
        fprintf(stderr, "usage: guest-tests --sandbox process|kvm --spawner PROGRAM --images DIR\n");
        return 2;
    }
    struct mf_why why = {{0}};
    mf_err err = session_host_open(spawner, &harness.host, &why);
    if (!err)
        err = session_sandbox(&harness.host, &harness.sandbox, &why);
    if (err) {
        printf("%s: %s\n", err == MF_EUNSUPPORTED ? "SKIPPED" : "FAILED", mf_why_text(&why, err));
        return err == MF_EUNSUPPORTED ? EXIT_SKIPPED : 1;
    }
    harness.hostile_fd = open_image(harness.images, "hostile");
    harness.neighbour_fd = open_image(harness.images, "neighbour");
    harness.raw_fd = open_image(harness.images, "raw");
    uint64_t start_ns = mf_monotonic_ns();
    (void)neighbour_answers(&harness); /* from here on the same descriptors as at the end */
    unsigned before = descriptors();
    run_all(&harness);
    if (descriptors() != before) {
        printf("descriptors: %u before, %u after: FAILED\n", before, descriptors());
        harness.failures++;
    }
    bool built = harness.hostile_fd >= 0 && harness.neighbour_fd >= 0 && harness.raw_fd >= 0;
    session_host_close(&harness.host);
    printf("%u cases, %u failed, %.1f s\n", harness.cases, harness.failures,
           (double)(mf_monotonic_ns() - start_ns) / (double)MF_NS_PER_S);
    return harness.failures || !built || !harness.cases;
}
