/* publisher.c: see publisher.h; MQTT 3.1.1, 3.1 (CONNECT), 3.3 (PUBLISH), 3.4 (PUBACK). */
#include "bench/publisher.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/subject.h"

#define PUBLISHER_ACKS 64u /* it waits for so many */
#define ACK_BYTES 4u
#define WAIT_S 20

static mf_err lost(struct mf_why *why)
{
    return mf_why(why, MF_EIO, "the broker is gone, or too slow: %s", strerror(errno));
}

static mf_err write_all(int connection, const uint8_t *data, size_t bytes, struct mf_why *why)
{
    while (bytes) {
        ssize_t wrote = send(connection, data, bytes, MSG_NOSIGNAL);
        if (wrote <= 0)
            return lost(why);
        data += wrote;
        bytes -= (size_t)wrote;
    }
    return MF_OK;
}

static mf_err greet(int connection, struct mf_why *why)
{
    static const uint8_t connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x02 /* clean */, 0, 0, 0, 0};
    uint8_t answer[4];
    mf_err err = write_all(connection, connect, sizeof connect, why);
    if (!err && recv(connection, answer, sizeof answer, MSG_WAITALL) != sizeof answer)
        return lost(why);
    if (!err && (answer[0] != 0x20 || answer[1] != 2 || answer[3] != 0))
        return mf_why(why, MF_EPROTO, "the broker does not take a client: %u", (unsigned)answer[3]);
    return err;
}

mf_err publisher_open(struct publisher *publisher, struct broker *broker, struct mf_why *why)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    const int yes = 1, least = PUBLISHER_ACKS * ACK_BYTES;
    *publisher = PUBLISHER_NONE;
    mf_err err = connect_when_up(broker->port, &broker->child, &publisher->connection, why);
    if (err)
        return err;
    int connection = publisher->connection;
    if (setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        return mf_why(why, MF_EIO, "a socket: %s", strerror(errno));
    err = greet(connection, why);
    if (!err && setsockopt(connection, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least) != 0)
        err = mf_why(why, MF_EIO, "a socket: %s", strerror(errno));
    return err;
}

void publisher_close(struct publisher *publisher)
{
    if (publisher->connection >= 0)
        (void)close(publisher->connection);
    publisher->connection = -1;
}

/* Acknowledgements, as many as there are; flags 0: waits for PUBLISHER_ACKS. */
static mf_err take_acks(struct publisher *publisher, int flags, struct mf_why *why)
{
    uint8_t data[4096];
    ssize_t got = recv(publisher->connection, data, sizeof data, flags);
    if (got < 0 && flags && (errno == EAGAIN || errno == EWOULDBLOCK))
        return MF_OK;
    if (got <= 0)
        return lost(why);
    for (ssize_t i = 0; i < got; i++) {
        publisher->in[publisher->got++] = data[i];
        if (publisher->got < ACK_BYTES)
            continue;
        publisher->got = 0;
        if (publisher->in[0] != 0x40 || publisher->in[1] != 2)
            return mf_why(why, MF_EPROTO, "the broker says what is no acknowledgement");
        publisher->acknowledged++;
    }
    return MF_OK;
}

mf_err publisher_flush(struct publisher *publisher, struct mf_why *why)
{
    mf_err err = write_all(publisher->connection, publisher->out, publisher->bytes, why);
    publisher->bytes = 0;
    publisher->gathered = 0;
    return err ? err : take_acks(publisher, MSG_DONTWAIT, why);
}

static void add(struct publisher *publisher, const void *data, size_t bytes)
{
    memcpy(publisher->out + publisher->bytes, data, bytes);
    publisher->bytes += bytes;
}

static void add_number(struct publisher *publisher, size_t number)
{
    const uint8_t big_endian[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    add(publisher, big_endian, sizeof big_endian);
}

static void add_message(struct publisher *publisher, const char *topic, const char *payload)
{
    size_t topic_bytes = strlen(topic), payload_bytes = strlen(payload);
    size_t left = 2 + topic_bytes + 2 + payload_bytes; /* one digit, or two, to the base of 128 */
    const uint8_t head[3] = {0x32 /* PUBLISH, QoS 1 */, (uint8_t)(left % 128 | (left > 127 ? 0x80 : 0)),
                             (uint8_t)(left / 128)};
    mf_assert(left + sizeof head <= PUBLISHER_MESSAGE_BYTES_MAX);
    publisher->number = publisher->number == UINT16_MAX ? 1 : (uint16_t)(publisher->number + 1);
    add(publisher, head, left > 127 ? 3 : 2);
    add_number(publisher, topic_bytes);
    add(publisher, topic, topic_bytes);
    add_number(publisher, publisher->number);
    add(publisher, payload, payload_bytes);
}

mf_err publisher_send(struct publisher *publisher, const char *topic, const char *payload, uint64_t window,
                      struct mf_why *why)
{
    mf_err err = MF_OK;
    mf_assert(window > PUBLISHER_ACKS && window < UINT16_MAX);
    if (publisher->sent - publisher->acknowledged >= window)
        err = publisher_flush(publisher, why);
    while (!err && publisher->sent - publisher->acknowledged >= window)
        err = take_acks(publisher, 0, why);
    if (err)
        return err;
    add_message(publisher, topic, payload);
    publisher->sent++;
    return ++publisher->gathered == PUBLISHER_GATHER ? publisher_flush(publisher, why) : MF_OK;
}
