/* kernel_stubs.c: see kernel_stubs.h. */
#include "kernel_stubs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/user.h"
#include "kernel/socket/path.h"
#include "kernel/task/wait.h"

size_t stub_heap_used, stub_heap_max = 64u << 20;
unsigned stub_woken, stub_waits;
const void *stub_watched, *stub_unmapped;
bool stub_watched_was_wiped;

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

void *heap_take(size_t bytes)
{
    void *at = NULL;
    if (bytes == 0 || bytes > stub_heap_max - stub_heap_used)
        return NULL;
    if (posix_memalign(&at, bytes > 2048 ? 4096 : 64, bytes) != 0)
        return NULL;
    stub_heap_used += bytes;
    return memset(at, 0, bytes);
}

void heap_give(void *at, size_t bytes)
{
    const uint8_t *byte = at;
    if (at && at == stub_watched) {
        stub_watched_was_wiped = true;
        for (size_t i = 0; i < bytes; i++)
            stub_watched_was_wiped &= byte[i] == 0;
        stub_watched = NULL;
    }
    if (at)
        stub_heap_used -= bytes;
    free(at);
}

void heap_usage(uint64_t *used, uint64_t *total)
{
    *used = stub_heap_used;
    *total = stub_heap_max;
}

/* No file systems: no name of a socket is a path. */
int path_make(const struct address *address, struct place *file)
{
    (void)address, (void)file;
    return -EROFS;
}

int path_find(const struct address *address, struct place *file)
{
    (void)address, (void)file;
    return -ENOENT;
}

/* A bad address is one below a page. */
bool user_range(uint64_t address, uint64_t bytes)
{
    (void)bytes;
    return address >= 4096;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
    if (!user_range(from, bytes) || (const void *)from == stub_unmapped)
        return -EFAULT;
    memcpy(to, (const void *)from, bytes);
    return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
    if (!user_range(to, bytes) || (const void *)to == stub_unmapped)
        return -EFAULT;
    memcpy((void *)to, from, bytes);
    return 0;
}

int64_t wait_for(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue, (void)deadline_ns;
    stub_waits++;
    return WAIT;
}

uint32_t wait_wake(struct wait_queue *queue, uint32_t most)
{
    (void)queue, (void)most;
    stub_woken++;
    return 0;
}
