/* memory.c: heap and mappings. Agreement: every line, natively and inside. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define BLOCKS 700u

static uint32_t state = 1;
static uint32_t any(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void storm(void)
{
    static struct {
        unsigned char *at;
        size_t bytes;
        unsigned char mark;
    } block[BLOCKS];
    unsigned wrong = 0;
    size_t total = 0;
    for (unsigned round = 0; round < 40000; round++) {
        unsigned i = any() % BLOCKS;
        if (block[i].at) {
            for (size_t k = 0; k < block[i].bytes; k += 97)
                wrong += block[i].at[k] != block[i].mark;
            if (any() % 3 == 0) {
                size_t bytes = any() % 9000 + 1;
                unsigned char *at = realloc(block[i].at, bytes);
                if (!at)
                    abort();
                memset(at, block[i].mark, bytes);
                block[i].at = at;
                block[i].bytes = bytes;
                continue;
            }
            free(block[i].at);
            block[i].at = NULL;
        } else {
            size_t bytes = any() % 64 ? any() % 3000 + 1 : any() % 300000 + 1;
            block[i].at = malloc(bytes);
            if (!block[i].at)
                abort();
            block[i].bytes = bytes;
            block[i].mark = (unsigned char)any();
            memset(block[i].at, block[i].mark, bytes);
            total += bytes;
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(block[i].at);
    printf("storm: %zu bytes, %u wrong\n", total, wrong);
}

static unsigned long sum(const unsigned char *at, size_t bytes)
{
    unsigned long s = 0;
    for (size_t i = 0; i < bytes; i++)
        s = s * 31 + at[i];
    return s;
}

static void result(const char *what, const void *got)
{
    printf("%s: %s\n", what, got == MAP_FAILED ? strerror(errno) : "ok");
}

static void failed(const char *what, int got)
{
    printf("%s: %d %s\n", what, got, strerror(errno));
}

static void mappings(void)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    unsigned char *a = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, anonymous, -1, 0);
    result("map", a);
    printf("fresh memory sums to %lu\n", sum(a, 64 * PAGE));
    for (unsigned i = 0; i < 64 * PAGE; i++)
        a[i] = (unsigned char)(i * 7);
    printf("written: %lu\n", sum(a, 64 * PAGE));
    printf("hole: %d\n", munmap(a + 16 * PAGE, 16 * PAGE));
    printf("hole again: %d\n", munmap(a + 16 * PAGE, 16 * PAGE));
    printf("low part: %lu, high part: %lu\n", sum(a, 16 * PAGE), sum(a + 32 * PAGE, 32 * PAGE));
    void *fixed = mmap(a + 16 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE, anonymous | MAP_FIXED, -1, 0);
    printf("into the hole: %d, sums to %lu\n", fixed == a + 16 * PAGE, sum(fixed, 8 * PAGE));
    void *again = mmap(a, PAGE, PROT_READ, anonymous | MAP_FIXED_NOREPLACE, -1, 0);
    result("no replace over something", again);
    void *over = mmap(a, 4 * PAGE, PROT_READ | PROT_WRITE, anonymous | MAP_FIXED, -1, 0);
    printf("over something: %d, sums to %lu\n", over == a, sum(a, 4 * PAGE));
    printf("rest of it: %lu\n", sum(a + 4 * PAGE, 12 * PAGE));
    printf("don't need: %d", madvise(a + 40 * PAGE, 8 * PAGE, MADV_DONTNEED));
    printf(", sums to %lu\n", sum(a + 40 * PAGE, 8 * PAGE));
    printf("protect: %d", mprotect(a + 33 * PAGE, 2 * PAGE, PROT_READ));
    printf(" %d\n", mprotect(a + 33 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    a[33 * PAGE] = 1;
    failed("protect a hole", mprotect(a + 24 * PAGE, 2 * PAGE, PROT_READ));
    failed("unaligned", munmap(a + 1, PAGE));
    failed("nothing", munmap(a, 0));
    result("no length", mmap(NULL, 0, PROT_READ, anonymous, -1, 0));
    result("no kind", mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    result("beyond all", mmap(NULL, (size_t)1 << 62, PROT_READ, anonymous, -1, 0));
    result("bad descriptor", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
    printf("away: %d\n", munmap(a, 64 * PAGE));

    unsigned char *r = mmap(NULL, 256 * PAGE, PROT_NONE, anonymous | MAP_NORESERVE, -1, 0);
    result("reservation", r);
    printf("commit: %d\n", mprotect(r + 8 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE));
    memset(r + 8 * PAGE, 3, 8 * PAGE);
    printf("committed: %lu\n", sum(r + 8 * PAGE, 8 * PAGE));
    printf("decommit: %d", madvise(r + 8 * PAGE, 8 * PAGE, MADV_DONTNEED));
    printf(" %d\n", mprotect(r + 8 * PAGE, 8 * PAGE, PROT_NONE));
    printf("commit anew: %d", mprotect(r + 8 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE));
    printf(", sums to %lu\n", sum(r + 8 * PAGE, 8 * PAGE));
    printf("away: %d\n", munmap(r, 256 * PAGE));
}

/* Nothing forks: the marks alone. */
static void wiped(void)
{
    unsigned char *a = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(a, 3, 4 * PAGE);
    printf("wipe on fork: %d", madvise(a, 2 * PAGE, MADV_WIPEONFORK));
    printf(" %d", madvise(a + PAGE, PAGE, MADV_KEEPONFORK));
    printf(" %d\n", madvise(a, 0, MADV_WIPEONFORK));
    printf("kept: %lu\n", sum(a, 4 * PAGE));
    failed("unaligned", madvise(a + 1, PAGE, MADV_WIPEONFORK));
    failed("no advice", madvise(a, PAGE, -1)); /* as BoringSSL asks before it trusts the answer */
    failed("text", madvise((void *)((uintptr_t)&wiped & ~(uintptr_t)(PAGE - 1)), PAGE, MADV_WIPEONFORK));
    printf("away: %d\n", munmap(a, 4 * PAGE));
    failed("nobody's", madvise(a, PAGE, MADV_WIPEONFORK));
}

static void moves(void)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    unsigned char *a = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, anonymous, -1, 0);
    for (unsigned i = 0; i < 8 * PAGE; i++)
        a[i] = (unsigned char)(i >> 3);
    unsigned long before = sum(a, 8 * PAGE);
    unsigned char *b = mremap(a, 8 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
    printf("grown: %d, new part sums to %lu\n", sum(b, 8 * PAGE) == before,
           sum(b + 8 * PAGE, 24 * PAGE));
    unsigned char *c = mremap(b, 32 * PAGE, 4 * PAGE, 0);
    printf("shrunk in place: %d\n", c == b);
    unsigned char *d = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, anonymous, -1, 0);
    unsigned char *e = mremap(c, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, d + 4 * PAGE);
    printf("moved there: %d, same: %d\n", e == d + 4 * PAGE, e[PAGE] == (unsigned char)(PAGE >> 3));
    result("not mapped any more", mremap(c, 4 * PAGE, 8 * PAGE, 0));
    printf("old place is free: %d\n",
           mmap(c, PAGE, PROT_READ, anonymous | MAP_FIXED_NOREPLACE, -1, 0) == c);
}

static void heap(void)
{
    char *start = (char *)syscall(SYS_brk, 0);
    char *end = (char *)syscall(SYS_brk, start + 5 * PAGE + 12);
    printf("break: %ld\n", (long)(end - start));
    memset(start, 9, 5 * PAGE + 12);
    printf("back: %ld\n", (long)((char *)syscall(SYS_brk, start + PAGE) - start));
    printf("and on: %ld\n", (long)((char *)syscall(SYS_brk, start + 400 * PAGE) - start));
    printf("kept: %d, fresh: %lu\n", start[PAGE - 1], sum((unsigned char *)start + PAGE, 399 * PAGE));
    printf("too low: %d\n", (char *)syscall(SYS_brk, 4096) == start + 400 * PAGE);
}

int main(void)
{
    storm();
    mappings();
    wiped();
    moves();
    heap();
    return 0;
}
