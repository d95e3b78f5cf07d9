/* threads.c: threads, locks, conditions, what is their own, and how they end. Agreement: every
 * line. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned counter, turn;
static _Thread_local unsigned own;

static void *counts(void *argument)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        unsigned before = counter;
        if (i % 64 == 0)
            sched_yield();
        counter = before + 1;
        own++;
        pthread_mutex_unlock(&lock);
    }
    return (void *)(own + (unsigned long)argument);
}

static void mutexes(void)
{
    pthread_t thread[THREADS];
    for (unsigned long i = 0; i < THREADS; i++)
        printf("create: %d\n", pthread_create(&thread[i], NULL, counts, (void *)i));
    for (unsigned long i = 0; i < THREADS; i++) {
        void *result;
        printf("join: %d", pthread_join(thread[i], &result));
        printf(" %lu\n", (unsigned long)result);
    }
    printf("counter %u, own %u\n", counter, own);
}

static void *takes_turns(void *argument)
{
    unsigned me = (unsigned)(unsigned long)argument;
    for (unsigned i = 0; i < 50; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != me)
            pthread_cond_wait(&changed, &lock);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void conditions(void)
{
    pthread_t thread[THREADS];
    for (unsigned long i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, takes_turns, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("turns %u\n", turn);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec = (soon.tv_nsec + 20000000) % 1000000000;
    soon.tv_sec += soon.tv_nsec < 20000000;
    pthread_mutex_lock(&lock);
    printf("timedwait: %s\n", strerror(pthread_cond_timedwait(&changed, &lock, &soon)));
    pthread_mutex_unlock(&lock);
}

static sem_t full, empty;
static unsigned slot;

static void *produces(void *argument)
{
    (void)argument;
    for (unsigned i = 1; i <= 1000; i++) {
        sem_wait(&empty);
        slot = i;
        sem_post(&full);
    }
    return NULL;
}

static void semaphores(void)
{
    pthread_t thread;
    unsigned long sum = 0;
    sem_init(&full, 0, 0);
    sem_init(&empty, 0, 1);
    pthread_create(&thread, NULL, produces, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        sem_wait(&full);
        sum += slot;
        sem_post(&empty);
    }
    pthread_join(thread, NULL);
    printf("sum %lu\n", sum);
}

static void *sleeps(void *argument)
{
    struct timespec time = {0, 1000000 * (long)argument};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    pthread_mutex_lock(&lock);
    printf("slept %ld\n", (long)argument);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void sleeping(void)
{
    pthread_t thread[4];
    for (long i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, sleeps, (void *)((4 - i) * 60));
    for (unsigned i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

static double sum_of(unsigned n)
{
    double sum = 0;
    for (unsigned i = 1; i <= n; i++) {
        sum += 1.0 / i;
        if (i % 100 == 0)
            sched_yield();
    }
    return sum;
}

static void *adds(void *argument)
{
    double *result = argument;
    *result = sum_of((unsigned)*result);
    return NULL;
}

static void vectors(void)
{
    pthread_t thread[THREADS];
    double result[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        result[i] = 1000.0 * (i + 1);
        pthread_create(&thread[i], NULL, adds, &result[i]);
    }
    double here = sum_of(5000);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        printf("harmonic %u: %.17g\n", i, result[i]);
    }
    printf("here %.17g %d\n", here, here == result[4]);
}

static void *dies_with_it(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

static void robust(void)
{
    pthread_mutex_t mutex;
    pthread_mutexattr_t kind;
    pthread_t thread;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex, &kind);
    pthread_create(&thread, NULL, dies_with_it, &mutex);
    pthread_join(thread, NULL);
    printf("robust: %s\n", strerror(pthread_mutex_lock(&mutex)));
    printf("consistent: %d\n", pthread_mutex_consistent(&mutex));
    printf("unlock: %d\n", pthread_mutex_unlock(&mutex));
}

static pthread_key_t key;
static atomic_uint destroyed;

static void destroy(void *value)
{
    destroyed += (unsigned)(unsigned long)value;
}

static void *keeps(void *argument)
{
    char name[16];
    pthread_setspecific(key, argument);
    prctl(PR_SET_NAME, "a name that is too long");
    prctl(PR_GET_NAME, name);
    printf("name %s, other number %d\n", name, syscall(SYS_gettid) != getpid());
    return NULL;
}

static void *waits_for_ever(void *argument)
{
    pthread_cleanup_push(destroy, argument);
    sem_wait(&full);
    pthread_cleanup_pop(0);
    return NULL;
}

static void ends(void)
{
    pthread_t thread;
    void *result;
    char name[16] = {0};
    pthread_key_create(&key, destroy);
    pthread_create(&thread, NULL, keeps, (void *)7);
    pthread_join(thread, NULL);
    printf("destroyed %u\n", destroyed);
    prctl(PR_SET_NAME, "main");
    prctl(PR_GET_NAME, name);
    printf("name %s\n", name);
    sem_init(&full, 0, 0);
    pthread_create(&thread, NULL, waits_for_ever, (void *)5);
    sched_yield();
    printf("cancel %d\n", pthread_cancel(thread));
    pthread_join(thread, &result);
    printf("cancelled %d, destroyed %u\n", result == PTHREAD_CANCELED, destroyed);
}

static void *last(void *argument)
{
    (void)argument;
    struct timespec time = {0, 20000000};
    nanosleep(&time, NULL);
    printf("the last one\n");
    fflush(stdout);
    return NULL;
}

int main(void)
{
    mutexes();
    conditions();
    semaphores();
    sleeping();
    vectors();
    robust();
    ends();
    fflush(stdout);
    pthread_t thread;
    pthread_create(&thread, NULL, last, NULL);
    pthread_exit(NULL); /* the process goes on until all have ended */
}
