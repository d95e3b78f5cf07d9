/* test_kernel_contract_lambda.c: the contract `lambda` (contract_rig.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abi/program.h"
#include "contract_rig.h"

#define LAMBDA "/2018-06-01/runtime/"

static void lambda_turn(void)
{
    push();
    (void)contract_lambda.turn();
    take_all();
}

static struct socket *lambda_client(void)
{
    struct socket *client;
    const struct address address = address_loopback(FAMILY_INET, MF_LAMBDA_PORT);
    assert_int_equal(socket_create(FAMILY_INET, SOCKET_STREAM, 0, 0, &client), 0);
    assert_int_equal(socket_connect(client, &address), 0);
    return client;
}

/* All that is there. */
static const char *answer_to(struct socket *client)
{
    request_bytes = 0;
    while (reads(client) > 0)
        ;
    return request;
}

static void asks_for_the_next(struct socket *client)
{
    writes(client, "GET " LAMBDA "invocation/next HTTP/1.1\r\n\r\n");
    lambda_turn();
}

static void responds(struct socket *client, const char *beginning)
{
    char head[200];
    (void)snprintf(head, sizeof head,
                   "POST " LAMBDA "invocation/%u/response HTTP/1.1\r\nContent-Length: 4\r\n\r\n%s",
                   (unsigned)event.id, beginning);
    writes(client, head);
    lambda_turn();
}

static void a_lambda_answers_the_event_that_it_names(void **state)
{
    (void)state;
    contract_lambda.start();
    struct socket *first = lambda_client(), *second = lambda_client(), *third = lambda_client();
    asks_for_the_next(first); /* the rest of a cancelled event's response */
    invoke("POST", 3);
    lambda_turn();
    assert_non_null(strstr(answer_to(first), "200 OK"));
    responds(first, "ol");
    send_message(MF_MSG_CANCEL, event.id);
    lambda_turn();
    assert_int_equal(got.errors, 1);
    asks_for_the_next(second);
    invoke("POST", 3);
    lambda_turn();
    assert_non_null(strstr(answer_to(second), "200 OK"));
    responds(second, "ne");
    writes(first, "d.");
    lambda_turn();
    assert_non_null(strstr(answer_to(first), "400 Bad"));
    assert_int_equal(got.ends, 0);
    writes(second, "w");
    writes(first, "POST " LAMBDA "init/error HTTP/1.1\r\nContent-Length: 3\r\n\r\nbad");
    lambda_turn(); /* the log does not come into it */
    writes(second, ".");
    lambda_turn();
    assert_int_equal(got.ends, 1);
    assert_string_equal((char *)got.body, "new.");
    assert_string_equal(got.log, "bad");
    (void)answer_to(second);

    asks_for_the_next(first); /* who has waited for longest is not there any more */
    asks_for_the_next(second);
    asks_for_the_next(third);
    closes(first);
    invoke("POST", 3);
    lambda_turn();
    assert_null(strstr(answer_to(third), "200 OK"));
    assert_non_null(strstr(answer_to(second), "200 OK"));
    responds(second, "last");
    assert_int_equal(got.ends, 1);
    assert_string_equal((char *)got.body, "last");
    closes(second);
    closes(third);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_rig_open, contract_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(a_lambda_answers_the_event_that_it_names),
    };
    if (!contract_rig_boot())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
