/*
 * option.c: see option.h.
 * Guarantees: an option that is not known is ENOPROTOOPT, as Linux has it.
 * Leaves to others: what reuse and timeouts mean (names.c, linux/socket.c). Owns nothing.
 */
#include "kernel/socket/option.h"

#include <asm/errno.h>
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/time_types.h>
#include <stddef.h>

#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/socket.h"

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull
#define BUFFER_BYTES_MIN 2304 /* SO_RCVBUF and SO_SNDBUF, socket(7) */
#define BUFFER_BYTES_MAX (INT32_MAX / 2)

enum whose { WHOSE_A, WHOSE_I, WHOSE_6, WHOSE_T };

static const struct rule {
    int level, name;
    enum whose whose;
    int32_t first, least, most;
} rules[OPTIONS_KEPT] = {
#define RULE(NAME, level, option, whose, first, least, most) \
    {level, option, WHOSE_##whose, first, least, most},
    SOCKET_OPTIONS_KEPT(RULE)
#undef RULE
};

void socket_options_start(struct socket_options *options)
{
    *options = (struct socket_options){.send_bytes = SOCKET_BUFFER_BYTES_MAX,
                                       .receive_bytes = SOCKET_BUFFER_BYTES_MAX};
    for (unsigned i = 0; i < OPTIONS_KEPT; i++)
        options->value[i] = rules[i].first;
}

static bool is_whose(const struct socket *socket, enum whose whose)
{
    switch (whose) {
    case WHOSE_A:
        return true;
    case WHOSE_I:
        return socket->family != FAMILY_UNIX;
    case WHOSE_6:
        return socket->family == FAMILY_INET6;
    case WHOSE_T:
        return socket->family != FAMILY_UNIX && socket->type == SOCKET_STREAM;
    }
    return false;
}

/* The option's place; -1: none of this socket's. */
static int find(const struct socket *socket, int level, int name)
{
    for (int i = 0; i < OPTIONS_KEPT; i++)
        if (rules[i].level == level && rules[i].name == name)
            return is_whose(socket, rules[i].whose) ? i : -1;
    return -1;
}

static int set_timeout(uint64_t *timeout_ns, uint64_t from, uint32_t bytes)
{
    struct __kernel_old_timeval time;
    if (bytes < sizeof time)
        return -EINVAL;
    int error = user_read(&time, from, sizeof time);
    if (error)
        return error;
    if (time.tv_usec < 0 || time.tv_usec >= 1000000)
        return -EDOM;
    *timeout_ns = 0;
    if (time.tv_sec >= 0 && (uint64_t)time.tv_sec < INT64_MAX / NS_PER_S - 1)
        *timeout_ns = (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_usec * NS_PER_US;
    return 0;
}

static int set_linger(struct socket_options *options, uint64_t from, uint32_t bytes)
{
    int32_t linger[2]; /* struct linger: is it on, how many seconds */
    if (bytes < sizeof linger)
        return -EINVAL;
    int error = user_read(linger, from, sizeof linger);
    if (error)
        return error;
    options->lingers = linger[0] != 0;
    options->linger_s = linger[1];
    return 0;
}

static void set_buffer(int32_t *bytes, int32_t value)
{
    if (value < BUFFER_BYTES_MIN / 2)
        value = BUFFER_BYTES_MIN / 2;
    *bytes = (value < BUFFER_BYTES_MAX ? value : BUFFER_BYTES_MAX) * 2;
}

/* 1: none of these; else 0 or -errno. */
static int set_special(struct socket *socket, int name, uint64_t from, uint32_t bytes,
                       int32_t value)
{
    struct socket_options *options = &socket->options;
    switch (name) {
    case SO_RCVTIMEO_OLD:
        return set_timeout(&options->receive_timeout_ns, from, bytes);
    case SO_SNDTIMEO_OLD:
        return set_timeout(&options->send_timeout_ns, from, bytes);
    case SO_LINGER:
        return set_linger(options, from, bytes);
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        set_buffer(&options->receive_bytes, value);
        return 0;
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        set_buffer(&options->send_bytes, value);
        return 0;
    case SO_RCVLOWAT:
        return 0;
    case SO_TYPE:
    case SO_DOMAIN:
    case SO_PROTOCOL:
    case SO_ERROR:
    case SO_ACCEPTCONN:
    case SO_PEERCRED:
        return -ENOPROTOOPT;
    default:
        return 1;
    }
}

int socket_option_set(struct socket *socket, int level, int name, uint64_t from, uint32_t bytes)
{
    int32_t value = 0;
    if (bytes > INT32_MAX)
        return -EINVAL;
    if (bytes) {
        int error = user_read(&value, from, bytes < sizeof value ? bytes : sizeof value);
        if (error)
            return error;
    }
    if (level == SOL_SOCKET) {
        int done = set_special(socket, name, from, bytes, value);
        if (done <= 0)
            return done;
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY && socket->family == FAMILY_INET6) {
        if (bytes < sizeof value || socket->bound)
            return -EINVAL;
        socket->options.only_v6 = value != 0;
        return 0;
    }
    int at = find(socket, level, name);
    if (at < 0)
        return socket->family == FAMILY_UNIX && level != SOL_SOCKET ? -EOPNOTSUPP : -ENOPROTOOPT;
    if (bytes < sizeof value && !(bytes && level == IPPROTO_IP)) /* ip(7): a byte will do */
        return -EINVAL;
    const struct rule *rule = &rules[at];
    if (rule->least == 0 && rule->most == 1)
        value = value != 0;
    if (value < rule->least || value > rule->most)
        return -EINVAL;
    socket->options.value[at] = value;
    return 0;
}

static int put(const void *value, size_t value_bytes, uint64_t to, uint64_t bytes_at)
{
    int32_t bytes;
    int error = user_read(&bytes, bytes_at, sizeof bytes);
    if (error)
        return error;
    if (bytes < 0)
        return -EINVAL;
    if ((size_t)bytes > value_bytes)
        bytes = (int32_t)value_bytes;
    error = user_write(bytes_at, &bytes, sizeof bytes);
    if (!error && bytes)
        error = user_write(to, value, (size_t)bytes);
    return error;
}

static int put_timeout(uint64_t ns, uint64_t to, uint64_t bytes_at)
{
    const struct __kernel_old_timeval time = {
        .tv_sec = (int64_t)(ns / NS_PER_S), .tv_usec = (int64_t)(ns % NS_PER_S / NS_PER_US)};
    return put(&time, sizeof time, to, bytes_at);
}

/* Whoever it is, it is the program. */
static int put_peer(uint64_t to, uint64_t bytes_at)
{
    const int32_t who[3] = {identity_pid(), (int32_t)user_id.user, (int32_t)user_id.group}; /* struct ucred */
    return put(who, sizeof who, to, bytes_at);
}

static int get_of_all(struct socket *socket, int name, uint64_t to, uint64_t bytes_at)
{
    const struct socket_options *options = &socket->options;
    const int32_t linger[2] = {options->lingers, options->linger_s};
    bool stream = socket->type == SOCKET_STREAM;
    int32_t value;
    switch (name) {
    case SO_TYPE:
        value = socket->type;
        break;
    case SO_DOMAIN:
        value = socket->family;
        break;
    case SO_PROTOCOL:
        value = socket->family == FAMILY_UNIX ? 0 : stream ? IPPROTO_TCP : IPPROTO_UDP;
        break;
    case SO_ERROR:
        value = socket_error_take(socket);
        break;
    case SO_ACCEPTCONN:
        value = socket->state == SOCKET_LISTENS;
        break;
    case SO_RCVBUF:
        value = options->receive_bytes;
        break;
    case SO_SNDBUF:
        value = options->send_bytes;
        break;
    case SO_RCVLOWAT:
    case SO_SNDLOWAT:
        value = 1;
        break;
    case SO_LINGER:
        return put(linger, sizeof linger, to, bytes_at);
    case SO_PEERCRED:
        return put_peer(to, bytes_at);
    case SO_RCVTIMEO_OLD:
        return put_timeout(options->receive_timeout_ns, to, bytes_at);
    case SO_SNDTIMEO_OLD:
        return put_timeout(options->send_timeout_ns, to, bytes_at);
    default:
        return 1;
    }
    return put(&value, sizeof value, to, bytes_at);
}

/* TCP_INFO: the connection's state, all else zero. */
static int get_info(const struct socket *socket, uint64_t to, uint64_t bytes_at)
{
    enum { ESTABLISHED = 1, CLOSE = 7, CLOSE_WAIT = 8, LISTEN = 10 }; /* RFC 793's, Linux's numbers */
    struct tcp_info info;
    memset(&info, 0, sizeof info);
    info.tcpi_state = socket->state == SOCKET_LISTENS     ? LISTEN
                      : socket->state == SOCKET_NEW       ? CLOSE
                      : socket->state == SOCKET_CONNECTED ? ESTABLISHED
                                                          : CLOSE_WAIT;
    return put(&info, sizeof info, to, bytes_at);
}

int socket_option_get(struct socket *socket, int level, int name, uint64_t to, uint64_t bytes_at)
{
    if (level == SOL_SOCKET) {
        int done = get_of_all(socket, name, to, bytes_at);
        if (done <= 0)
            return done;
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY && socket->family == FAMILY_INET6) {
        int32_t only = socket->options.only_v6;
        return put(&only, sizeof only, to, bytes_at);
    }
    if (level == IPPROTO_TCP && is_whose(socket, WHOSE_T)) {
        int32_t segment = SOCKET_BUFFER_BYTES_MIN;
        if (name == TCP_INFO)
            return get_info(socket, to, bytes_at);
        if (name == TCP_MAXSEG)
            return put(&segment, sizeof segment, to, bytes_at);
    }
    int at = find(socket, level, name);
    if (at < 0)
        return socket->family == FAMILY_UNIX && level != SOL_SOCKET ? -EOPNOTSUPP : -ENOPROTOOPT;
    return put(&socket->options.value[at], sizeof(int32_t), to, bytes_at);
}
