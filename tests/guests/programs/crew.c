/* crew.c: a function with threads, which were there before it was frozen: some wait for work,
 * one sleeps again and again. */
#include <mayfly.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define CREW 4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned wanted, done;
static double result[CREW];
static atomic_uint ticks, signalled;
static pthread_t ticking;
static _Thread_local unsigned mine;

static void *works(void *argument)
{
    unsigned me = (unsigned)(unsigned long)argument, seen = 0;
    double kept = 1.5 * me; /* in a register while it waits */
    mine = 100 + me;
    pthread_mutex_lock(&lock);
    done++;
    pthread_cond_broadcast(&changed);
    for (;;) {
        while (wanted == seen)
            pthread_cond_wait(&changed, &lock);
        seen = wanted;
        result[me] = kept * seen + mine;
        done++;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

static void *ticks_on(void *argument)
{
    const struct timespec moment = {0, 2000000};
    for (;;) {
        nanosleep(&moment, NULL);
        ticks++;
    }
    return argument;
}

static void note(int number)
{
    (void)number;
    signalled++;
}

static void wait_done(void)
{
    while (done < CREW)
        pthread_cond_wait(&changed, &lock);
}

int mayfly_init(void)
{
    pthread_t thread;
    struct sigaction action = {.sa_handler = note};
    sigaction(SIGUSR1, &action, NULL);
    for (unsigned long i = 0; i < CREW; i++)
        if (pthread_create(&thread, NULL, works, (void *)i) != 0)
            return 1;
    pthread_mutex_lock(&lock);
    wait_done();
    pthread_mutex_unlock(&lock);
    return pthread_create(&ticking, NULL, ticks_on, NULL);
}

static void work(struct mayfly_reply *reply)
{
    double sum = 0;
    pthread_mutex_lock(&lock);
    wanted++;
    done = 0;
    pthread_cond_broadcast(&changed);
    wait_done();
    for (unsigned i = 0; i < CREW; i++)
        sum += result[i];
    mayfly_printf(reply, "round %u sum %.1f", wanted, sum);
    pthread_mutex_unlock(&lock);
}

static void tick(struct mayfly_reply *reply)
{
    unsigned before = ticks;
    while (ticks < before + 3)
        sched_yield();
    int sent = pthread_kill(ticking, SIGUSR1);
    while (signalled == 0)
        sched_yield();
    mayfly_printf(reply, "ticks on, signal %d", sent);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    if (strcmp(mayfly_path(event), "/tick") == 0)
        tick(reply);
    else
        work(reply);
}
