/* harness.c: see harness.h. One thread; whoever waits serves victim and neighbour. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/instance/event.h"

static void hear_log(void *context, enum mf_log_level level, const char *text, size_t bytes)
{
    struct harness *harness = context;
    size_t keep = bytes < OUTCOME_BYTES - 1 ? bytes : OUTCOME_BYTES - 1;
    memcpy(harness->last_log, text, keep);
    harness->last_log[keep] = 0;
    harness->said_bytes += bytes;
    if (harness->heard && level == MF_LOG_INFO &&
        (mf_buf_add(harness->heard, text, bytes) || mf_buf_add(harness->heard, "\n", 1)))
        harness->failures++;
    if (harness->verbose && level != MF_LOG_DEBUG)
        printf("    | %.*s\n", (int)bytes, text);
}

static void hear_console(void *context, const char *line, size_t bytes)
{
    struct harness *harness = context;
    harness->said_bytes += bytes;
    if (harness->verbose)
        printf("    > %.*s\n", (int)bytes, line);
}

static bool open_session(struct harness *harness, int image_fd, struct session *session)
{
    struct mf_why why = {{0}};
    struct session_options options = {
        .sandbox = harness->sandbox,
        .image_fd = image_fd,
        .flags = harness->jit && session == &harness->victim ? MF_START_JIT : 0,
        .ears = {.log = hear_log, .console = hear_console, .context = harness},
    };
    if (image_fd < 0)
        return false;
    mf_err err = session_open(&harness->host, &options, session, &why);
    if (err)
        printf("cannot start an instance: %s\n", mf_why_text(&why, err));
    return !err;
}

int open_image(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.mf", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        printf("%s is not built: what needs it FAILS\n", path);
    return fd;
}

void close_image(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

bool victim_open(struct harness *harness, int image_fd)
{
    victim_close(harness);
    harness->last_log[0] = 0;
    return open_session(harness, image_fd, &harness->victim);
}

void victim_close(struct harness *harness)
{
    session_close(&harness->victim);
}

bool victim_alive(struct harness *harness)
{
    return harness->victim.state == SESSION_IDLE || harness->victim.state == SESSION_BUSY;
}

static void put_fields(struct field_writer *writer, void *head, const char *target)
{
    const char *mark = strchr(target, '?');
    field_writer_init(writer, head, MF_HEAD_BYTES_MAX);
    field_put(writer, MF_FIELD_METHOD, NULL, 0, "GET", 3);
    field_put(writer, MF_FIELD_PATH, NULL, 0, target,
              mark ? (size_t)(mark - target) : strlen(target));
    if (mark)
        field_put(writer, MF_FIELD_QUERY, NULL, 0, mark + 1, strlen(mark + 1));
}

static void say_outcome(const struct session *session, char outcome[OUTCOME_BYTES])
{
    const char *text = session->body.bytes ? (const char *)session->body.data : "";
    int bytes = (int)(session->body.bytes < 100 ? session->body.bytes : 100);
    switch (session->outcome) {
    case SESSION_REPLIED:
        if (session->status == 200)
            snprintf(outcome, OUTCOME_BYTES, "replies %.*s", bytes, text);
        else
            snprintf(outcome, OUTCOME_BYTES, "status %u", session->status);
        break;
    case SESSION_FAILED:
        snprintf(outcome, OUTCOME_BYTES, "fails %.*s", bytes, text);
        break;
    case SESSION_LOST:
    case SESSION_PENDING:
        snprintf(outcome, OUTCOME_BYTES, "dies %s", session->cause ? session->cause : "not");
        break;
    }
}

static mf_err begin(struct session *session, const char *target, const void *body,
                    size_t body_bytes, uint64_t limit_ns)
{
    static uint8_t head[2][MF_HEAD_BYTES_MAX]; /* borrowed by the session: one for each */
    struct field_writer writer;
    bool neighbours = body && target[0] == '/' && target[1] == 'n';
    put_fields(&writer, head[neighbours], target);
    struct session_event event = {
        .head = head[neighbours],
        .head_bytes = writer.bytes,
        .body = body,
        .body_bytes = body_bytes,
        .deadline_ns = mf_monotonic_ns() + limit_ns,
    };
    return session_invoke(session, &event);
}

/* What its tasks do, for whoever has to find out why it hangs. */
static void describe_hung(pid_t pid)
{
    static const char *const files[] = {"wchan", "syscall", "stat", "stack"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[64], text[512];
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
        FILE *file = fopen(path, "r");
        size_t bytes = file ? fread(text, 1, sizeof text - 1, file) : 0;
        printf("  hung: %s: %.*s\n", files[i], (int)bytes, text);
        if (file)
            fclose(file);
    }
}

/* Wait for what the event comes to. */
static void invoke(struct session *session, const char *target, const void *body,
                   size_t body_bytes, uint64_t limit_ns, char outcome[OUTCOME_BYTES])
{
    mf_err err = begin(session, target, body, body_bytes, limit_ns);
    if (err) {
        snprintf(outcome, OUTCOME_BYTES, "%s", err == MF_EDEAD ? "was dead before" : "was busy");
        return;
    }
    uint64_t patience_ns = mf_monotonic_ns() + CASE_NS / 2;
    while (session->state == SESSION_BUSY && mf_monotonic_ns() < patience_ns)
        session_step(session->host, patience_ns);
    if (session->state == SESSION_BUSY)
        describe_hung(session->blank.pid);
    (void)session_wait(session);
    say_outcome(session, outcome);
}

bool victim_begin(struct harness *harness, const struct order *order, uint64_t limit_ns)
{
    return begin(&harness->victim, "/", order, sizeof *order, limit_ns) == MF_OK;
}

bool victim_begin_get(struct harness *harness, const char *target, uint64_t limit_ns)
{
    return begin(&harness->victim, target, NULL, 0, limit_ns) == MF_OK;
}

void victim_wait(struct harness *harness, char outcome[OUTCOME_BYTES])
{
    (void)session_wait(&harness->victim);
    say_outcome(&harness->victim, outcome);
}

void victim_get(struct harness *harness, const char *target, const void *body, size_t body_bytes,
                uint64_t limit_ns, char outcome[OUTCOME_BYTES])
{
    invoke(&harness->victim, target, body, body_bytes, limit_ns, outcome);
}

bool victim_order(struct harness *harness, const struct order *order, uint64_t limit_ns,
                  struct answer *answer, char outcome[OUTCOME_BYTES])
{
    struct session *victim = &harness->victim;
    invoke(victim, "/", order, sizeof *order, limit_ns, outcome);
    bool answered = victim->outcome == SESSION_REPLIED && victim->body.bytes == sizeof *answer;
    if (answered) {
        memcpy(answer, victim->body.data, sizeof *answer);
        snprintf(outcome, OUTCOME_BYTES, answer->trapped ? "traps %u" : "answers",
                 (unsigned)answer->trap.vector);
    }
    return answered;
}

bool victim_order_anew(struct harness *harness, const struct order *order, uint64_t limit_ns,
                       struct answer *answer, char outcome[OUTCOME_BYTES])
{
    session_step(&harness->host, 0); /* an end that has been reported already */
    if (!victim_alive(harness) && !victim_open(harness, harness->raw_fd)) {
        snprintf(outcome, OUTCOME_BYTES, "cannot be started");
        return false;
    }
    return victim_order(harness, order, limit_ns, answer, outcome);
}

bool neighbour_answers(struct harness *harness)
{
    char outcome[OUTCOME_BYTES], expected[OUTCOME_BYTES];
    if (harness->neighbour_fd < 0)
        return true; /* main() says that it is missing */
    if (harness->neighbour.state == SESSION_CLOSED &&
        !open_session(harness, harness->neighbour_fd, &harness->neighbour))
        return false;
    snprintf(expected, sizeof expected, "replies %u:are you there", ++harness->neighbour_served);
    invoke(&harness->neighbour, "/neighbour", "are you there", 13, CASE_NS, outcome);
    if (strcmp(outcome, expected) == 0)
        return true;
    printf("  the neighbour %s instead of \"%s\"\n", outcome, expected);
    session_close(&harness->neighbour); /* the next case shall have one again */
    harness->neighbour_served = 0;
    return false;
}

bool outcome_matches(const char *outcome, const char *expected)
{
    while (*expected) {
        size_t bytes = strcspn(expected, "|");
        bool rest = bytes && expected[bytes - 1] == '*';
        if (rest ? strncmp(outcome, expected, bytes - 1) == 0
                 : strlen(outcome) == bytes && strncmp(outcome, expected, bytes) == 0)
            return true;
        expected += bytes + (expected[bytes] == '|');
    }
    return false;
}

uint64_t limit_of(const char *expected)
{
    return strstr(expected, "timeout") ? HANG_NS : CASE_NS;
}

const char *here(const struct harness *harness, const char *process, const char *kvm)
{
    return harness->sandbox == MF_SANDBOX_KVM ? kvm : process;
}

bool wanted(const struct harness *harness, const char *name)
{
    return !harness->only || strstr(name, harness->only);
}

static const char *sandbox_word(const struct harness *harness)
{
    return here(harness, "process", "kvm");
}

void judge(struct harness *harness, const char *name, const char *detail, const char *outcome,
           const char *expected)
{
    bool good = outcome_matches(outcome, expected);
    if (!neighbour_answers(harness))
        good = false;
    harness->cases++;
    harness->group_cases++;
    if (!good) {
        harness->failures++;
        harness->group_failures++;
    }
    if (!good)
        printf("%-8s %-44s FAILED  %s%s%s; expected: %s%s%s\n", sandbox_word(harness), name, detail,
               *detail ? ": " : "", outcome, expected,
               harness->victim.why.text[0] ? "; said: " : "", harness->victim.why.text);
    else if (!*detail)
        printf("%-8s %-44s ok      %s\n", sandbox_word(harness), name, outcome);
    fflush(stdout);
}

void group_begin(struct harness *harness)
{
    harness->group_cases = harness->group_failures = 0;
}

void group_end(struct harness *harness, const char *name)
{
    printf("%-8s %-44s %-7s %u generated cases\n", sandbox_word(harness), name,
           harness->group_failures ? "FAILED" : "ok", harness->group_cases);
}
