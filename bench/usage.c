/* usage.c: proc(5), clock_getcpuclockid(3). */
#include "bench/usage.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PATH_BYTES 64
#define STAT_BYTES 1024

/* The number behind `key:` in a file of such lines; 0 if there is none. */
static uint64_t number_in(const char *path, const char *key, bool *found)
{
    uint64_t value = 0;
    size_t key_bytes = strlen(key);
    char line[256];
    FILE *file = fopen(path, "re");
    *found = false;
    while (file && !*found && fgets(line, sizeof line, file))
        if (strncmp(line, key, key_bytes) == 0 && line[key_bytes] == ':') {
            value = strtoull(line + key_bytes + 1, NULL, 10);
            *found = true;
        }
    if (file)
        fclose(file);
    return value;
}

/* /proc/PID/stat from its third field on: the second may hold anything. */
static char *stat_fields(pid_t pid, char stat[static STAT_BYTES])
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    size_t bytes = fread(stat, 1, STAT_BYTES - 1, file);
    fclose(file);
    stat[bytes] = 0;
    char *close = strrchr(stat, ')');
    return close ? close + 1 : NULL;
}

static pid_t parent_of(pid_t pid)
{
    char stat[STAT_BYTES], state;
    char *fields = stat_fields(pid, stat);
    int parent = 0;
    return fields && sscanf(fields, " %c %d", &state, &parent) == 2 ? parent : 0;
}

/* Not when it has ended, be it that nobody has waited for it yet. */
static bool is_hidden(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd < 0 && (errno == EACCES || errno == EPERM);
}

static uint64_t faults_of(pid_t pid)
{
    char stat[STAT_BYTES];
    char *fields = stat_fields(pid, stat);
    unsigned long long minor = 0, major = 0;
    /* state ppid pgrp session tty tpgid flags minflt cminflt majflt */
    if (!fields || sscanf(fields, " %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu", &minor, &major) != 2)
        return 0;
    return minor + major;
}

static bool holds(const struct processes *list, pid_t pid)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->pid[i] == pid)
            return true;
    return false;
}

static mf_err add(struct processes *list, pid_t pid)
{
    if (list->count == PROCESSES_MAX)
        return MF_ETOOBIG;
    list->pid[list->count++] = pid;
    return MF_OK;
}

/* One pass over /proc adds the children of those known; true: there were some. */
static mf_err add_children(struct processes *list, bool *grew)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return MF_EIO;
    mf_err err = MF_OK;
    *grew = false;
    for (struct dirent *entry; !err && (entry = readdir(proc));) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid <= 0 || holds(list, pid) || !holds(list, parent_of(pid)))
            continue;
        err = add(list, pid);
        *grew = true;
    }
    closedir(proc);
    return err;
}

mf_err processes_add_tree(struct processes *list, pid_t root)
{
    mf_err err = holds(list, root) ? MF_OK : add(list, root);
    for (bool grew = true; !err && grew;)
        err = add_children(list, &grew);
    return err;
}

/* Of the children that it has waited for; known to a hundredth of a second only. */
static uint64_t ended_cpu_ns_of(pid_t pid)
{
    char stat[STAT_BYTES];
    char *fields = stat_fields(pid, stat);
    unsigned long long user = 0, system = 0;
    /* state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime */
    if (!fields || sscanf(fields,
                          " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu", &user,
                          &system) != 2)
        return 0;
    return (user + system) * (MF_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t cpu_ns_of(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? mf_clock_ns(clock) : 0;
}

static uint64_t switches_of(pid_t pid)
{
    char path[PATH_BYTES + 256];
    bool found;
    uint64_t switches = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, entry->d_name);
        switches += number_in(path, "voluntary_ctxt_switches", &found);
        switches += number_in(path, "nonvoluntary_ctxt_switches", &found);
    }
    if (tasks)
        closedir(tasks);
    return switches;
}

void usage_of(const struct processes *list, struct usage *usage)
{
    *usage = (struct usage){0};
    for (uint32_t i = 0; i < list->count; i++) {
        usage->cpu_ns += cpu_ns_of(list->pid[i]) + ended_cpu_ns_of(list->pid[i]);
        usage->faults += faults_of(list->pid[i]);
        usage->switches += switches_of(list->pid[i]);
    }
}

void memory_of(const struct processes *list, struct memory *memory)
{
    *memory = (struct memory){0};
    for (uint32_t i = 0; i < list->count; i++) {
        char path[PATH_BYTES];
        bool found;
        (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", list->pid[i]);
        uint64_t pss_kib = number_in(path, "Pss", &found);
        memory->unreadable += !found && is_hidden(path);
        memory->pss_kib += pss_kib;
        memory->private_dirty_kib += number_in(path, "Private_Dirty", &found);
    }
}

uint64_t rss_kib_of(pid_t pid)
{
    char path[PATH_BYTES];
    bool found;
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    return number_in(path, "VmRSS", &found);
}

uint64_t meminfo_kib(const char *key)
{
    bool found;
    return number_in("/proc/meminfo", key, &found);
}
