/* subject.c: what all kinds share. */
#include "bench/subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/nonce.h"

#define REPLY_BYTES 4096

mf_err request_send(int connection, const struct load_target *target, struct mf_why *why)
{
    ssize_t sent = send(connection, target->request, target->request_bytes, MSG_NOSIGNAL);
    if (sent == (ssize_t)target->request_bytes)
        return MF_OK;
    return mf_why(why, MF_EIO, "cannot send a request: %s", strerror(errno));
}

mf_err reply_read(int connection, struct http_reply *reply, uint64_t *first_byte_ns,
                  struct mf_why *why)
{
    *reply = (struct http_reply){0};
    char data[REPLY_BYTES];
    mf_err err = MF_EAGAIN;
    *first_byte_ns = 0;
    while (err == MF_EAGAIN) {
        ssize_t bytes = read(connection, data, sizeof data);
        if (bytes < 0 && errno == EINTR)
            continue;
        if (!*first_byte_ns)
            *first_byte_ns = mf_monotonic_ns();
        if (bytes <= 0)
            err = bytes == 0 && http_reply_ended(reply) ? MF_OK : MF_EPROTO;
        else
            err = http_reply_feed(reply, data, (size_t)bytes);
    }
    if (!err && reply->status == 200)
        return MF_OK;
    if (!reply->status)
        return mf_why(why, MF_EPROTO, "the connection ended without an answer");
    return mf_why(why, MF_EPROTO, "answered %u, not 200", reply->status);
}

struct subject_call subject_call(uint32_t instance)
{
    struct subject_call call = {.instance = instance, .connection = -1};
    if (getrandom(&call.nonce, sizeof call.nonce, 0) != sizeof call.nonce)
        call.nonce = mf_monotonic_ns();
    return call;
}

mf_err subject_request(const struct subject_call *call, uint16_t port, const char *path,
                       struct load_target *target)
{
    char whole[256];
    int bytes = snprintf(whole, sizeof whole, "%s?" NONCE_PARAMETER "=" NONCE_FORMAT, path,
                         (unsigned long long)call->nonce);
    if (bytes < 0 || (size_t)bytes >= sizeof whole)
        return MF_ETOOBIG;
    return load_target_set(target, port, whole);
}

mf_err subject_reply(struct subject *subject, const struct subject_call *call,
                     uint64_t *first_byte_ns, struct mf_why *why)
{
    struct http_reply reply;
    char right[NONCE_BYTES + 1];
    mf_err err = reply_read(call->connection, &reply, first_byte_ns, why);
    if (err || !subject->kind->answer)
        return err;
    (void)snprintf(right, sizeof right, NONCE_FORMAT,
                   (unsigned long long)subject->kind->answer(subject, call));
    if (reply.body_bytes == NONCE_BYTES && memcmp(reply.body, right, NONCE_BYTES) == 0)
        return MF_OK;
    return mf_why(why, MF_EPROTO, "instance %u answered \"%.*s\" to a nonce; right is %s",
                  call->instance, (int)reply.body_bytes, reply.body, right);
}

mf_err subject_start(struct subject *subject, uint32_t instance, uint32_t settle_ms,
                     double *took_us, struct mf_why *why)
{
    struct subject_call call = subject_call(instance);
    uint64_t began_ns = 0, first_byte_ns = 0;
    mf_err err = subject->kind->connect(subject, &call, why);
    if (!err) {
        bench_settle(settle_ms);
        began_ns = mf_monotonic_ns();
        err = subject->kind->begin(subject, &call, why);
    }
    if (!err)
        err = subject_reply(subject, &call, &first_byte_ns, why);
    if (err && subject->kind->last_words) {
        struct mf_why reason = *why;
        char words[256];
        (void)mf_why(why, err, "%.200s: %s", mf_why_text(&reason, err),
                     subject->kind->last_words(subject, instance, words, sizeof words));
    }
    if (call.connection >= 0)
        close(call.connection);
    if (!err && took_us)
        *took_us = (double)(first_byte_ns - began_ns) / MF_NS_PER_US;
    return err;
}

mf_err subject_start_range(struct subject *subject, uint32_t from, uint32_t to,
                           struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = from; i < to && !err; i++)
        err = subject_start(subject, i, 0, NULL, why);
    return err;
}

mf_err subject_alive(struct subject *subject, uint32_t instances, struct mf_why *why)
{
    static struct processes list;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (!err && list.count < instances)
        err = mf_why(why, MF_EDEAD, "%u processes are left of %u instances that should be idle",
                     list.count, instances);
    return err;
}

mf_err subject_memory(struct subject *subject, struct processes *list, struct memory *memory)
{
    list->count = 0;
    mf_err err = subject->kind->processes(subject, list);
    if (!err)
        memory_of(list, memory);
    return err;
}

mf_err subject_usage(struct subject *subject, struct usage *usage)
{
    static struct processes list;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (!err)
        usage_of(&list, usage);
    return err;
}

bool beside_us(const char *name, char path[static PATH_MAX])
{
    ssize_t bytes = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (bytes <= 0)
        return false;
    path[bytes] = 0;
    char *slash = strrchr(path, '/');
    size_t room = PATH_MAX - (size_t)(slash + 1 - path);
    if ((size_t)snprintf(slash + 1, room, "%s", name) >= room)
        return false;
    return access(path, R_OK) == 0;
}
