/* callback.c: see callback.h. */
#include "node/delivery/callback.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/callbacks/letter.h"
#include "node/gateway/answer.h"
#include "node/instance/event.h"
#include "node/node.h"

#define STATUS_UNREACHED 503 /* as OpenFaaS says of a function that gave no answer */

struct callback {
    struct mf_buf letter;
    size_t charged; /* of the node's budget */
    bool asked;     /* its append is under way */
};

/* The event's own head: the call's fields may not be made yet. */
static bool wanted(const struct attempt *attempt, const char **url, size_t *url_bytes)
{
    const struct envelope *envelope = &attempt->envelope;
    return envelope->names_caller &&
           letter_wanted(envelope->fields, envelope->field_bytes, url, url_bytes);
}

bool callback_wanted(const struct attempt *attempt)
{
    const char *url;
    size_t url_bytes;
    return wanted(attempt, &url, &url_bytes);
}

/* err: of writing it. */
static mf_err keep(struct attempt *attempt, struct callback *callback, mf_err err, struct mf_why *why)
{
    struct budget *budget = &attempt->consumer->delivery->node->budget;
    if (err)
        (void)mf_why(why, err, "no callback can be made of the reply");
    else if (!budget_take(budget, callback->letter.room))
        err = mf_why(why, MF_EFULL, "the node has no room for its caller's callback");
    else
        callback->charged = callback->letter.room;
    if (err) {
        callback_destroy(callback, attempt->consumer->delivery);
        return err;
    }
    attempt->callback = callback;
    return MF_OK;
}

/* {"error":{"code","message","function","call"}}, as a caller who waits would get it. */
static char *error_text(const struct letter *letter, const char *code, const char *words, size_t bytes)
{
    json_t *body = json_pack("{s:{s:s, s:o, s:s, s:s%}}", "error", "code", code, "message",
                             answer_words(words, bytes), "function", letter->function, "call",
                             letter->call_id, letter->call_id_bytes);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

/* Words instead of a reply: as a letter, to be freed. */
static mf_err write_error(struct letter *letter, const char *code, const char *words, size_t bytes,
                          struct mf_buf *out)
{
    static const char type[] = "content-type", json[] = "application/json";
    uint8_t fields[sizeof(struct mf_field) + sizeof type + sizeof json];
    struct field_writer writer;
    char *text = error_text(letter, code, words, bytes);
    if (!text)
        return MF_ENOMEM;
    field_writer_init(&writer, fields, sizeof fields);
    field_put(&writer, MF_FIELD_HEADER, type, sizeof type - 1, json, sizeof json - 1);
    letter->fields = fields;
    letter->field_bytes = writer.bytes;
    letter->body = (const uint8_t *)text;
    letter->body_bytes = strlen(text);
    mf_err err = letter_write(letter, out);
    free(text);
    return err;
}

static mf_err keep_error(struct attempt *attempt, struct letter *letter, const char *code,
                         const char *words, size_t bytes, struct mf_why *why)
{
    struct callback *callback = calloc(1, sizeof *callback);
    if (!callback)
        return mf_why(why, MF_ENOMEM, "no memory for its caller's callback");
    return keep(attempt, callback, write_error(letter, code, words, bytes, &callback->letter), why);
}

static struct letter letter_of(const struct attempt *attempt)
{
    return (struct letter){.call_id = attempt->call_id,
                           .call_id_bytes = strlen(attempt->call_id),
                           .function = attempt->consumer->name,
                           .status = STATUS_UNREACHED,
                           .now_ns = mf_realtime_ns()};
}

mf_err callback_make(struct attempt *attempt, const struct outcome *outcome, uint64_t took_ns,
                     struct mf_why *why)
{
    struct letter letter = letter_of(attempt);
    if (!wanted(attempt, &letter.url, &letter.url_bytes))
        return MF_OK;
    letter.took_ns = took_ns;
    /* One with words was answered, but could not be passed on. */
    if (outcome->situation == SITUATION_REPLIED && !outcome->message) {
        letter.status = outcome->status;
        letter.fields = outcome->fields;
        letter.field_bytes = outcome->field_bytes;
        letter.body = outcome->body;
        letter.body_bytes = status_has_body(outcome->status) ? outcome->body_bytes : 0;
        struct callback *callback = calloc(1, sizeof *callback);
        if (!callback)
            return mf_why(why, MF_ENOMEM, "no memory for its caller's callback");
        return keep(attempt, callback, letter_write(&letter, &callback->letter), why);
    }
    if (outcome->situation == SITUATION_HANDLER_FAILED ||
        outcome->situation == SITUATION_BAD_ANSWER)
        letter.status = situation_status(outcome->situation);
    const char *words = outcome->message ? outcome->message : situation_meaning(outcome->situation);
    return keep_error(attempt, &letter, situation_code(outcome->situation), words,
                      outcome->message ? outcome->message_bytes : strlen(words), why);
}

void callback_make_words(struct attempt *attempt, const char *words, size_t bytes)
{
    struct letter letter = letter_of(attempt);
    struct mf_why why = {{0}};
    if (!wanted(attempt, &letter.url, &letter.url_bytes))
        return;
    mf_err err = keep_error(attempt, &letter, "dead-letter", words, bytes, &why);
    if (err)
        mf_log(MF_LOG_WARN, "callback.lost", "call=%s why=\"%s\"", attempt->call_id,
               mf_why_text(&why, err));
}

/* Nobody may fill a queue for whom a function then waits: a letter too many is given up. */
static void done(struct attempt *attempt, mf_err err)
{
    struct delivery *delivery = attempt->consumer->delivery;
    if (err && err != MF_EFULL && err != MF_ETOOBIG) {
        attempt_stuck(attempt, SITUATION_STORE_AWAY, "its caller");
        return;
    }
    if (err)
        mf_log(MF_LOG_WARN, "callback.lost", "call=%s why=\"as many callbacks wait as may\"",
               attempt->call_id);
    callback_destroy(attempt->callback, delivery);
    attempt->callback = NULL;
    if (attempt->over)
        attempt_passed(attempt); /* nobody settles it any more */
    else
        attempt_settle(attempt);
}

static void appended(void *context, const struct store_answer *answer)
{
    struct attempt *attempt = context;
    attempt->operations--;
    attempt->callback->asked = false;
    done(attempt, answer->err);
}

void callback_send(struct attempt *attempt)
{
    struct callback *callback = attempt->callback;
    mf_assert(!callback->asked);
    mf_err err = callbacks_append(&attempt->consumer->delivery->node->callbacks,
                                  callback->letter.data, callback->letter.bytes, appended, attempt);
    if (err) {
        done(attempt, err);
        return;
    }
    callback->asked = true;
    attempt->operations++;
}

/* ---- of one that is no attempt ---- */

static void lost(const char *call_id, mf_err err)
{
    mf_log(MF_LOG_WARN, "callback.lost", "call=%s why=\"%s\"", call_id,
           err == MF_EFULL ? "as many callbacks wait as may" : mf_err_words(err));
}

static void told(void *context, const struct store_answer *answer)
{
    if (answer->err)
        lost(context, answer->err);
    free(context);
}

void callback_tell(struct delivery *delivery, const char *function, const struct envelope *envelope, const char *code,
                   const char *words)
{
    struct letter letter = {.call_id = envelope->call_id,
                            .call_id_bytes = envelope->call_id_bytes,
                            .function = function,
                            .status = STATUS_UNREACHED,
                            .now_ns = mf_realtime_ns()};
    struct mf_buf out = {0};
    if (!letter_wanted(envelope->fields, envelope->field_bytes, &letter.url, &letter.url_bytes))
        return;
    char *call_id = strndup(envelope->call_id, envelope->call_id_bytes);
    mf_err err = call_id ? write_error(&letter, code, words, strlen(words), &out) : MF_ENOMEM;
    if (!err)
        err = callbacks_append(&delivery->node->callbacks, out.data, out.bytes, told, call_id);
    mf_buf_close(&out);
    if (!err)
        return;
    lost(call_id ? call_id : "", err);
    free(call_id);
}

bool callback_under_way(const struct callback *callback)
{
    return callback && callback->asked;
}

void callback_destroy(struct callback *callback, struct delivery *delivery)
{
    if (!callback)
        return;
    mf_assert(!callback->asked);
    budget_give(&delivery->node->budget, callback->charged);
    mf_buf_close(&callback->letter);
    free(callback);
}
