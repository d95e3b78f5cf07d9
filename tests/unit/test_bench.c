/* test_bench.c: percentiles, slopes, the end of an HTTP reply, load on a real server. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/http_reply.h"
#include "bench/load.h"
#include "bench/rows.h"
#include "bench/samples.h"

static struct samples one_to(int last)
{
    struct samples samples = {0};
    for (int i = last; i >= 1; i--)
        assert_int_equal(samples_add(&samples, i), MF_OK);
    return samples;
}

static void percentiles_are_by_nearest_rank(void **state)
{
    (void)state;
    struct samples hundred = one_to(100), five = one_to(5), one = one_to(1);
    assert_true(samples_percentile(&hundred, 50) == 50);
    assert_true(samples_percentile(&hundred, 99) == 99);
    assert_true(samples_percentile(&hundred, 99.5) == 100);
    assert_true(samples_percentile(&five, 50) == 3);
    assert_true(samples_percentile(&five, 99) == 5);
    assert_true(samples_percentile(&five, 20) == 1);
    assert_true(samples_percentile(&five, 20.1) == 2);
    assert_true(samples_percentile(&one, 1) == 1);
    assert_true(samples_min(&five) == 1 && samples_max(&five) == 5);
    samples_close(&hundred);
    samples_close(&five);
    samples_close(&one);
}

static void adding_after_asking_sorts_again(void **state)
{
    (void)state;
    struct samples samples = one_to(3), more = one_to(1);
    assert_true(samples_max(&samples) == 3);
    assert_int_equal(samples_add(&samples, 7), MF_OK);
    assert_int_equal(samples_add_all(&samples, &more), MF_OK);
    assert_true(samples_max(&samples) == 7);
    assert_int_equal(samples.count, 5);
    samples_close(&samples);
    samples_close(&more);
}

static void a_slope_is_not_moved_by_one_bad_point(void **state)
{
    (void)state;
    const double x[] = {0, 4, 8, 12, 16}, line[] = {100, 112, 124, 136, 148};
    const double bad[] = {100, 112, 9999, 136, 148};
    double result = 0;
    assert_int_equal(slope(x, line, 5, &result), MF_OK);
    assert_true(result > 2.999 && result < 3.001);
    assert_int_equal(slope(x, bad, 5, &result), MF_OK);
    assert_true(result > 2.999 && result < 3.001);
    assert_int_equal(slope(x, line, 2, &result), MF_OK);
    assert_true(result > 2.999 && result < 3.001);
}

/* Feed text in two pieces, cut at every place there is. */
static void ends_exactly(const char *text, unsigned status)
{
    size_t bytes = strlen(text);
    for (size_t cut = 0; cut < bytes; cut++) {
        struct http_reply reply = {0};
        assert_int_equal(http_reply_feed(&reply, text, cut), MF_EAGAIN);
        assert_int_equal(http_reply_feed(&reply, text + cut, bytes - cut), MF_OK);
        assert_int_equal(reply.status, status);
    }
}

static void replies_end_where_their_length_says(void **state)
{
    (void)state;
    ends_exactly("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200);
    ends_exactly("HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", 404);
    ends_exactly("HTTP/1.1 204 No Content\r\n\r\n", 204);
    ends_exactly("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n10;ext=1\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n", 200);
    ends_exactly("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!", 200);
}

static void a_reply_without_a_length_ends_with_its_connection(void **state)
{
    (void)state;
    const char text[] = "HTTP/1.1 200 OK\r\n\r\nhow long";
    struct http_reply reply = {0};
    assert_int_equal(http_reply_feed(&reply, text, sizeof text - 1), MF_EAGAIN);
    assert_true(http_reply_ended(&reply));
    struct http_reply cut = {0};
    assert_int_equal(http_reply_feed(&cut, "HTTP/1.1 200 OK\r\nConte", 22), MF_EAGAIN);
    assert_false(http_reply_ended(&cut));
}

static void a_body_is_kept_up_to_its_bound(void **state)
{
    (void)state;
    struct http_reply shorter = {0}, longer = {0};
    const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n";
    const char body[] = "0123456789012345678901234567890123456789";
    assert_int_equal(http_reply_feed(&longer, head, sizeof head - 1), MF_EAGAIN);
    assert_int_equal(http_reply_feed(&longer, body, 20), MF_EAGAIN);
    assert_int_equal(http_reply_feed(&longer, body + 20, 20), MF_OK);
    assert_int_equal(longer.body_bytes, HTTP_BODY_BYTES_KEPT);
    assert_memory_equal(longer.body, body, HTTP_BODY_BYTES_KEPT);
    const char chunks[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    assert_int_equal(http_reply_feed(&shorter, chunks, sizeof chunks - 1), MF_OK);
    assert_int_equal(shorter.body_bytes, 3);
    assert_memory_equal(shorter.body, "abc", 3);
}

static void what_is_no_reply_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 20x OK\r\n",
        "HTTP/1.1 999 OK\r\n",
        "\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct http_reply reply = {0};
        assert_int_equal(http_reply_feed(&reply, wrong[i], strlen(wrong[i])), MF_EPROTO);
    }
}

static struct child start_server(struct load_target *target)
{
    char path[PATH_MAX], text[8];
    struct mf_why why;
    struct child child;
    uint16_t port;
    int connection;
    assert_true(beside_us(BENCH_HTTP_SERVER, path));
    assert_int_equal(free_port(&port), MF_OK);
    (void)snprintf(text, sizeof text, "%u", port);
    const char *const argv[] = {path, text, "1", NULL};
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    assert_int_equal(child_start(&plan, &child, &why), MF_OK);
    assert_int_equal(connect_when_up(port, &child, &connection, &why), MF_OK);
    close(connection);
    assert_int_equal(load_target_set(target, port, "/"), MF_OK);
    return child;
}

static void load_counts_what_a_server_answers(void **state)
{
    (void)state;
    struct load_target target;
    struct child server = start_server(&target);
    for (int keep_alive = 0; keep_alive < 2; keep_alive++) {
        const struct load_plan plan = {.target = &target,
                                       .connections = 5,
                                       .threads = 2,
                                       .keep_alive = keep_alive,
                                       .warm_up_ns = 10 * MF_NS_PER_MS,
                                       .duration_ns = 100 * MF_NS_PER_MS};
        struct load_result result;
        struct mf_why why = {{0}};
        assert_int_equal(load_run(&plan, &result, &why), MF_OK);
        assert_true(result.latency_us.count > 0);
        assert_int_equal(result.errors, 0);
        assert_true(samples_min(&result.latency_us) > 0);
        load_result_close(&result);
    }
    child_end(&server, SIGTERM, NULL);
}

static void load_on_nobody_fails_and_says_so(void **state)
{
    (void)state;
    struct load_target target;
    uint16_t port;
    assert_int_equal(free_port(&port), MF_OK);
    assert_int_equal(load_target_set(&target, port, "/"), MF_OK);
    const struct load_plan plan = {.target = &target,
                                   .connections = 1,
                                   .threads = 1,
                                   .keep_alive = true,
                                   .duration_ns = MF_NS_PER_S};
    struct load_result result;
    struct mf_why why = {{0}};
    assert_int_equal(load_run(&plan, &result, &why), MF_EIO);
    assert_non_null(strstr(why.text, "0 requests answered"));
    load_result_close(&result);
}

static void a_child_that_ends_at_once_is_noticed(void **state)
{
    (void)state;
    struct child child;
    struct mf_why why = {{0}};
    uint16_t port;
    int connection = -1;
    const char *const argv[] = {"/bin/sh", "-c", "echo first; echo I am ill >&2; exit 3", NULL};
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    assert_int_equal(free_port(&port), MF_OK);
    assert_int_equal(child_start(&plan, &child, &why), MF_OK);
    assert_int_equal(connect_when_up(port, &child, &connection, &why), MF_EIO);
    assert_non_null(strstr(why.text, "it ended at once"));
    assert_non_null(strstr(why.text, "I am ill"));
    child_end(&child, SIGTERM, NULL);
    assert_int_equal(child_run(&plan, &why), MF_EIO);
    assert_non_null(strstr(why.text, "I am ill"));
}

static void shuffling_keeps_every_number(void **state)
{
    (void)state;
    uint32_t order[103];
    bool seen[103] = {false};
    uint32_t moved = 0;
    bench_shuffle(order, 103);
    for (uint32_t i = 0; i < 103; i++) {
        assert_true(order[i] < 103 && !seen[order[i]]);
        seen[order[i]] = true;
        moved += order[i] != i;
    }
    assert_true(moved > 50);
}

static void rows_have_the_contracts_keys(void **state)
{
    (void)state;
    struct samples samples = one_to(100);
    struct rows rows = {0};
    assert_int_equal(rows_add(&rows, "cold", "process", "cold_start", UNIT_US, &samples, NULL), MF_OK);
    assert_int_equal(rows_add_one(&rows, "idle", "mayfly/kvm", "wakeups", UNIT_COUNT, 0), MF_OK);
    char *text = json_dumps(rows.array, JSON_COMPACT);
    assert_string_equal(
        text, "[{\"bench\":\"cold\",\"subject\":\"process\",\"metric\":\"cold_start\",\"unit\":\"us\","
              "\"n\":100,\"p50\":50.0,\"p99\":99.0,\"min\":1.0,\"max\":100.0},"
              "{\"bench\":\"idle\",\"subject\":\"mayfly/kvm\",\"metric\":\"wakeups\",\"unit\":\"count\","
              "\"n\":1,\"p50\":0.0,\"p99\":0.0,\"min\":0.0,\"max\":0.0}]");
    free(text);
    rows_close(&rows);
    samples_close(&samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_by_nearest_rank),
        cmocka_unit_test(adding_after_asking_sorts_again),
        cmocka_unit_test(a_slope_is_not_moved_by_one_bad_point),
        cmocka_unit_test(replies_end_where_their_length_says),
        cmocka_unit_test(a_reply_without_a_length_ends_with_its_connection),
        cmocka_unit_test(a_body_is_kept_up_to_its_bound),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(load_counts_what_a_server_answers),
        cmocka_unit_test(load_on_nobody_fails_and_says_so),
        cmocka_unit_test(a_child_that_ends_at_once_is_noticed),
        cmocka_unit_test(shuffling_keeps_every_number),
        cmocka_unit_test(rows_have_the_contracts_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
