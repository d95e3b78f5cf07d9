/*
 * load.h: our own load generator: closed loops over epoll, one thread a processor,
 * each request's latency kept exactly (request written → last byte of the reply).
 */
#ifndef MF_BENCH_LOAD_H
#define MF_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/samples.h"

#define LOAD_CONNECTIONS_MAX 8192u
#define LOAD_THREADS_MAX 64u
#define LOAD_ERRORS_MAX 10000u /* then the run ends as failed */
#define LOAD_LATE_NS_MAX 10000000000ull /* that the counted time goes on at most where there was no answer */

/* Where to, and the whole request as it is written. */
struct load_target {
    struct sockaddr_in address;
    char request[512];
    size_t request_bytes;
};

/* GET path from 127.0.0.1:port. MF_ETOOBIG: the path is too long. */
MF_CHECKED mf_err load_target_set(struct load_target *target, uint16_t port, const char *path);

struct load_plan {
    const struct load_target *target;
    uint32_t connections;  /* 1 … LOAD_CONNECTIONS_MAX                        */
    uint32_t threads;      /* 1 … LOAD_THREADS_MAX, at most connections       */
    uint32_t first_cpu;    /* thread i is pinned to processor first_cpu + i   */
    bool keep_alive;       /* false: a connection for each request            */
    uint64_t warm_up_ns;   /* at the start, not counted                       */
    uint64_t duration_ns;  /* counted                                         */
};

struct load_result {
    struct samples latency_us; /* of what was begun and answered with 200 while it counted */
    struct samples client_answers; /* the same, of each connection */
    uint64_t answered;         /* with 200 while it counted, whenever it was begun    */
    uint64_t errors;           /* other statuses, broken replies and connections */
    double elapsed_s;          /* the counted time: duration_ns, longer where it brought none */
};

/* Run plan; blocks. *result is the caller's, to end with load_result_close(), also
 * on failure. MF_EIO: more than LOAD_ERRORS_MAX errors. Any thread. */
MF_CHECKED mf_err load_run(const struct load_plan *plan, struct load_result *result,
                           struct mf_why *why);
void load_result_close(struct load_result *result);

/* Number of processors this process may use, and the n-th (mod that) of them. */
uint32_t load_cpus(void);
void load_pin(uint32_t nth_cpu);

#endif
