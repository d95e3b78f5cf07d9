/*
 * differential.c: the programs of linux/ and of tests/linux, natively and inside: the same
 * binary, the same output, line by line. The images linux-NAME have the kernel of C functions,
 * full-NAME the one for Linux programs. What a program prints on standard output comes as log records
 * of level info, a line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define RUN_NS (300 * MF_NS_PER_S) /* a machine in an emulator beside other work is slow */
#define OUTPUT_BYTES_MAX (1u << 20)

static bool run_here(const struct harness *harness, const char *image, struct mf_buf *output)
{
    char path[4096], piece[4096];
    size_t got;
    snprintf(path, sizeof path, "%s/linux_%s", harness->images, strchr(image, '-') + 1);
    FILE *program = popen(path, "r");
    if (!program)
        return false;
    while ((got = fread(piece, 1, sizeof piece, program)) > 0 && output->bytes < OUTPUT_BYTES_MAX)
        if (mf_buf_add(output, piece, got))
            break;
    return pclose(program) == 0;
}

/* Until it has ended by itself, as a program does. */
static void run_inside(struct harness *harness, const char *image, struct mf_buf *output,
                       char outcome[OUTCOME_BYTES])
{
    int fd = open_image(harness->images, image);
    snprintf(outcome, OUTCOME_BYTES, "cannot be started");
    harness->heard = output;
    if (victim_open(harness, fd)) {
        uint64_t until_ns = mf_monotonic_ns() + RUN_NS;
        while (victim_alive(harness) && mf_monotonic_ns() < until_ns)
            session_step(&harness->host, until_ns);
        snprintf(outcome, OUTCOME_BYTES, "ends %s",
                 victim_alive(harness) ? "not" : harness->victim.cause);
        victim_close(harness);
    }
    harness->heard = NULL;
    close_image(fd);
}

/* The first line in which they differ, for a person. */
static void show_difference(const char *native, const char *inside)
{
    unsigned line = 1;
    while (*native && *native == *inside) {
        line += *native == '\n';
        native++;
        inside++;
    }
    while (line > 1 && native[-1] != '\n') {
        native--;
        inside--;
    }
    printf("  line %u: natively \"%.*s\", inside \"%.*s\"\n", line, (int)strcspn(native, "\n"), native,
           (int)strcspn(inside, "\n"), inside);
}

static void compare(struct harness *harness, const char *image)
{
    struct mf_buf native = {0}, inside = {0};
    char outcome[OUTCOME_BYTES], title[64];
    snprintf(title, sizeof title, "linux program: %s", image);
    if (!wanted(harness, title))
        return;
    bool ran = run_here(harness, image, &native);
    run_inside(harness, image, &inside, outcome);
    bool same = native.bytes && native.bytes == inside.bytes &&
                memcmp(native.data, inside.data, native.bytes) == 0;
    if (!ran)
        snprintf(outcome, sizeof outcome, "fails natively");
    else if (outcome_matches(outcome, "ends halted|ends exited"))
        snprintf(outcome, sizeof outcome, "%s", same ? "the same" : "another output");
    if (ran && !same && native.bytes)
        show_difference((const char *)native.data, inside.bytes ? (const char *)inside.data : "");
    judge(harness, title, "", outcome, "the same");
    mf_buf_close(&native);
    mf_buf_close(&inside);
}

/* Of made code a guest has nothing without the setting. */
static void without_jit(struct harness *harness)
{
    static const char expected[] = "mmap for 7: Permission denied\n";
    struct mf_buf inside = {0};
    char outcome[OUTCOME_BYTES];
    if (!wanted(harness, "full-jit without jit"))
        return;
    run_inside(harness, "full-jit", &inside, outcome);
    if (outcome_matches(outcome, "ends halted|ends exited") &&
        (inside.bytes != sizeof expected - 1 || memcmp(inside.data, expected, inside.bytes) != 0))
        snprintf(outcome, sizeof outcome, "says %.*s", (int)(inside.bytes < 80 ? inside.bytes : 80),
                 inside.bytes ? (const char *)inside.data : "nothing");
    judge(harness, "full-jit without jit", "", outcome, "ends halted|ends exited");
    mf_buf_close(&inside);
}

void test_differential(struct harness *harness)
{
    static const char names[] = LINUX_PROGRAMS; /* "linux-one,full-one", from CMake */
    char list[sizeof names], *rest = list;
    memcpy(list, names, sizeof names);
    for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
        harness->jit = strcmp(name, "full-jit") == 0;
        compare(harness, name);
        harness->jit = false;
    }
    without_jit(harness);
}
