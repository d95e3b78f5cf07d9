/* test_kernel_contract_openwhisk.c: the contract `openwhisk` (contract_rig.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "contract_rig.h"

static void an_openwhisk_action_is_initialised_then_run(void **state)
{
    (void)state;
    contract_openwhisk.start();
    invoke("POST", 3);
    (void)turn();
    listens();
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
    assert_memory_equal(request, "POST /init HTTP/1.1\r\n", 21);
    assert_non_null(strstr(request, "\r\n\r\n{\"value\":{\"name\":\"name\",\"main\":\"main\""));
    assert_false(contract_openwhisk.may_freeze());
    request_bytes = 0;
    writes(server, OK_LINE "Content-Length: 2\r\n\r\n{}");
    assert_true(turn());
    assert_true(reads(server) > 0);
    static const char run[] = "{\"activation_id\":\"\",\"action_name\":\"/_/name\",\"namespace\":\"_\","
                              "\"deadline\":\"7\",\"value\":";
    char expected[512];
    int bytes = snprintf(expected, sizeof expected,
                         "POST /run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                         "content-length: %zu\r\n\r\n%s",
                         sizeof run - 1 + 3 + 1, run);
    assert_int_equal(request_bytes, bytes + 4);
    assert_memory_equal(request, expected, (size_t)bytes);
    assert_memory_equal(request + bytes, body, 3);
    assert_int_equal(request[request_bytes - 1], '}');
    writes(server, OK_LINE "Content-Length: 4\r\n\r\n[1]\n");
    assert_true(turn());
    assert_string_equal((char *)got.body, "[1]\n");
    assert_true(contract_openwhisk.may_freeze());
    invoke("POST", 0);
    assert_true(turn());
    assert_true(reads(server) > 0);
    assert_memory_equal(request + request_bytes - 11, "\"value\":{}}", 11);
    writes(server, OK_LINE "Content-Length: 0\r\n\r\n");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    closes(server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_rig_open, contract_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(an_openwhisk_action_is_initialised_then_run),
    };
    if (!contract_rig_boot())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
