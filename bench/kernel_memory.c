/* kernel_memory.c: cgroups(7), Documentation/admin-guide/cgroup-v1/memory.rst, proc_meminfo(5). */
#include "bench/kernel_memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNT_V1 "/sys/fs/cgroup/memory"
#define MOUNT_V2 "/sys/fs/cgroup"

/* A process' cgroup below the mount of a controller; "" names the unified one. */
static bool path_of(pid_t pid, const char *controller, char path[static CGROUP_PATH_BYTES])
{
    char line[CGROUP_PATH_BYTES + 64], name[32];
    bool found = false;
    (void)snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
    FILE *file = fopen(name, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'); /* number:controllers:path */
        char *at = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!at)
            continue;
        *at++ = 0;
        found = strcmp(controllers + 1, controller) == 0 && strlen(at) < CGROUP_PATH_BYTES;
        if (found)
            memcpy(path, at, strlen(at) + 1);
    }
    if (file)
        fclose(file);
    return found;
}

static bool enter(const char *group, pid_t pid)
{
    char path[CGROUP_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", group);
    FILE *file = fopen(path, "we");
    bool entered = file && fprintf(file, "%d\n", pid) > 0;
    if (file && fclose(file) != 0)
        entered = false;
    return entered;
}

/* False: this kernel does not tell. */
static bool read_kib(const struct kernel_memory *memory, uint64_t *kib)
{
    char path[CGROUP_PATH_BYTES + 48], line[128];
    unsigned long long bytes = 0;
    bool found = false;
    (void)snprintf(path, sizeof path, "%s/%s", memory->group,
                   memory->unified ? "memory.stat" : "memory.kmem.usage_in_bytes");
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, memory->unified ? "kernel %llu" : "%llu", &bytes) == 1;
    if (file)
        fclose(file);
    *kib = bytes / 1024;
    return found;
}

/* Version 1 where the memory controller is mounted so, else version 2. */
static bool find_home(struct kernel_memory *memory)
{
    char path[CGROUP_PATH_BYTES];
    memory->unified = access(MOUNT_V1 "/cgroup.procs", F_OK) != 0;
    if (!path_of(getpid(), memory->unified ? "" : "memory", path))
        return false;
    int bytes = snprintf(memory->home, sizeof memory->home, "%s%s",
                         memory->unified ? MOUNT_V2 : MOUNT_V1, strcmp(path, "/") ? path : "");
    return bytes > 0 && (size_t)bytes < sizeof memory->home - 32;
}

void kernel_memory_open(struct kernel_memory *memory, const struct processes *list)
{
    uint64_t kib;
    *memory = (struct kernel_memory){0};
    if (!find_home(memory))
        return;
    (void)snprintf(memory->group, sizeof memory->group, "%.*s/mayfly-bench-%d",
                   CGROUP_PATH_BYTES - 32, memory->home, (int)getpid());
    if (mkdir(memory->group, 0755) != 0) {
        memory->group[0] = 0;
        return;
    }
    memory->grouped = enter(memory->group, getpid()) && read_kib(memory, &kib);
    for (uint32_t i = 0; i < list->count && memory->grouped; i++)
        (void)enter(memory->group, list->pid[i]); /* one that has ended needs no cgroup */
    if (!memory->grouped)
        kernel_memory_close(memory);
}

void kernel_memory_close(struct kernel_memory *memory)
{
    char path[CGROUP_PATH_BYTES + 16];
    int pid;
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", memory->group);
    FILE *file = memory->group[0] ? fopen(path, "re") : NULL;
    while (file && fscanf(file, "%d", &pid) == 1)
        (void)enter(memory->home, pid);
    if (file)
        fclose(file);
    if (memory->group[0])
        (void)rmdir(memory->group);
    *memory = (struct kernel_memory){0};
}

bool kernel_memory_covers(const struct kernel_memory *memory, const struct processes *list)
{
    const char *group = memory->group + strlen(memory->unified ? MOUNT_V2 : MOUNT_V1);
    size_t bytes = strlen(group);
    bool covers = memory->grouped;
    for (uint32_t i = 0; i < list->count && covers; i++) {
        char path[CGROUP_PATH_BYTES];
        bool there = path_of(list->pid[i], memory->unified ? "" : "memory", path);
        covers = !there || strncmp(path, group, bytes) == 0;
    }
    return covers;
}

uint64_t kernel_memory_grouped_kib(const struct kernel_memory *memory)
{
    uint64_t kib = 0;
    return memory->grouped && read_kib(memory, &kib) ? kib : 0;
}

uint64_t kernel_memory_kib(void)
{
    static const char *const not_the_kernels[] = {"MemFree", "Buffers", "Cached", "SwapCached",
                                                  "AnonPages"};
    uint64_t kib = meminfo_kib("MemTotal");
    for (size_t i = 0; i < sizeof not_the_kernels / sizeof not_the_kernels[0]; i++)
        kib -= meminfo_kib(not_the_kernels[i]);
    return kib;
}
