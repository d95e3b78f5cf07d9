/* futexes.c: the system call itself: values, timeouts, sets of bits, queues that move, and words
 * that change on the way. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* linux/futex.h, which a C library need not have */
enum {
    FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP,
    FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET, FUTEX_CLOCK_REALTIME = 256,
};
enum { FUTEX_OP_SET, FUTEX_OP_ADD, FUTEX_OP_OR, FUTEX_OP_ANDN, FUTEX_OP_XOR, FUTEX_OP_OPARG_SHIFT = 8 };
enum {
    FUTEX_OP_CMP_EQ, FUTEX_OP_CMP_NE, FUTEX_OP_CMP_LT, FUTEX_OP_CMP_LE, FUTEX_OP_CMP_GT,
    FUTEX_OP_CMP_GE,
};
#define FUTEX_OP(op, oparg, cmp, cmparg)                                     \
    ((uint32_t)(op) << 28 | (uint32_t)(cmp) << 24 | ((uint32_t)(oparg) & 0xfff) << 12 | \
     ((uint32_t)(cmparg) & 0xfff))

static _Atomic uint32_t word, other, ready;

static long futex(_Atomic uint32_t *at, int operation, uint32_t value, void *timeout,
                  _Atomic uint32_t *second, uint32_t third)
{
    long result = syscall(SYS_futex, at, operation, value, timeout, second, third);
    return result < 0 ? -errno : result;
}

struct wait {
    _Atomic uint32_t *at;
    uint32_t bits, value;
    long result;
    pthread_t thread;
};

static void *waits(void *argument)
{
    struct wait *wait = argument;
    ready++;
    wait->result = futex(wait->at, FUTEX_WAIT_BITSET, wait->value, NULL, NULL,
                         wait->bits);
    return NULL;
}

/* Start one, and let it come to its wait. */
static void begin(struct wait *wait, _Atomic uint32_t *at, uint32_t bits)
{
    struct timespec moment = {0, 20000000};
    *wait = (struct wait){.at = at, .bits = bits, .value = *at};
    uint32_t before = ready;
    pthread_create(&wait->thread, NULL, waits, wait);
    while (ready == before)
        sched_yield();
    nanosleep(&moment, NULL);
}

static void end(const char *name, struct wait *wait)
{
    pthread_join(wait->thread, NULL);
    printf("%s: %ld\n", name, wait->result);
}

static void errors(void)
{
    struct timespec bad = {0, 1000000000}, soon = {0, 10000000}, past = {0, 1};
    _Atomic uint32_t *odd = (void *)((char *)&word + 1);
    printf("other value: %ld\n", futex(&word, FUTEX_WAIT, 5, NULL, NULL, 0));
    printf("odd address: %ld\n", futex(odd, FUTEX_WAIT, 0, NULL, NULL, 0));
    printf("no address: %ld\n", futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
    printf("bad time: %ld\n", futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    printf("no bits: %ld %ld\n", futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0),
           futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    printf("soon: %ld\n", futex(&word, FUTEX_WAIT, 0, &soon, NULL, 0));
    printf("past: %ld\n", futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, ~0u));
    printf("past, real: %ld\n", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, ~0u));
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 10000000;
    if (soon.tv_nsec >= 1000000000)
        soon.tv_sec++, soon.tv_nsec -= 1000000000;
    printf("soon, real: %ld\n", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, ~0u));
    printf("wake nobody: %ld\n", futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
    printf("unknown: %ld\n", futex(&word, 77, 0, NULL, NULL, 0));
}

static void waking(void)
{
    struct wait wait[4];
    for (unsigned i = 0; i < 4; i++)
        begin(&wait[i], &word, 1u << i);
    printf("bit 2: %ld\n", futex(&word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 4));
    end("2", &wait[2]);
    printf("bits 0 and 1, one of them: %ld\n", futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 3));
    end("0", &wait[0]);
    printf("the others: %ld\n", futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
    end("1", &wait[1]);
    end("3", &wait[3]);
}

static void moving(void)
{
    struct wait wait[4];
    for (unsigned i = 0; i < 4; i++)
        begin(&wait[i], &word, ~0u);
    printf("another value: %ld\n", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)10, &other, 9));
    printf("one wakes, two move: %ld\n", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)2, &other, 0));
    end("0", &wait[0]);
    printf("there: %ld\n", futex(&other, FUTEX_WAKE, 10, NULL, NULL, 0));
    end("1", &wait[1]);
    end("2", &wait[2]);
    printf("here: %ld\n", futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
    end("3", &wait[3]);
}

static void changing(void)
{
    static const struct {
        int operation, operand, comparison, against;
    } test[] = {
        {FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0},  {FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 5},
        {FUTEX_OP_OR, 5, FUTEX_OP_CMP_NE, 10},  {FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_GE, 15},
        {FUTEX_OP_XOR, 1, FUTEX_OP_CMP_LT, 12}, {FUTEX_OP_ADD, -12, FUTEX_OP_CMP_LE, -1},
        {FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_LE, -1},
    };
    for (unsigned i = 0; i < sizeof test / sizeof *test; i++) {
        struct wait first, second;
        begin(&first, &word, ~0u);
        begin(&second, &other, ~0u);
        uint32_t encoded = (uint32_t)FUTEX_OP(test[i].operation, test[i].operand,
                                              test[i].comparison, test[i].against);
        long woken = futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, encoded);
        printf("change %u: %ld, now %d, left %ld\n", i, woken, (int)other,
               futex(&other, FUTEX_WAKE, 1, NULL, NULL, 0));
        end("first", &first);
        end("second", &second);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    errors();
    waking();
    moving();
    changing();
    return 0;
}
