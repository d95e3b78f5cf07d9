/*
 * wire.c: libcurl's multi interface in the node's loop: its descriptors are watched, its one
 * time is one timer of ours.
 * Guarantees: a socket is made only for an address that the transfer's rule allows, whatever a
 * name was resolved to, and never for a port of this node; without transfers there is no timer
 * and no watch.
 * Owns the multi handle and what curl watches.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/egress/transfer.h"

struct wire {
    struct watch watch;
    struct link link; /* in egress.sockets */
    struct egress *egress;
};

static void harvest(struct egress *egress);
static void fire(struct timer *timer, uint64_t now_ns);

static void ready(struct watch *watch, uint32_t events)
{
    struct wire *wire = list_of(watch, struct wire, watch);
    struct egress *egress = wire->egress;
    int still = 0;
    int what = ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) | ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
    if (events & (EPOLLERR | EPOLLHUP))
        what = 0; /* curl looks for itself */
    (void)egress->curl->multi_socket_action(egress->multi, watch->fd, what, &still);
    harvest(egress); /* the wire may be gone by now */
}

static void wire_free(struct wire *wire)
{
    watch_remove(&wire->egress->loop->watcher, &wire->watch);
    list_remove(&wire->link);
    free(wire);
}

/* A descriptor that cannot be watched, for want of memory, ends with its transfer's deadline. */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct egress *egress = context;
    struct wire *wire = known;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (wire)
            wire_free(wire);
        return 0;
    }
    if (!wire) {
        wire = calloc(1, sizeof *wire);
        if (!wire)
            return 0;
        wire->egress = egress;
        wire->watch.fd = -1;
        link_init(&wire->link);
        list_append(&egress->sockets, &wire->link);
        (void)egress->curl->multi_assign(egress->multi, fd, wire);
    }
    uint32_t events = ((what & CURL_POLL_IN) ? (uint32_t)EPOLLIN : 0) |
                      ((what & CURL_POLL_OUT) ? (uint32_t)EPOLLOUT : 0);
    watch_remove(&egress->loop->watcher, &wire->watch);
    if (watch_add(&egress->loop->watcher, &wire->watch, fd, events, ready))
        wire->watch.fd = -1;
    return 0;
}

static int time_wanted(CURLM *multi, long timeout_ms, void *context)
{
    struct egress *egress = context;
    (void)multi;
    timer_set(&egress->loop->timers, &egress->timer,
              timeout_ms < 0 ? TIMER_NEVER : mf_monotonic_ns() + (uint64_t)timeout_ms * MF_NS_PER_MS);
    return 0;
}

static void fire(struct timer *timer, uint64_t now_ns)
{
    struct egress *egress = list_of(timer, struct egress, timer);
    int still = 0;
    (void)now_ns;
    (void)egress->curl->multi_socket_action(egress->multi, CURL_SOCKET_TIMEOUT, 0, &still);
    harvest(egress);
}

static void harvest(struct egress *egress)
{
    int left = 0;
    CURLMsg *message;
    while (egress->multi && (message = egress->curl->multi_info_read(egress->multi, &left))) {
        char *own = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)egress->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &own);
        transfer_ended((struct transfer *)(void *)own, code);
    }
}

mf_err wire_open(struct egress *egress, struct mf_why *why)
{
    if (egress->multi)
        return MF_OK;
    mf_err err = curl_late(&egress->curl, why);
    if (err)
        return err;
    const struct curl_calls *curl = egress->curl;
    CURLM *multi = curl->multi_init();
    if (!multi)
        return mf_why(why, MF_ENOMEM, "no memory");
    egress->multi = multi;
    egress->timer.fire = fire;
    (void)curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    (void)curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, egress);
    (void)curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, time_wanted);
    (void)curl->multi_setopt(multi, CURLMOPT_TIMERDATA, egress);
    (void)curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)MF_EGRESS_IDLE_MAX);
    (void)curl->multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return MF_OK;
}

void wire_close(struct egress *egress)
{
    if (!egress->multi)
        return;
    (void)egress->curl->multi_cleanup(egress->multi);
    egress->multi = NULL;
    timer_stop(&egress->loop->timers, &egress->timer);
    while (!list_empty(&egress->sockets))
        wire_free(list_of(egress->sockets.next, struct wire, link));
}

bool egress_is_own_port(const struct egress *egress, const struct sockaddr *address, socklen_t bytes)
{
    uint16_t port = address_port(address, bytes);
    for (size_t i = 0; i < EGRESS_PORTS_MAX; i++)
        if (egress->own_ports[i] && egress->own_ports[i] == port)
            return address_is_local(address, bytes);
    return false;
}

curl_socket_t wire_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    const struct egress_rule rule = {.reach = transfer->reach};
    const struct sockaddr *to = &address->addr;
    socklen_t bytes = address->addrlen;
    (void)purpose;
    if (egress_is_own_port(transfer->egress, to, bytes) ||
        !egress_permits_address(&rule, transfer->permission, &transfer->url,
                                address_kind(to, bytes))) {
        transfer->stop = STOP_ADDRESS;
        (void)address_text(to, bytes, transfer->address);
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}
