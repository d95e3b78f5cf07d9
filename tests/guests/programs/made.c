/*
 * made.c: a function that makes code before its first event, and changes it at each: pages that are
 * written and executed at once, pages that are only executed, and text of its own that it opened. What
 * a snapshot must keep of that, and a rollback bring back. Without jit it has none, and says so.
 */
#include <errno.h>
#include <mayfly.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)
#define RWX (RW | PROT_EXEC)

static unsigned char *both, *only, *later;
static unsigned char *own_value; /* own()'s 70 */
static int refused;

static const unsigned char returns[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $0,%eax; ret */

/* Text that stands alone in its page. */
__attribute__((aligned(PAGE), noinline, used)) static int own(void)
{
    int value;
    __asm__ volatile("mov $70,%0" : "=r"(value));
    return value;
}
__attribute__((aligned(PAGE), noinline, used)) static void behind(void)
{
    __asm__ volatile("");
}

static void make(unsigned char *at, unsigned char value)
{
    memcpy(at, returns, sizeof returns);
    at[1] = value;
}

static int call(const unsigned char *at)
{
    return ((int (*)(void))(uintptr_t)at)();
}

static unsigned char *map(int prot)
{
    void *at = mmap(NULL, 3 * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        refused = errno;
    return at == MAP_FAILED ? NULL : at;
}

int mayfly_init(void)
{
    both = map(RWX);
    only = map(RW);
    later = map(RW);
    if (!both)
        return 0;
    make(both, 10);
    make(both + 2 * PAGE, 20);
    make(only, 30);
    own_value = memchr((void *)(uintptr_t)own, 70, 64);
    if (!own_value || mprotect(only, PAGE, RX) != 0 || mprotect((void *)(uintptr_t)own, PAGE, RWX) != 0)
        refused = errno;
    else
        (*own_value)++;
    behind();
    return 0;
}

/* All that there is, then all of it changed. */
static void show(struct mayfly_reply *reply)
{
    mayfly_printf(reply, "%d %d %d %d later %d", call(both), call(both + 2 * PAGE), call(only), own(),
                  later[0]);
    both[1]++;
    both[2 * PAGE + 1]++;
    (*own_value)++;
    make(both + PAGE, 99);
    make(later, 1);
    if (mprotect(only, PAGE, RW) != 0 || mprotect(later, PAGE, RWX) != 0)
        return;
    only[1]++;
    (void)mprotect(only, PAGE, RX);
    (void)call(later);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    if (!both || refused)
        mayfly_printf(reply, "refused %d", refused);
    else if (strcmp(mayfly_path(event), "/write") == 0)
        *(volatile unsigned char *)only = 0; /* executed, and no more */
    else if (strcmp(mayfly_path(event), "/read") == 0)
        mayfly_printf(reply, "%d", call(later)); /* written, and no more */
    else
        show(reply);
}
