/*
 * paper_sample.c: see paper_sample.h. A time begins with the first byte of the request and ends with the
 * last one of the answer; the connection was there before. Owns the answer that is right.
 */
#include "bench/paper_sample.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"

#define LOAD_CLIENTS 64u
#define LOAD_CLIENTS_QUICK 8u /* each waits two seconds at most for an instance of its own, on whatever machine */
#define LOAD_WARM_UP_NS (200 * MF_NS_PER_MS)
#define LOAD_NS MF_NS_PER_S

#define STATIC_BYTES (50u << 20)
#define STATIC_PART_BYTES (5u << 20) /* below the most that a reply of ours may have */
#define READ_BYTES (256u << 10)

/* Read a whole reply, of any length. MF_EPROTO: neither 200 nor 206. */
static mf_err reply_read_long(int connection, struct http_reply *reply, struct mf_why *why)
{
    static char data[READ_BYTES];
    *reply = (struct http_reply){0};
    mf_err err = MF_EAGAIN;
    while (err == MF_EAGAIN) {
        ssize_t bytes = read(connection, data, sizeof data);
        if (bytes <= 0)
            return mf_why(why, MF_EPROTO, "the connection ended without a whole answer");
        err = http_reply_feed(reply, data, (size_t)bytes);
    }
    if (!err && (reply->status == 200 || reply->status == 206))
        return MF_OK;
    return mf_why(why, MF_EPROTO, "answered %u: %.*s", reply->status, (int)reply->body_bytes, reply->body);
}

/* The first program that answers says what is right. */
static mf_err check_answer(const struct http_reply *reply, struct http_reply *right, struct mf_why *why)
{
    if (!right->body_bytes)
        *right = *reply;
    if (right->body_bytes == reply->body_bytes && memcmp(right->body, reply->body, right->body_bytes) == 0)
        return MF_OK;
    return mf_why(why, MF_EPROTO, "answered \"%.*s\" where another answered \"%.*s\"",
                  (int)reply->body_bytes, reply->body, (int)right->body_bytes, right->body);
}

static struct http_reply right; /* of the work that is being measured */

/* A connection to who does the work, open a while before it is asked. Close it also on failure. */
static mf_err open_work(struct subject *subject, uint32_t instance, struct load_target *target,
                        int *connection)
{
    *connection = -1;
    mf_err err = subject->kind->target(subject, instance, "/work", target);
    if (!err)
        err = connect_to(ntohs(target->address.sin_port), connection);
    bench_settle(BENCH_SETTLE_MS);
    return err;
}

static void close_work(int connection)
{
    if (connection >= 0)
        close(connection);
}

static mf_err ask(int connection, const struct load_target *target, struct http_reply *reply,
                  struct mf_why *why)
{
    mf_err err = request_send(connection, target, why);
    return err ? err : reply_read_long(connection, reply, why);
}

void paper_work_begin(void)
{
    right = (struct http_reply){0};
}

mf_err paper_work(struct subject *subject, uint32_t instance, double *value, struct mf_why *why)
{
    struct load_target target;
    struct http_reply reply;
    int connection;
    mf_err err = open_work(subject, instance, &target, &connection);
    uint64_t from_ns = mf_monotonic_ns();
    if (!err)
        err = ask(connection, &target, &reply, why);
    *value = (double)(mf_monotonic_ns() - from_ns) / MF_NS_PER_US;
    close_work(connection);
    return err ? err : check_answer(&reply, &right, why);
}

/* The request for a part of a file, from `from` on. */
static mf_err part_request(struct load_target *target, uint32_t from)
{
    const size_t end = target->request_bytes - 2; /* the line that ends the head */
    size_t room = sizeof target->request - end;
    int bytes = snprintf(target->request + end, room, "Range: bytes=%u-%u\r\n\r\n", from,
                         from + STATIC_PART_BYTES - 1);
    if (bytes < 0 || (size_t)bytes >= room)
        return MF_ETOOBIG;
    target->request_bytes = end + (size_t)bytes;
    return MF_OK;
}

mf_err paper_static(struct subject *subject, uint32_t instance, double *value, struct mf_why *why)
{
    struct load_target target, part;
    struct http_reply reply;
    int connection;
    mf_err err = open_work(subject, instance, &target, &connection);
    uint64_t from_ns = mf_monotonic_ns();
    for (uint32_t at = 0; at < STATIC_BYTES && !err; at += STATIC_PART_BYTES) {
        part = target;
        err = part_request(&part, at);
        if (!err)
            err = ask(connection, &part, &reply, why);
        if (!err && reply.status != 206)
            err = mf_why(why, MF_EPROTO, "answered a request for a part with %u", reply.status);
    }
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    close_work(connection);
    *value = STATIC_BYTES / 1024.0 / ((double)took_ns / MF_NS_PER_S);
    return err;
}

mf_err paper_load(struct subject *subject, uint32_t instance, double *value, struct mf_why *why)
{
    struct load_target target;
    struct load_result result = {0};
    uint32_t cpus = load_cpus();
    mf_err err = subject->kind->target(subject, instance, "/", &target);
    const struct load_plan plan = {.target = &target,
                                   .connections = bench_number(LOAD_CLIENTS, LOAD_CLIENTS_QUICK),
                                   .threads = cpus < LOAD_THREADS_MAX ? cpus : LOAD_THREADS_MAX,
                                   .keep_alive = true,
                                   .warm_up_ns = LOAD_WARM_UP_NS,
                                   .duration_ns = LOAD_NS};
    if (err)
        return err;
    err = bench_load(&plan, &result, why);
    *value = (double)result.answered / result.elapsed_s;
    if (!err && result.errors)
        err = mf_why(why, MF_EPROTO, "%llu requests failed", (unsigned long long)result.errors);
    load_result_close(&result);
    return err;
}
