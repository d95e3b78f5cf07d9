/* memory.c: acts against memory that is not there, not ours, or not for that. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "acts.h"

#define PAGE 4096u
static const unsigned char code_return[] = {0xc3};
static unsigned char in_data[PAGE] __attribute__((aligned(4096))) = {0xc3};
static const char in_rodata[] = "constant";

static void call(const void *address)
{
    void (*function)(void);
    memcpy(&function, &address, sizeof function);
    function();
}

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

void act_hello(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    mayfly_puts(reply, "hello");
}

void act_write_text(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    *(volatile char *)pointer((uintptr_t)act_write_text) = 0;
    survived(reply);
}

void act_write_rodata(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    *(volatile char *)pointer((uintptr_t)in_rodata) = 0;
    survived(reply);
}

void act_execute_data(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    call(in_data);
    survived(reply);
}

void act_execute_stack(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    unsigned char here[16];
    memcpy(here, code_return, sizeof code_return);
    call(here);
    survived(reply);
}

void act_execute_heap(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    unsigned char *heap = malloc(64);
    if (heap) {
        memcpy(heap, code_return, sizeof code_return);
        call(heap);
    }
    survived(reply);
}

void act_execute_mapping(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) {
        memcpy(page, code_return, sizeof code_return);
        call(page);
    }
    survived(reply);
}

void act_read_at(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)*(volatile char *)pointer(number_of(event, "at", 0));
    survived(reply);
}

void act_write_at(struct mayfly_event *event, struct mayfly_reply *reply)
{
    *(volatile char *)pointer(number_of(event, "at", 0)) = 0;
    survived(reply);
}

void act_jump_at(struct mayfly_event *event, struct mayfly_reply *reply)
{
    call(pointer(number_of(event, "at", 0)));
    survived(reply);
}

void act_read_zero(struct mayfly_event *event, struct mayfly_reply *reply)
{
    act_read_at(event, reply);
}

void act_write_zero(struct mayfly_event *event, struct mayfly_reply *reply)
{
    act_write_at(event, reply);
}

void act_jump_zero(struct mayfly_event *event, struct mayfly_reply *reply)
{
    act_jump_at(event, reply);
}

/* The page below the lowest one of the stack that was ever touched, far away. */
void act_guard_below_stack(struct mayfly_event *event, struct mayfly_reply *reply)
{
    volatile char here = 0;
    *((volatile char *)&here - number_of(event, "below", 64u << 20)) = 1;
    survived(reply);
}

static void say_result(struct mayfly_reply *reply, long result)
{
    if (result == -1)
        mayfly_printf(reply, "refused: %s", strerror(errno));
    else
        survived(reply);
}

void act_protect_execute(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    say_result(reply, mprotect(in_data, PAGE, PROT_READ | PROT_EXEC));
}

void act_map_execute(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say_result(reply, page == MAP_FAILED ? -1 : 0);
}

void act_protect_gate(struct mayfly_event *event, struct mayfly_reply *reply)
{
    say_result(reply, mprotect(pointer(number_of(event, "at", 0x20000)), PAGE,
                               PROT_READ | PROT_WRITE));
}

void act_unmap_kernel(struct mayfly_event *event, struct mayfly_reply *reply)
{
    say_result(reply, munmap(pointer(number_of(event, "at", 0x100000)), PAGE));
}

void act_map_fixed_low(struct mayfly_event *event, struct mayfly_reply *reply)
{
    void *page = mmap(pointer(number_of(event, "at", 0x100000)), PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say_result(reply, page == MAP_FAILED ? -1 : 0);
}

static unsigned recurse(const volatile char *before, uint64_t depth)
{
    volatile char here[256];
    here[0] = before ? *before : 0;
    return depth ? recurse(here, depth - 1) + (unsigned char)here[0] : 0;
}

void act_stack_overflow(struct mayfly_event *event, struct mayfly_reply *reply)
{
    mayfly_printf(reply, "survived %u", recurse(NULL, number_of(event, "depth", UINT64_MAX)));
}

/* One frame larger than the stack: must not jump over the guard. */
void act_stack_overflow_vla(struct mayfly_event *event, struct mayfly_reply *reply)
{
    volatile char frame[number_of(event, "bytes", 9u << 20)];
    for (size_t at = sizeof frame; at > PAGE; at -= PAGE)
        frame[at - 1] = 1;
    survived(reply);
}

static __attribute__((noinline)) void smash(volatile unsigned count)
{
    volatile char small[16];
    volatile char *at = small;
    for (unsigned i = 0; i < count; i++)
        at[i] = 'x';
}

void act_smash_canary(struct mayfly_event *event, struct mayfly_reply *reply)
{
    smash((unsigned)number_of(event, "bytes", 64));
    survived(reply);
}

void act_heap_use_after_unmap(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) {
        page[0] = 1;
        munmap(page, PAGE);
        *(volatile char *)page = 2;
    }
    survived(reply);
}

/* New memory over a page of the image reads as zero, as mmap(2) has it. */
void act_map_over_data(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    static unsigned char full[2 * PAGE] __attribute__((aligned(4096))) = {1, 2, 3, [PAGE] = 4};
    const volatile unsigned char *page = full;
    void *there = mmap(full, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                       -1, 0);
    if (there != full)
        mayfly_puts(reply, "refused");
    else
        mayfly_puts(reply, page[0] || page[2] || page[PAGE] != 4 ? "old contents" : "zeros");
}
