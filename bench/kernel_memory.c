/* kernel_memory.c: cgroups(7), Documentation/admin-guide/cgroup-v1/memory.rst, proc_meminfo(5). */
#include "bench/kernel_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNT_V1 "/sys/fs/cgroup/memory"
#define MOUNT_V2 "/sys/fs/cgroup"

/* Our own cgroup's path below the mount of a controller; "" names the unified one. */
static bool own_path(const char *controller, char path[static CGROUP_PATH_BYTES])
{
    char line[CGROUP_PATH_BYTES + 64];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
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

/* Version 1 where the memory controller is mounted so, else version 2. */
static bool find_home(struct kernel_memory *memory)
{
    char path[CGROUP_PATH_BYTES];
    memory->unified = access(MOUNT_V1 "/cgroup.procs", F_OK) != 0;
    if (!own_path(memory->unified ? "" : "memory", path))
        return false;
    int bytes = snprintf(memory->home, sizeof memory->home, "%s%s",
                         memory->unified ? MOUNT_V2 : MOUNT_V1, path);
    return bytes > 0 && (size_t)bytes < sizeof memory->home - 32;
}

void kernel_memory_open(struct kernel_memory *memory, const struct processes *list)
{
    *memory = (struct kernel_memory){0};
    if (!find_home(memory))
        return;
    (void)snprintf(memory->group, sizeof memory->group, "%.*s/mayfly-bench-%d",
                   CGROUP_PATH_BYTES - 32, memory->home, (int)getpid());
    if (mkdir(memory->group, 0755) != 0) {
        memory->group[0] = 0;
        return;
    }
    memory->grouped = enter(memory->group, getpid()) && kernel_memory_grouped_kib(memory) > 0;
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

uint64_t kernel_memory_grouped_kib(const struct kernel_memory *memory)
{
    char path[CGROUP_PATH_BYTES + 48], line[128];
    unsigned long long bytes = 0;
    (void)snprintf(path, sizeof path, "%s/%s", memory->group,
                   memory->unified ? "memory.stat" : "memory.kmem.usage_in_bytes");
    FILE *file = fopen(path, "re");
    while (file && !bytes && fgets(line, sizeof line, file))
        if (!memory->unified)
            bytes = strtoull(line, NULL, 10);
        else if (sscanf(line, "kernel %llu", &bytes) != 1)
            bytes = 0;
    if (file)
        fclose(file);
    return bytes / 1024;
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
