/* spins.c: threads that wait for one another without a system call, or with nothing but such as
 * never wait: they get on because the one that runs is interrupted. What is in their registers
 * stays theirs. Agreement: every line. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXCHANGES 10

static atomic_uint turn, seen;

/* Waits for its turns; meanwhile counts by two ways of which one is in a vector register. */
static void *spins(void *argument)
{
    unsigned me = (unsigned)(unsigned long)argument;
    double sum = 0;
    unsigned long count = 0;
    for (unsigned i = 0; i < EXCHANGES; i++) {
        while (atomic_load_explicit(&turn, memory_order_relaxed) % 2 != me) {
            sum += 2 + me;
            count += 2 + me;
            __asm__ volatile("" : "+x"(sum), "+r"(count)); /* in registers, whatever is clever */
        }
        atomic_fetch_add(&turn, 1);
    }
    return (void *)(unsigned long)(sum == (double)count && count % (2 + me) == 0);
}

static void by_turns(void)
{
    pthread_t thread[2];
    void *same;
    for (unsigned long i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, spins, (void *)i);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(thread[i], &same);
        printf("spun by turns: %lu\n", (unsigned long)same);
    }
    printf("turns %u\n", atomic_load(&turn));
}

static void *notices(void *argument)
{
    (void)argument;
    atomic_store(&seen, 1);
    return NULL;
}

/* The calls are so short that the time is up in the kernel as often as here. */
static void by_calls(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, notices, NULL);
    while (!atomic_load(&seen))
        (void)syscall(SYS_getppid);
    pthread_join(thread, NULL);
    printf("called until it was seen\n");
}

int main(void)
{
    by_turns();
    by_calls();
    return 0;
}
