/* test_node_event_batch.c: a client's batch of CloudEvents: its head goes with each event, and
 * that is counted against the node's budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/gateway/event_request.h"
#include "node/instance/event.h"

#define HEAD_BYTES (MF_HEAD_BYTES_MAX - 1024) /* the event's own attributes need some, too */

static struct budget budget;
static struct gateway gateway;
static struct request request;
static uint8_t head[MF_HEAD_BYTES_MAX];

/* As long a head as a client may send, and count events. */
static void ask(size_t count)
{
    static char value[MF_FIELD_VALUE_MAX];
    struct field_writer writer;
    memset(&request, 0, sizeof request);
    gateway.budget = &budget;
    request.gateway = &gateway;
    (void)snprintf(request.call_id, sizeof request.call_id, "mine");
    field_writer_init(&writer, head, sizeof head);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "POST", 4);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/", 1);
    field_put(&writer, MF_FIELD_HEADER, "x-call-id", 9, "mine", 4);
    memset(value, 'v', sizeof value);
    while (writer.bytes + 256 < HEAD_BYTES) {
        size_t left = HEAD_BYTES - writer.bytes - 128;
        field_put(&writer, MF_FIELD_HEADER, "x-long", 6, value, left < 4000 ? left : 4000);
    }
    assert_int_equal(writer.err, MF_OK);
    request.call.fields = head;
    request.call.field_bytes = writer.bytes;
    assert_int_equal(mf_buf_add(&request.body, "[", 1), MF_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mf_buf_printf(&request.body, "%s{\"specversion\":\"1.0\",\"id\":\"%zu\","
                                       "\"source\":\"/s\",\"type\":\"t\",\"data\":%zu}",
                                       i ? "," : "", i, i), MF_OK);
    assert_int_equal(mf_buf_add(&request.body, "]", 1), MF_OK);
}

static mf_err make(size_t count, uint64_t limit, struct event_batch *batch)
{
    struct mf_why why = {{0}};
    ask(count);
    budget = (struct budget){.limit = limit};
    mf_err err = event_batch_make(&request, batch, &why);
    assert_string_equal(why.text, "");
    return err;
}

static void done(struct event_batch *batch)
{
    event_batch_close(batch);
    mf_buf_close(&request.body);
    assert_int_equal(budget.used, 0);
}

static void each_event_has_the_whole_head(void **state)
{
    struct event_batch batch;
    (void)state;
    assert_int_equal(make(MF_EVENT_BATCH_MAX, UINT64_MAX, &batch), MF_OK);
    assert_int_equal(batch.count, MF_EVENT_BATCH_MAX);
    for (size_t i = 0; i < batch.count; i++) {
        const struct envelope *each = &batch.each[i];
        char id[32];
        (void)snprintf(id, sizeof id, "mine-%zu", i + 1);
        assert_int_equal(each->call_id_bytes, strlen(id));
        assert_memory_equal(each->call_id, id, strlen(id));
        assert_true(each->field_bytes > HEAD_BYTES - 256);
    }
    done(&batch);
}

/* Twice: as they are made, and as the store is given them. */
static void copies_of_the_head_are_counted(void **state)
{
    const uint64_t heads = (uint64_t)MF_EVENT_BATCH_MAX * (HEAD_BYTES - 256);
    struct event_batch batch;
    (void)state;
    assert_int_equal(make(MF_EVENT_BATCH_MAX, UINT64_MAX, &batch), MF_OK);
    assert_true(budget.used > 2 * heads);
    const uint64_t need = budget.used;
    done(&batch);
    assert_int_equal(make(MF_EVENT_BATCH_MAX, need, &batch), MF_OK);
    done(&batch);
    assert_int_equal(make(MF_EVENT_BATCH_MAX, need - 1, &batch), MF_ENOMEM);
    done(&batch);
    assert_int_equal(make(MF_EVENT_BATCH_MAX, 1u << 20, &batch), MF_ENOMEM);
    assert_true(batch.count < MF_EVENT_BATCH_MAX); /* it ends where there is no room, not after all */
    done(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_has_the_whole_head),
        cmocka_unit_test(copies_of_the_head_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
