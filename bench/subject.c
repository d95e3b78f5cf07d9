/* subject.c: what all kinds share. */
#include "bench/subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/http_reply.h"

#define REPLY_BYTES 4096

mf_err request_send(int connection, const struct load_target *target, struct mf_why *why)
{
    ssize_t sent = send(connection, target->request, target->request_bytes, MSG_NOSIGNAL);
    if (sent == (ssize_t)target->request_bytes)
        return MF_OK;
    return mf_why(why, MF_EIO, "cannot send a request: %s", strerror(errno));
}

mf_err reply_read(int connection, uint64_t *first_byte_ns, struct mf_why *why)
{
    struct http_reply reply = {0};
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
            err = bytes == 0 && http_reply_ended(&reply) ? MF_OK : MF_EPROTO;
        else
            err = http_reply_feed(&reply, data, (size_t)bytes);
    }
    if (!err && reply.status == 200)
        return MF_OK;
    if (!reply.status)
        return mf_why(why, MF_EPROTO, "the connection ended without an answer");
    return mf_why(why, MF_EPROTO, "answered %u, not 200", reply.status);
}

mf_err subject_start(struct subject *subject, uint32_t instance, uint32_t settle_ms,
                     double *took_us, struct mf_why *why)
{
    int connection = -1;
    uint64_t began_ns = 0, first_byte_ns = 0;
    mf_err err = subject->kind->connect(subject, instance, &connection, why);
    if (!err) {
        bench_settle(settle_ms);
        began_ns = mf_monotonic_ns();
        err = subject->kind->begin(subject, instance, &connection, why);
    }
    if (!err)
        err = reply_read(connection, &first_byte_ns, why);
    if (err && subject->kind->last_words) {
        struct mf_why reason = *why;
        char words[256];
        (void)mf_why(why, err, "%.200s: %s", mf_why_text(&reason, err),
                     subject->kind->last_words(subject, instance, words, sizeof words));
    }
    if (connection >= 0)
        close(connection);
    if (!err && took_us)
        *took_us = (double)(first_byte_ns - began_ns) / MF_NS_PER_US;
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
