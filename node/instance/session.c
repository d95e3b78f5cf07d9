/*
 * session.c: instances served from a poll loop.
 * Guarantees: every event of a session gets an outcome by its deadline (plus the
 * time a SIGKILL takes); a guest that breaks the protocol is killed with cause
 * "protocol"; a round of the loop does a bounded amount of work for each session.
 * Leaves to others: starting processes (spawner.c), the conversation with the guest
 * (session_exchange.c), the meaning of fields.
 * Owns the spawner of its host and what its sessions hold. One thread.
 */
#include "node/instance/session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "abi/event.h"
#include "base/clock.h"
#include "node/instance/session_parts.h"

#define READS_A_ROUND 16u    /* pieces of one console, packets of the spawner  */
#define ENDING_NS (5 * MF_NS_PER_S) /* a killed process that long alive: give up on it */

/* What poll watches: the spawner, then three descriptors a session. */
enum { FD_BELL, FD_CONSOLE, FD_CONTROL, FDS_A_SESSION };
#define FDS_MAX (1 + SESSIONS_MAX * FDS_A_SESSION)

static bool serve(struct session *session);
static bool about_to_sleep(struct session_host *host);
static void hear_spawner(struct session_host *host);
static void hear(struct session *session, const struct pollfd *fds);
static void read_console(struct session *session);
static void flush_line(struct session *session);
static void end(struct session *session, int exit_status);

mf_err session_host_open(const char *path, struct session_host *host, struct mf_why *why)
{
    *host = (struct session_host){.spawner = {.fd = -1}};
    return spawner_open(path, &host->spawner, why);
}

void session_host_close(struct session_host *host)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++)
        if (host->session[i])
            session_close(host->session[i]);
    spawner_close(&host->spawner);
}

mf_err session_sandbox(const struct session_host *host, enum mf_sandbox *sandbox,
                       struct mf_why *why)
{
    struct sandbox_support support;
    spawner_support(&host->spawner, &support);
    if (*sandbox == MF_SANDBOX_AUTO)
        *sandbox = support.usable[MF_SANDBOX_KVM] ? MF_SANDBOX_KVM : MF_SANDBOX_PROCESS;
    if (support.usable[*sandbox])
        return MF_OK;
    return mf_why(why, MF_EUNSUPPORTED, "%s", mf_why_text(&support.why[*sandbox], MF_EUNSUPPORTED));
}

mf_err session_open(struct session_host *host, const struct session_options *options,
                    struct session *session, struct mf_why *why)
{
    *session = (struct session){.host = host, .ears = options->ears};
    uint32_t place = 0;
    while (place < SESSIONS_MAX && host->session[place])
        place++;
    if (place == SESSIONS_MAX)
        return mf_why(why, MF_EFULL, "sessions: all %u are open", SESSIONS_MAX);
    enum mf_sandbox sandbox = options->sandbox;
    mf_err err = session_sandbox(host, &sandbox, why);
    if (!err)
        err = blank_open(&host->spawner, ++host->last_id, sandbox, NULL, &session->blank, why);
    if (err)
        return err;
    const struct start_order order = {
        .flags = options->flags,
        .image_fd = options->image_fd,
        .snapshot_fd = options->snapshot_fd,
        .touched_fd = options->touched_fd,
        .window_bytes = options->window_bytes,
        .env = options->env,
        .env_bytes = options->env_bytes,
        .env_count = options->env_count,
    };
    err = blank_start(&session->blank, &order, why);
    if (err) {
        blank_close(&session->blank);
        return err;
    }
    session->state = SESSION_IDLE;
    session->control_open = session->console_open = true;
    host->session[place] = session;
    return MF_OK;
}

void session_close(struct session *session)
{
    if (session->state == SESSION_CLOSED)
        return;
    if (session->state != SESSION_ENDED)
        session_drain(session, 0);
    for (uint32_t i = 0; i < SESSIONS_MAX; i++)
        if (session->host->session[i] == session)
            session->host->session[i] = NULL;
    blank_close(&session->blank);
    mf_buf_close(&session->head);
    mf_buf_close(&session->body);
    mf_buf_close(&session->partial);
    mf_buf_close(&session->ranges);
    session->state = SESSION_CLOSED;
}

mf_err session_invoke(struct session *session, const struct session_event *event)
{
    mf_assert(event->head_bytes <= MF_HEAD_BYTES_MAX && event->body_bytes <= MF_BODY_BYTES_MAX);
    if (session->state != SESSION_IDLE)
        return session->state == SESSION_BUSY ? MF_EAGAIN : MF_EDEAD;
    mf_buf_close(&session->head);
    mf_buf_close(&session->body);
    mf_buf_close(&session->partial);
    session->event = *event;
    session->event_id++;
    session->body_sent = 0;
    session->status = 0;
    session->outcome = SESSION_PENDING;
    session->state = SESSION_BUSY;
    return MF_OK;
}

void session_cancel(struct session *session)
{
    if (session->state != SESSION_BUSY)
        return;
    struct mf_desc desc = {.id = session->event_id, .type = MF_MSG_CANCEL};
    if (session->announced_id != session->event_id)
        session->event_id--; /* the guest never heard of it */
    else if (channel_put(&session->blank.channel, &desc, NULL, NULL) == MF_OK)
        channel_bell(&session->blank.channel);
    else if (session->body_sent < session->event.body_bytes)
        session->abandoned_id = session->event_id;
    session_decide(session, SESSION_LOST); /* the guest ends it all the same; nobody listens */
}

void session_step(struct session_host *host, uint64_t until_ns)
{
    bool happened = false;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = host->session[i];
        if (!session || session->state == SESSION_ENDED)
            continue;
        happened = serve(session) || happened;
        if (session->state == SESSION_BUSY && session->event.deadline_ns &&
            session->event.deadline_ns < until_ns)
            until_ns = session->event.deadline_ns;
    }
    uint64_t now = mf_monotonic_ns();
    uint64_t left_ms = until_ns > now ? (until_ns - now + MF_NS_PER_MS - 1) / MF_NS_PER_MS : 0;
    int timeout_ms = happened || !about_to_sleep(host) ? 0 : left_ms < 1000 ? (int)left_ms : 1000;

    struct pollfd fds[FDS_MAX] = {{.fd = host->spawner.fd, .events = POLLIN}};
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *session = host->session[i];
        struct pollfd *of = fds + 1 + i * FDS_A_SESSION;
        bool alive = session && session->state != SESSION_ENDED;
        of[FD_BELL] = (struct pollfd){alive ? session->blank.bell : -1, POLLIN, 0};
        of[FD_CONSOLE] =
            (struct pollfd){alive && session->console_open ? session->blank.console : -1, POLLIN, 0};
        of[FD_CONTROL] =
            (struct pollfd){alive && session->control_open ? session->blank.control : -1, POLLIN, 0};
    }
    if (poll(fds, FDS_MAX, timeout_ms) <= 0)
        return;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++)
        if (host->session[i] && host->session[i]->state != SESSION_ENDED)
            hear(host->session[i], fds + 1 + i * FDS_A_SESSION);
    if (fds[0].revents)
        hear_spawner(host);
}

enum session_outcome session_wait(struct session *session)
{
    while (session->state == SESSION_BUSY)
        session_step(session->host, UINT64_MAX);
    return session->outcome;
}

void session_drain(struct session *session, uint64_t until_ns)
{
    const struct mf_desc desc = {.type = MF_MSG_DRAIN};
    if (until_ns && session->state == SESSION_IDLE &&
        channel_put(&session->blank.channel, &desc, NULL, NULL) == MF_OK)
        channel_bell(&session->blank.channel);
    while (session->state != SESSION_ENDED && mf_monotonic_ns() < until_ns)
        session_step(session->host, until_ns);
    if (session->state == SESSION_ENDED)
        return;
    session_condemn(session, "killed");
    uint64_t give_up_ns = mf_monotonic_ns() + ENDING_NS;
    while (session->state != SESSION_ENDED && mf_monotonic_ns() < give_up_ns)
        session_step(session->host, give_up_ns);
    if (session->state != SESSION_ENDED)
        end(session, -1);
}

/* What can be done for one without waiting: its messages, our event, its deadline.
 * True: its event has an outcome now. */
static bool serve(struct session *session)
{
    if (session->cause) /* killed already: only its end is of interest */
        return false;
    bool busy = session->state == SESSION_BUSY;
    session_take(session);
    if (!session->cause)
        session_announce(session);
    if (session->state == SESSION_BUSY && !session->cause && session->event.deadline_ns &&
        mf_monotonic_ns() >= session->event.deadline_ns) {
        (void)mf_why(&session->why, MF_ETIMEDOUT, "no answer by the deadline");
        session_condemn(session, "timeout");
    }
    return busy && session->state != SESSION_BUSY;
}

/* Tell each guest that we sleep. False: one of them has said something meanwhile. */
static bool about_to_sleep(struct session_host *host)
{
    bool all = true;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = host->session[i];
        if (session && session->state != SESSION_ENDED && !session->cause)
            all = channel_sleep(&session->blank.channel) && !session_could_announce(session) && all;
    }
    return all;
}

/* That it could not be started. */
static bool hear_failure(struct session *session)
{
    struct mf_why why = {{0}};
    if (session->cause || !blank_start_failed(&session->blank, &why))
        return false;
    session->why = why;
    session->cause = "start-failed";
    return true;
}

static void hear(struct session *session, const struct pollfd *fds)
{
    uint64_t rings;
    if (fds[FD_BELL].revents && read(session->blank.bell, &rings, sizeof rings) == sizeof rings)
        session->bells += rings;
    if (fds[FD_CONSOLE].revents)
        read_console(session);
    if (!fds[FD_CONTROL].revents)
        return;
    if (hear_failure(session))
        blank_kill(&session->blank); /* it ends itself, too */
    if (fds[FD_CONTROL].revents & (POLLHUP | POLLERR | POLLNVAL))
        session->control_open = false;
}

static struct session *session_of(struct session_host *host, uint64_t id)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++)
        if (host->session[i] && host->session[i]->blank.id == id)
            return host->session[i];
    return NULL;
}

static void hear_spawner(struct session_host *host)
{
    for (unsigned i = 0; i < READS_A_ROUND; i++) {
        struct mf_spawn_packet packet;
        mf_err err = spawner_read(&host->spawner, &packet);
        if (err == MF_EAGAIN)
            return;
        if (err) {
            for (uint32_t at = 0; at < SESSIONS_MAX; at++)
                if (host->session[at] && host->session[at]->state != SESSION_ENDED) {
                    host->session[at]->cause = "spawner-gone";
                    end(host->session[at], -1);
                }
            return;
        }
        struct session *session = session_of(host, packet.id);
        if (!session || session->state == SESSION_ENDED)
            continue;
        if (packet.type == MF_SPAWNED)
            session->blank.pid = packet.pid;
        if (packet.type == MF_SPAWN_FAILED) {
            session->why = packet.why;
            session->cause = "start-failed";
            end(session, -1);
        }
        if (packet.type == MF_EXITED)
            end(session, packet.status);
    }
}

static void read_console(struct session *session)
{
    char piece[4096];
    for (unsigned i = 0; i < READS_A_ROUND; i++) {
        ssize_t got = read(session->blank.console, piece, sizeof piece);
        if (got <= 0) {
            session->console_open = got < 0 && (errno == EAGAIN || errno == EINTR);
            return;
        }
        session->log_bytes += (uint64_t)got;
        for (ssize_t at = 0; at < got; at++) {
            if (piece[at] == '\n' || session->line_bytes == SESSION_LINE_MAX)
                flush_line(session);
            if (piece[at] != '\n')
                session->line[session->line_bytes++] = piece[at];
        }
    }
}

static void flush_line(struct session *session)
{
    if (session->ears.console)
        session->ears.console(session->ears.context, session->line, session->line_bytes);
    session->line_bytes = 0;
}

/* Kill it, for this cause. What it says from now on is not heard. */
void session_condemn(struct session *session, const char *cause)
{
    if (!session->cause)
        session->cause = cause;
    blank_kill(&session->blank);
}

static void end(struct session *session, int exit_status)
{
    (void)hear_failure(session); /* which a poll before it may not have seen */
    if (!session->cause) /* its last words, which it had before it ended */
        session_take(session);
    if (session->console_open)
        read_console(session);
    if (session->line_bytes)
        flush_line(session);
    session->exit_status = exit_status;
    if (!session->cause)
        session->cause = exit_status == 0 ? "halted" : exit_cause(exit_status);
    if (session->state == SESSION_BUSY)
        session_decide(session, SESSION_LOST);
    session->state = SESSION_ENDED;
}

void session_decide(struct session *session, enum session_outcome outcome)
{
    session->outcome = outcome;
    session->state = SESSION_IDLE;
}
