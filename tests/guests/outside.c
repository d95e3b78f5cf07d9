/*
 * outside.c: an instance looked at from the host, while it runs: what its process still
 * maps, holds and may. Needs the right to look (root, or the same user where the
 * process is not hidden from it); says so where it has not.
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define WINDOW (16ull << 20)

static FILE *open_of(const struct harness *harness, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)harness->victim.blank.pid, what);
    return fopen(path, "r");
}

/* A line of /proc/PID/status, without its key and blanks. */
static void status_of(const struct harness *harness, const char *key, char value[OUTCOME_BYTES])
{
    char line[256];
    FILE *file = open_of(harness, "status");
    snprintf(value, OUTCOME_BYTES, "not to be seen");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
            const char *at = line + strlen(key) + 1;
            at += strspn(at, " \t");
            snprintf(value, OUTCOME_BYTES, "%.*s", (int)strcspn(at, "\n"), at);
        }
    if (file)
        fclose(file);
}

static void every_status(struct harness *harness)
{
    const struct {
        const char *key, *expected;
    } lines[] = {
        {"Seccomp", "2"},
        {"NoNewPrivs", "1"},
        {"CapInh", "0000000000000000"},
        {"CapPrm", "0000000000000000"},
        {"CapEff", "0000000000000000"},
        {"CapBnd", "0000000000000000"},
        {"CapAmb", "0000000000000000"},
        {"Threads", here(harness, "1", "1|2")}, /* KVM may keep one of its own */
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char value[OUTCOME_BYTES], title[64];
        snprintf(title, sizeof title, "outside: %s", lines[i].key);
        status_of(harness, lines[i].key, value);
        judge(harness, title, "", value, lines[i].expected);
    }
}

/* Process sandbox: nothing but the window, and what Linux itself puts at the very top. */
static void mappings(struct harness *harness)
{
    char line[512], outcome[OUTCOME_BYTES] = "the window alone";
    FILE *file = open_of(harness, "maps");
    unsigned count = 0;
    while (file && fgets(line, sizeof line, file)) {
        uint64_t from, to;
        char access[8];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, access) != 3)
            continue;
        count++;
        if (to > WINDOW && !strstr(line, "[vsyscall]"))
            snprintf(outcome, sizeof outcome, "also %.120s", line);
        if (strchr(access, 'w') && strchr(access, 'x'))
            snprintf(outcome, sizeof outcome, "writable and executable: %.100s", line);
    }
    if (file)
        fclose(file);
    judge(harness, "outside: mappings", "", count ? outcome : "not to be seen", "the window alone");
}

static void descriptors(struct harness *harness)
{
    char path[64], outcome[OUTCOME_BYTES] = "";
    snprintf(path, sizeof path, "/proc/%d/fd", (int)harness->victim.blank.pid);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)) != NULL) {
        char link[128], target[64];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(link, sizeof link, "%s/%.32s", path, entry->d_name);
        ssize_t bytes = readlink(link, target, sizeof target - 1);
        target[bytes < 0 ? 0 : bytes] = 0;
        target[strcspn(target, ":")] = 0; /* pipe:[7] */
        size_t used = strlen(outcome);
        snprintf(outcome + used, sizeof outcome - used, "%s%.50s", used ? " " : "", target);
    }
    if (directory)
        closedir(directory);
    judge(harness, "outside: descriptors", "", outcome,
          here(harness, "anon_inode pipe", "pipe anon_inode"));
}

static void namespaces(struct harness *harness)
{
    static const char *const names[] = {"user", "mnt", "net", "ipc", "pid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64], ours[64] = "", theirs[64] = "", title[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        bool seen = readlink(path, ours, sizeof ours - 1) > 0;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)harness->victim.blank.pid, names[i]);
        seen = readlink(path, theirs, sizeof theirs - 1) > 0 && seen;
        snprintf(title, sizeof title, "outside: %s namespace", names[i]);
        judge(harness, title, "", !seen ? "not to be seen" : strcmp(ours, theirs) ? "its own" : "ours",
              "its own");
    }
}

void test_outside(struct harness *harness)
{
    struct order nothing = {.kind = ORDER_NOTHING};
    struct answer answer;
    char outcome[OUTCOME_BYTES], path[64];
    if (!wanted(harness, "outside"))
        return;
    victim_close(harness);
    (void)victim_order_anew(harness, &nothing, CASE_NS, &answer, outcome);
    judge(harness, "outside: it runs", "", outcome, "answers");
    snprintf(path, sizeof path, "/proc/%d/maps", (int)harness->victim.blank.pid);
    FILE *maps = fopen(path, "r");
    if (!maps || fgetc(maps) == EOF) {
        printf("%-8s outside: not looked at: this user may not see process %d\n",
               here(harness, "process", "kvm"), (int)harness->victim.blank.pid);
        if (maps)
            fclose(maps);
        return;
    }
    fclose(maps);
    every_status(harness);
    if (harness->sandbox == MF_SANDBOX_PROCESS)
        mappings(harness);
    descriptors(harness);
    namespaces(harness);
}

static void pass(struct harness *harness, uint64_t ns)
{
    uint64_t until_ns = mf_monotonic_ns() + ns;
    while (mf_monotonic_ns() < until_ns)
        session_step(&harness->host, until_ns);
}

/* Stopped and continued, as a ceiling on processor time does it: asleep with a deadline
 * (a call that Linux restarts by another number), asleep without, and busy. */
void test_stopped(struct harness *harness)
{
    static const struct {
        const char *name, *target, *expected;
    } cases[] = {
        {"stopped while it sleeps", "/naps?ms=400", "replies slept"},
        {"stopped while it runs", "/spins_then_answers?ms=400", "replies done"},
        {"stopped while it waits for an event", "/hello", "replies hello"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char outcome[OUTCOME_BYTES];
        if (!wanted(harness, cases[i].name) || !victim_open(harness, harness->hostile_fd))
            continue;
        bool idle = strcmp(cases[i].target, "/hello") == 0;
        if (!idle)
            (void)victim_begin_get(harness, cases[i].target, CASE_NS);
        for (unsigned again = 0; again < 3; again++) {
            pass(harness, 60 * MF_NS_PER_MS);
            pid_t pid = harness->victim.blank.pid;
            if (pid > 0 && kill(pid, SIGSTOP) == 0) {
                pass(harness, 20 * MF_NS_PER_MS);
                (void)kill(pid, SIGCONT);
            }
        }
        if (idle)
            victim_get(harness, cases[i].target, NULL, 0, CASE_NS, outcome);
        else
            victim_wait(harness, outcome);
        judge(harness, cases[i].name, "", outcome, cases[i].expected);
    }
}
