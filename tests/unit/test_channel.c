/* test_channel.c: the node's end of a channel against an honest and a lying guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/event.h"
#include "abi/operation.h"
#include "abi/log.h"
#include "node/instance/channel.h"
#include "spawner/protocol.h"
#include "tests/guests/raw/ring.h"

struct pair {
    int memfd;
    struct channel node;
    struct raw_ring guest; /* its own mapping of the same memory */
    uint8_t scratch[MF_CHUNK_BYTES_MAX];
    uint8_t bytes[MF_CHUNK_BYTES_MAX];
};

static int pair_open(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    assert_non_null(pair);
    pair->memfd = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(pair->memfd, MF_CHANNEL_BYTES), 0);
    assert_int_equal(channel_open(pair->memfd, &pair->node), MF_OK);
    pair->guest.base = mmap(NULL, MF_CHANNEL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                            pair->memfd, 0);
    assert_ptr_not_equal(pair->guest.base, MAP_FAILED);
    for (size_t i = 0; i < sizeof pair->bytes; i++)
        pair->bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    *state = pair;
    return 0;
}

static int pair_close(void **state)
{
    struct pair *pair = *state;
    channel_close(&pair->node);
    channel_close(&pair->node);
    munmap(pair->guest.base, MF_CHANNEL_BYTES);
    close(pair->memfd);
    free(pair);
    return 0;
}

static mf_err put(struct pair *pair, uint64_t id, uint32_t bytes)
{
    struct mf_desc desc = {.id = id, .type = MF_MSG_BODY, .data_bytes = bytes};
    return channel_put(&pair->node, &desc, NULL, pair->bytes + id % 251);
}

static struct mf_channel_head *control(struct pair *pair)
{
    return raw_control(&pair->guest);
}

static void open_refuses_a_file_that_is_too_short(void **state)
{
    (void)state;
    int memfd = memfd_create("short", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memfd, MF_CHANNEL_BYTES - 1), 0);
    struct channel channel;
    assert_int_equal(channel_open(memfd, &channel), MF_EINVAL);
    assert_null(channel.base);
    channel_close(&channel);
    close(memfd);
}

static void take_returns_eagain_when_empty(void **state)
{
    struct pair *pair = *state;
    struct channel_message message;
    assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_EAGAIN);
}

static void put_carries_fields_and_body_to_the_guest(void **state)
{
    struct pair *pair = *state;
    struct mf_desc desc = {.id = 7, .type = MF_MSG_INVOKE, .flags = MF_MSG_END, .head_bytes = 4,
                           .data_bytes = 9, .arg = 99};
    assert_int_equal(channel_put(&pair->node, &desc, "head", "body!"), MF_OK);
    struct mf_desc seen;
    assert_true(raw_peek(&pair->guest, &seen));
    desc.data_offset = 0;
    assert_memory_equal(&seen, &desc, sizeof desc);
    assert_memory_equal(raw_in_data(&pair->guest, &seen), "headbody!", 9);
    raw_release(&pair->guest);
    assert_false(raw_peek(&pair->guest, &seen));
}

static void one_small_message_after_another_uses_the_same_page(void **state)
{
    struct pair *pair = *state;
    for (uint64_t id = 1; id < 1000; id++) {
        struct mf_desc seen;
        assert_int_equal(put(pair, id, 100), MF_OK);
        assert_true(raw_peek(&pair->guest, &seen));
        assert_int_equal(seen.data_offset, 0);
        raw_release(&pair->guest);
    }
}

static void put_stops_at_a_full_ring_and_goes_on_after_a_release(void **state)
{
    struct pair *pair = *state;
    for (uint64_t id = 1; id <= MF_RING_SLOTS; id++)
        assert_int_equal(put(pair, id, 1), MF_OK);
    assert_int_equal(channel_room(&pair->node, 0), 0);
    assert_int_equal(put(pair, 999, 0), MF_EAGAIN);
    raw_release(&pair->guest);
    assert_true(channel_room(&pair->node, 0) > 0);
    assert_int_equal(put(pair, 999, 0), MF_OK);
    assert_int_equal(put(pair, 1000, 0), MF_EAGAIN);
}

static void room_is_what_one_put_can_carry(void **state)
{
    struct pair *pair = *state;
    assert_int_equal(channel_room(&pair->node, 0), MF_CHUNK_BYTES_MAX);
    assert_int_equal(channel_room(&pair->node, 100), MF_CHUNK_BYTES_MAX - 100);
    for (unsigned i = 0; i < MF_CHANNEL_DATA_BYTES / MF_CHUNK_BYTES_MAX; i++)
        assert_int_equal(put(pair, 1, MF_CHUNK_BYTES_MAX - 251), MF_OK);
    uint32_t room = channel_room(&pair->node, 0);
    assert_in_range(room, 1, MF_CHUNK_BYTES_MAX - 1);
    assert_int_equal(put(pair, 1, room + 1), MF_EAGAIN);
    assert_int_equal(put(pair, 1, room), MF_OK);
    assert_int_equal(channel_room(&pair->node, 0), 0);
    assert_int_equal(channel_room(&pair->node, 4), 0);
}

/* Chunks of every size, released at random moments: each arrives whole and none is
 * overwritten while the guest still holds it. */
static void unreleased_chunks_are_never_overwritten(void **state)
{
    struct pair *pair = *state;
    srand(1);
    uint64_t put_id = 1, seen_id = 1;
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t room = channel_room(&pair->node, 0);
        uint32_t most = rand() % 4 ? 3000 : MF_CHUNK_BYTES_MAX - 251;
        uint32_t bytes = (uint32_t)rand() % most;
        mf_err err = put(pair, put_id, bytes);
        if (room && bytes <= room)
            assert_int_equal(err, MF_OK);
        else if (bytes)
            assert_int_equal(err, MF_EAGAIN);
        put_id += err == MF_OK;
        unsigned releases = (unsigned)rand() % 3;
        struct mf_desc seen;
        while (releases-- && raw_peek(&pair->guest, &seen)) {
            assert_int_equal(seen.id, seen_id);
            assert_in_range(seen.data_offset + seen.data_bytes, 0, MF_CHANNEL_DATA_BYTES);
            assert_memory_equal(raw_in_data(&pair->guest, &seen), pair->bytes + seen.id % 251,
                                seen.data_bytes);
            raw_release(&pair->guest);
            seen_id++;
        }
    }
    assert_true(seen_id > 5000);
}

static void indices_wrap_around_at_2_to_the_32(void **state)
{
    struct pair *pair = *state;
    uint32_t start = UINT32_MAX - 2;
    struct lane *lane = &pair->node.lane[LANE_EVENTS];
    lane->to_guest_tail = lane->to_guest_released = lane->to_node_head = start;
    control(pair)->to_guest.tail = control(pair)->to_guest.head = start;
    control(pair)->to_node.tail = control(pair)->to_node.head = start;
    pair->guest.in_head = pair->guest.out_tail = start;
    for (uint64_t id = 1; id <= 300; id++) {
        struct mf_desc seen, log = {.id = id, .type = MF_MSG_LOG, .data_bytes = 3};
        struct channel_message message;
        assert_int_equal(put(pair, id, 50), MF_OK);
        assert_true(raw_peek(&pair->guest, &seen));
        assert_int_equal(seen.id, id);
        raw_release(&pair->guest);
        assert_true(raw_put(&pair->guest, &log, "abc"));
        assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_OK);
        assert_int_equal(message.id, id);
    }
}

static void take_gives_a_checked_copy(void **state)
{
    struct pair *pair = *state;
    struct mf_desc desc = {.id = 3, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .head_bytes = 2,
                           .data_bytes = 5, .arg = 200};
    assert_true(raw_put(&pair->guest, &desc, "hhbbb"));
    struct channel_message message;
    assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_OK);
    memset(pair->guest.base + MF_CHANNEL_TO_NODE_DATA, 'X', 5); /* changed after it was read */
    assert_memory_equal(message.data, "hhbbb", 5);
    assert_int_equal(message.id, 3);
    assert_int_equal(message.type, MF_MSG_REPLY);
    assert_true(message.end);
    assert_int_equal(message.head_bytes, 2);
    assert_int_equal(message.data_bytes, 5);
    assert_int_equal(message.arg, 200);
    assert_int_equal(control(pair)->to_node.head, 1);
}

static void an_error_always_ends_its_event(void **state)
{
    struct pair *pair = *state;
    struct mf_desc desc = {.id = 3, .type = MF_MSG_ERROR, .data_bytes = 2};
    struct channel_message message;
    assert_true(raw_put(&pair->guest, &desc, "no"));
    assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_OK);
    assert_true(message.end);
}

static void assert_refused(struct pair *pair, const struct mf_desc *desc)
{
    struct channel_message message;
    struct mf_why why = {{0}};
    *raw_out_slot(&pair->guest, pair->node.lane[LANE_EVENTS].to_node_head) = *desc;
    control(pair)->to_node.tail = pair->node.lane[LANE_EVENTS].to_node_head + 1;
    assert_int_equal(channel_take(&pair->node, pair->scratch, &message, &why), MF_EPROTO);
    assert_true(why.text[0] != 0);
}

static void take_refuses_every_broken_rule(void **state)
{
    struct pair *pair = *state;
    const struct mf_desc reply = {.id = 1, .type = MF_MSG_REPLY, .arg = 200};
    const struct mf_desc broken[] = {
        {.id = 1, .type = 0},
        {.id = 1, .type = 15},
        {.id = 1, .type = 21},
        {.id = 1, .type = UINT16_MAX},
        {.id = 1, .type = MF_MSG_INVOKE, .flags = MF_MSG_END},
        {.id = 1, .type = MF_MSG_CANCEL},
        {.id = 0, .type = MF_MSG_REPLY, .arg = 200},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .flags = 2},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .flags = UINT16_MAX},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 0},
        {.id = 1, .type = MF_MSG_REPLY, .arg = MF_STATUS_MIN - 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = MF_STATUS_MAX + 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200 + (1ull << 32)},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .data_bytes = MF_CHUNK_BYTES_MAX + 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .data_bytes = UINT32_MAX},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .head_bytes = 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .data_bytes = MF_CHUNK_BYTES_MAX,
         .head_bytes = MF_HEAD_BYTES_MAX + 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .data_offset = MF_CHANNEL_DATA_BYTES + 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .data_offset = MF_CHANNEL_DATA_BYTES,
         .data_bytes = 1},
        {.id = 1, .type = MF_MSG_REPLY, .arg = 200, .data_offset = UINT32_MAX, .data_bytes = 2},
        {.id = 1, .type = MF_MSG_REPLY_BODY, .arg = 1},
        {.id = 1, .type = MF_MSG_REPLY_BODY, .data_bytes = 8, .head_bytes = 1},
        {.id = 1, .type = MF_MSG_ERROR, .data_bytes = MF_ERROR_BYTES_MAX + 1},
        {.id = 1, .type = MF_MSG_ERROR, .arg = MF_ERROR_ANSWER + 1},
        {.id = 1, .type = MF_MSG_LOG, .arg = MF_LOG_LEVEL_COUNT},
        {.id = 1, .type = MF_MSG_LOG, .data_bytes = MF_LOG_BYTES_MAX + 1},
        {.id = 1, .type = MF_MSG_LOG, .flags = MF_MSG_END},
        {.id = 0, .type = MF_MSG_OPERATION, .arg = 1ull << 32},
        {.id = 1, .type = MF_MSG_OPERATION, .arg = UINT32_MAX}, /* no number */
        {.id = 1, .type = MF_MSG_OPERATION, .arg = 1ull << 32, .flags = MF_MSG_END},
        {.id = 1, .type = MF_MSG_OPERATION, .arg = 1ull << 32, .data_bytes = 8, .head_bytes = 1},
        {.id = 1, .type = MF_MSG_OPERATION, .arg = 1ull << 32, .data_bytes = MF_CHUNK_BYTES_MAX + 1},
        {.id = 1, .type = MF_MSG_OPERATION + 1, .arg = 1ull << 32},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_refused(pair, &broken[i]);
    struct channel_message message; /* and the plain one passes */
    *raw_out_slot(&pair->guest, pair->node.lane[LANE_EVENTS].to_node_head) = reply;
    assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_OK);
}

static void take_accepts_each_limit_itself(void **state)
{
    struct pair *pair = *state;
    const struct mf_desc edge[] = {
        {.id = 1, .type = MF_MSG_REPLY, .arg = MF_STATUS_MIN, .data_bytes = MF_CHUNK_BYTES_MAX,
         .head_bytes = MF_HEAD_BYTES_MAX, .data_offset = MF_CHANNEL_DATA_BYTES - MF_CHUNK_BYTES_MAX},
        {.id = UINT64_MAX, .type = MF_MSG_REPLY, .arg = MF_STATUS_MAX,
         .data_offset = MF_CHANNEL_DATA_BYTES},
        {.id = 1, .type = MF_MSG_ERROR, .data_bytes = MF_ERROR_BYTES_MAX, .arg = MF_ERROR_ANSWER},
        {.id = 0, .type = MF_MSG_LOG, .data_bytes = MF_LOG_BYTES_MAX, .arg = MF_LOG_LEVEL_COUNT - 1},
        {.id = 1, .type = MF_MSG_OPERATION, .data_bytes = MF_CHUNK_BYTES_MAX, .arg = 1ull << 32},
        {.id = 1, .type = MF_MSG_OPERATION, .arg = UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof edge / sizeof edge[0]; i++) {
        struct channel_message message;
        *raw_out_slot(&pair->guest, pair->node.lane[LANE_EVENTS].to_node_head) = edge[i];
        control(pair)->to_node.tail = pair->node.lane[LANE_EVENTS].to_node_head + 1;
        assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_OK);
        assert_int_equal(message.data_bytes, edge[i].data_bytes);
    }
}

static void take_refuses_a_tail_outside_the_ring(void **state)
{
    struct pair *pair = *state;
    const uint32_t tails[] = {MF_RING_SLOTS + 1, UINT32_MAX, 1u << 31};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct channel_message message;
        struct mf_why why = {{0}};
        control(pair)->to_node.tail = tails[i];
        assert_int_equal(channel_take(&pair->node, pair->scratch, &message, &why), MF_EPROTO);
        assert_false(channel_sleep(&pair->node));
    }
}

static void put_refuses_a_head_the_guest_cannot_have(void **state)
{
    struct pair *pair = *state;
    for (uint64_t id = 1; id <= 10; id++)
        assert_int_equal(put(pair, id, 10), MF_OK);
    control(pair)->to_guest.head = 4;
    assert_int_equal(put(pair, 11, 10), MF_OK);
    const uint32_t heads[] = {12, 3, 0, UINT32_MAX, 1u << 31}; /* ahead of the tail, or back */
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        control(pair)->to_guest.head = heads[i];
        assert_true(channel_room(&pair->node, 0) > 0); /* so that the caller finds out */
        assert_int_equal(put(pair, 12, 10), MF_EPROTO);
    }
    control(pair)->to_guest.head = 11;
    assert_int_equal(put(pair, 12, 10), MF_OK);
}

static void the_nodes_own_indices_are_never_read_back(void **state)
{
    struct pair *pair = *state;
    struct mf_desc seen;
    assert_int_equal(put(pair, 1, 10), MF_OK);
    control(pair)->to_guest.tail = 77;
    control(pair)->to_node.head = 77;
    assert_int_equal(put(pair, 2, 10), MF_OK);
    assert_int_equal(control(pair)->to_guest.tail, 2);
    pair->guest.in_head = 1;
    assert_true(raw_peek(&pair->guest, &seen));
    assert_int_equal(seen.id, 2);
    struct channel_message message;
    assert_int_equal(channel_take(&pair->node, pair->scratch, &message, NULL), MF_EAGAIN);
}

static void bell_rings_only_for_a_sleeper(void **state)
{
    struct pair *pair = *state;
    uint32_t bell;
    channel_bell(&pair->node);
    assert_int_equal(control(pair)->bell, 0);
    assert_true(raw_sleep(&pair->guest, &bell));
    assert_int_equal(put(pair, 1, 0), MF_OK);
    channel_bell(&pair->node);
    assert_int_equal(control(pair)->bell, bell + 1);
    channel_bell(&pair->node);
    assert_int_equal(control(pair)->bell, bell + 1);
    assert_false(raw_sleep(&pair->guest, &bell)); /* something is there */
}

static void sleep_fails_when_something_has_arrived(void **state)
{
    struct pair *pair = *state;
    assert_true(channel_sleep(&pair->node));
    assert_true(raw_node_slept(&pair->guest));
    struct mf_desc desc = {.type = MF_MSG_LOG};
    assert_true(raw_put(&pair->guest, &desc, NULL));
    assert_false(channel_sleep(&pair->node));
    assert_false(raw_node_slept(&pair->guest));
}

/* Wherever a guest wrote, in as many pages: nothing of it is left, and it starts anew. */
static void renewed_it_has_not_a_byte_of_before(void **state)
{
    struct pair *pair = *state;
    static const uint32_t pages[] = {0, 0, 1, 5, 20, MF_CHANNEL_BYTES / MF_PAGE_BYTES};
    struct channel node;
    int memfd = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memfd, MF_CHANNEL_FILE_BYTES), 0);
    assert_int_equal(channel_open(memfd, &node), MF_OK);
    channel_keep(&node, memfd);
    uint8_t *bytes = node.base;
    node.control->go = 7;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct mf_desc desc = {.id = 1, .type = MF_MSG_BODY, .data_bytes = 5000};
        assert_int_equal(channel_put(&node, &desc, NULL, pair->bytes), MF_OK);
        const struct mf_result answer = {.number = 1, .data_bytes = 5000};
        if (i > 0) /* the first time without */
            channel_answer(&node, &answer, NULL, pair->bytes);
        for (uint32_t page = 0; page < pages[i]; page++)
            memset(bytes + MF_CHANNEL_BYTES - (page + 1) * MF_PAGE_BYTES, 0xee, MF_PAGE_BYTES);
        assert_int_equal(channel_renew(&node), MF_OK);
        for (uint32_t at = 0; at < MF_CHANNEL_BYTES; at++)
            if (bytes[at])
                fail_msg("0x%x at 0x%x", bytes[at], at);
        assert_int_equal(node.control->go, 7); /* not the guest's */
        assert_int_equal(channel_room(&node, 0), MF_CHUNK_BYTES_MAX);
    }
    struct mf_desc desc = {.id = 2, .type = MF_MSG_BODY, .data_bytes = 10};
    assert_int_equal(channel_put(&node, &desc, NULL, pair->bytes), MF_OK);
    assert_int_equal(((struct mf_channel_head *)(void *)bytes)->to_guest.tail, 1);
    channel_go(&node);
    assert_int_equal(node.control->go, 8);
    channel_close(&node);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_open, pair_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_refuses_a_file_that_is_too_short),
        CASE(take_returns_eagain_when_empty),
        CASE(put_carries_fields_and_body_to_the_guest),
        CASE(one_small_message_after_another_uses_the_same_page),
        CASE(put_stops_at_a_full_ring_and_goes_on_after_a_release),
        CASE(room_is_what_one_put_can_carry),
        CASE(unreleased_chunks_are_never_overwritten),
        CASE(indices_wrap_around_at_2_to_the_32),
        CASE(take_gives_a_checked_copy),
        CASE(an_error_always_ends_its_event),
        CASE(take_refuses_every_broken_rule),
        CASE(take_accepts_each_limit_itself),
        CASE(take_refuses_a_tail_outside_the_ring),
        CASE(put_refuses_a_head_the_guest_cannot_have),
        CASE(the_nodes_own_indices_are_never_read_back),
        CASE(bell_rings_only_for_a_sleeper),
        CASE(sleep_fails_when_something_has_arrived),
        CASE(renewed_it_has_not_a_byte_of_before),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
