/*
 * load.c: each thread owns an epoll and its share of the connections. A connection
 * has one request under way at any time; an error opens it anew.
 */
#include "bench/load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/http_reply.h"

#define EVENTS_PER_WAIT 64
#define READ_BYTES 65536u
#define WAIT_MS 100

struct connection {
    int fd;
    size_t sent;           /* bytes of the request written */
    uint64_t started_ns;   /* when the request was begun   */
    struct http_reply reply;
    uint64_t answered;     /* so far, while it counted     */
};

struct worker {
    const struct load_plan *plan;
    uint32_t index;
    int epoll;
    uint32_t count;
    struct connection *connection;
    uint64_t counts_from_ns, ends_ns;
    struct samples latency_us, client_answers;
    uint64_t answered, errors;
    mf_err err;
    pthread_t thread;
    char buffer[READ_BYTES];
};

uint32_t load_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

void load_pin(uint32_t nth_cpu)
{
    cpu_set_t have, want;
    CPU_ZERO(&have);
    CPU_ZERO(&want);
    if (sched_getaffinity(getpid(), sizeof have, &have) != 0)
        return;
    uint32_t nth = nth_cpu % (uint32_t)CPU_COUNT(&have);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &have) && nth-- == 0) {
            CPU_SET(cpu, &want);
            (void)sched_setaffinity(0, sizeof want, &want);
            return;
        }
}

mf_err load_target_set(struct load_target *target, uint16_t port, const char *path)
{
    *target = (struct load_target){
        .address = {.sin_family = AF_INET,
                    .sin_port = htons(port),
                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
    };
    int bytes = snprintf(target->request, sizeof target->request,
                         "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", path, port);
    if (bytes < 0 || (size_t)bytes >= sizeof target->request)
        return MF_ETOOBIG;
    target->request_bytes = (size_t)bytes;
    return MF_OK;
}

static mf_err connection_watch(struct worker *worker, struct connection *connection, int how,
                               uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    return epoll_ctl(worker->epoll, how, connection->fd, &event) == 0 ? MF_OK : MF_EIO;
}

static mf_err connection_open(struct worker *worker, struct connection *connection)
{
    *connection = (struct connection){.started_ns = mf_monotonic_ns(),
                                      .answered = connection->answered};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return mf_err_from_errno(errno);
    int on = 1;
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr_in *address = &worker->plan->target->address;
    if (connect(connection->fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno != EINPROGRESS)
        return mf_err_from_errno(errno);
    return connection_watch(worker, connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void connection_close(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

static mf_err connection_reopen(struct worker *worker, struct connection *connection)
{
    connection_close(connection);
    return connection_open(worker, connection);
}

/* Something went wrong with a request: count it, go on with a new connection. */
static mf_err connection_failed(struct worker *worker, struct connection *connection)
{
    if (++worker->errors > LOAD_ERRORS_MAX)
        return MF_EIO;
    return connection_reopen(worker, connection);
}

/* Write what is left of the request; then wait for the reply only. */
static mf_err connection_send(struct worker *worker, struct connection *connection, bool waited)
{
    const struct load_target *target = worker->plan->target;
    ssize_t sent = send(connection->fd, target->request + connection->sent,
                        target->request_bytes - connection->sent, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN ? MF_OK : connection_failed(worker, connection);
    connection->sent += (size_t)sent;
    if (waited && connection->sent == target->request_bytes)
        return connection_watch(worker, connection, EPOLL_CTL_MOD, EPOLLIN);
    return MF_OK;
}

static mf_err connection_next(struct worker *worker, struct connection *connection)
{
    if (!worker->plan->keep_alive || connection->reply.closes || connection->reply.until_close)
        return connection_reopen(worker, connection);
    connection->sent = 0;
    connection->reply = (struct http_reply){0};
    connection->started_ns = mf_monotonic_ns();
    mf_err err = connection_send(worker, connection, false);
    if (!err && connection->fd >= 0 && connection->sent < worker->plan->target->request_bytes)
        err = connection_watch(worker, connection, EPOLL_CTL_MOD, EPOLLOUT);
    return err;
}

/* On a machine that is too slow for one, the counted time goes on until the first latency is known. */
static bool goes_on(const struct worker *worker, uint64_t now_ns)
{
    return now_ns < worker->ends_ns ||
           (worker->latency_us.count == 0 && now_ns < worker->ends_ns + LOAD_LATE_NS_MAX);
}

static mf_err connection_answered(struct worker *worker, struct connection *connection)
{
    uint64_t now_ns = mf_monotonic_ns();
    if (connection->reply.status != 200) {
        if (++worker->errors > LOAD_ERRORS_MAX)
            return MF_EIO;
        return connection_next(worker, connection);
    }
    bool counts = now_ns >= worker->counts_from_ns && goes_on(worker, now_ns);
    mf_err err = MF_OK;
    if (counts && now_ns > worker->ends_ns)
        worker->ends_ns = now_ns;
    worker->answered += counts;
    connection->answered += counts;
    if (counts && connection->started_ns >= worker->counts_from_ns)
        err = samples_add(&worker->latency_us,
                          (double)(now_ns - connection->started_ns) / 1000.0);
    return err ? err : connection_next(worker, connection);
}

static mf_err connection_read(struct worker *worker, struct connection *connection)
{
    ssize_t bytes = recv(connection->fd, worker->buffer, sizeof worker->buffer, 0);
    if (bytes < 0)
        return errno == EAGAIN ? MF_OK : connection_failed(worker, connection);
    mf_err err = MF_EPROTO;
    if (bytes > 0)
        err = http_reply_feed(&connection->reply, worker->buffer, (size_t)bytes);
    else if (http_reply_ended(&connection->reply))
        err = MF_OK;
    if (err == MF_EAGAIN)
        return MF_OK;
    return err ? connection_failed(worker, connection) : connection_answered(worker, connection);
}

static mf_err worker_open(struct worker *worker)
{
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->connection = calloc(worker->count, sizeof *worker->connection);
    if (worker->epoll < 0 || !worker->connection)
        return MF_ENOMEM;
    for (uint32_t i = 0; i < worker->count; i++)
        worker->connection[i].fd = -1;
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < worker->count && !err; i++)
        err = connection_open(worker, &worker->connection[i]);
    return err;
}

static void worker_close(struct worker *worker)
{
    for (uint32_t i = 0; worker->connection && i < worker->count; i++)
        connection_close(&worker->connection[i]);
    free(worker->connection);
    if (worker->epoll >= 0)
        close(worker->epoll);
}

static mf_err worker_loop(struct worker *worker)
{
    struct epoll_event event[EVENTS_PER_WAIT];
    mf_err err = MF_OK;
    while (!err && goes_on(worker, mf_monotonic_ns())) {
        int ready = epoll_wait(worker->epoll, event, EVENTS_PER_WAIT, WAIT_MS);
        if (ready < 0 && errno != EINTR)
            return mf_err_from_errno(errno);
        for (int i = 0; i < ready && !err; i++) {
            struct connection *connection = event[i].data.ptr;
            if (event[i].events & EPOLLOUT)
                err = connection_send(worker, connection, true);
            else
                err = connection_read(worker, connection);
        }
    }
    return err;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    load_pin(worker->plan->first_cpu + worker->index);
    worker->err = worker_open(worker);
    if (!worker->err)
        worker->err = worker_loop(worker);
    for (uint32_t i = 0; i < worker->count && !worker->err; i++)
        worker->err = samples_add(&worker->client_answers, (double)worker->connection[i].answered);
    worker_close(worker);
    return NULL;
}

static mf_err collect(struct worker *worker, uint32_t count, struct load_result *result)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (!err)
            err = worker[i].err;
        if (!err)
            err = samples_add_all(&result->latency_us, &worker[i].latency_us);
        if (!err)
            err = samples_add_all(&result->client_answers, &worker[i].client_answers);
        double elapsed_s = (double)(worker[i].ends_ns - worker[i].counts_from_ns) / MF_NS_PER_S;
        result->elapsed_s = elapsed_s > result->elapsed_s ? elapsed_s : result->elapsed_s;
        result->answered += worker[i].answered;
        result->errors += worker[i].errors;
        samples_close(&worker[i].latency_us);
        samples_close(&worker[i].client_answers);
    }
    return err;
}

mf_err load_run(const struct load_plan *plan, struct load_result *result, struct mf_why *why)
{
    mf_assert(plan->connections >= 1 && plan->connections <= LOAD_CONNECTIONS_MAX);
    mf_assert(plan->threads >= 1 && plan->threads <= LOAD_THREADS_MAX);
    mf_assert(plan->threads <= plan->connections);
    *result = (struct load_result){0};
    struct worker *worker = calloc(plan->threads, sizeof *worker);
    if (!worker)
        return MF_ENOMEM;
    uint64_t from_ns = mf_monotonic_ns() + plan->warm_up_ns;
    uint32_t started = 0;
    for (; started < plan->threads; started++) {
        worker[started] = (struct worker){
            .plan = plan,
            .index = started,
            .epoll = -1,
            .count = plan->connections / plan->threads +
                     (started < plan->connections % plan->threads ? 1 : 0),
            .counts_from_ns = from_ns,
            .ends_ns = from_ns + plan->duration_ns,
        };
        if (pthread_create(&worker[started].thread, NULL, worker_main, &worker[started]) != 0)
            break;
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(worker[i].thread, NULL);
    mf_err err = collect(worker, started, result);
    if (!err && started < plan->threads)
        err = MF_ENOMEM;
    free(worker);
    if (!err && !result->answered)
        err = MF_EIO;
    return err ? mf_why(why, err, "load: %llu requests answered, %llu errors",
                        (unsigned long long)result->answered, (unsigned long long)result->errors)
               : MF_OK;
}

void load_result_close(struct load_result *result)
{
    samples_close(&result->latency_us);
    samples_close(&result->client_answers);
    *result = (struct load_result){0};
}
