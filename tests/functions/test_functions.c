/*
 * test_functions.c: one table of requests and replies for the example functions, run
 * either with the functions as ordinary Linux programs (`by-hand DIR`) or as images in
 * a sandbox (`process DIR`, `kvm DIR`); DIR is the build's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG_BYTES (6u << 20)
#define HEAD_BYTES 512
#define EXIT_UNSUPPORTED 6 /* of mayfly */
#define SKIPPED 77         /* for ctest */

struct request {
    const char *function;
    const char *variable; /* NAME=VALUE of the environment, or NULL */
    const char *head;     /* of the request: "POST /?n=1"           */
    const char *body;
    size_t body_bytes; /* 0: strlen(body) */
};

struct reply {
    unsigned status; /* 0: the handler failed */
    char *all;       /* output as it is       */
    char *body;      /* in it                 */
    size_t body_bytes;
    char *errors; /* standard error        */
};

static const char *mode, *folder;

static int temporary(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = dup(fileno(file));
    fclose(file);
    assert_true(fd >= 0);
    return fd;
}

static char *read_back(int fd, size_t *bytes)
{
    off_t end = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)end + 1);
    assert_non_null(text);
    size_t have = 0;
    while (have < (size_t)end) {
        ssize_t got = pread(fd, text + have, (size_t)end - have, (off_t)have);
        assert_true(got > 0);
        have += (size_t)got;
    }
    if (bytes)
        *bytes = have;
    close(fd);
    return text;
}

static void put(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t wrote = write(fd, data, bytes);
        assert_true(wrote > 0);
        data += wrote;
        bytes -= (size_t)wrote;
    }
}

static int request_file(const struct request *request)
{
    char head[HEAD_BYTES];
    int fd = temporary();
    size_t body = request->body_bytes ? request->body_bytes : strlen(request->body);
    int bytes = snprintf(head, sizeof head, "%s HTTP/1.1\r\nx-test: yes\r\ncontent-length: %zu\r\n\r\n",
                         request->head, body);
    put(fd, head, (size_t)bytes);
    put(fd, request->body, body);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int run_program(const struct request *request, int in, int out, int err)
{
    char program[PATH_MAX], image[PATH_MAX];
    char variable[256];
    char *argv[8] = {program, "--head", NULL};
    char *nothing[] = {NULL}, *environment[] = {variable, NULL};
    bool by_hand = strcmp(mode, "by-hand") == 0;
    const char *place = strcmp(request->function, "sdk") == 0 ? "tests/functions" : "functions";
    if (by_hand) {
        (void)snprintf(program, sizeof program, "%s/%s/by-hand/%s", folder, place,
                       request->function);
    } else {
        (void)snprintf(program, sizeof program, "%s/mayfly", folder);
        (void)snprintf(image, sizeof image, "%s/%s/%s.mf", folder, place, request->function);
        char *const run[] = {program, "run", "-i", "--sandbox", (char *)(uintptr_t)mode, image};
        memcpy(argv, run, sizeof run);
        argv[6] = NULL;
    }
    (void)snprintf(variable, sizeof variable, "%s", request->variable ? request->variable : "");
    char *with[] = {argv[0], argv[1], argv[2], argv[3], argv[4], "--env", variable, argv[5], NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    pid_t pid;
    int status;
    int error = posix_spawn(&pid, program, &actions, NULL,
                            !by_hand && request->variable ? with : argv,
                            by_hand && request->variable ? environment : by_hand ? nothing : environ);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(error, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* "HTTP/1.1 200 …", headers, an empty line; ends of lines as either printer writes them. */
static void take_apart(struct reply *reply, size_t bytes)
{
    if (sscanf(reply->all, "HTTP/1.1 %u", &reply->status) != 1)
        return;
    char *line = reply->all;
    for (;;) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        size_t length = (size_t)(end - line);
        line = end + 1;
        if (length == 0 || (length == 1 && end[-1] == '\r'))
            break;
    }
    reply->body = line;
    reply->body_bytes = bytes - (size_t)(line - reply->all);
}

static void ask(const struct request *request, struct reply *reply)
{
    int in = request_file(request), out = temporary(), err = temporary();
    size_t bytes;
    *reply = (struct reply){0};
    int code = run_program(request, in, out, err);
    close(in);
    reply->all = read_back(out, &bytes);
    reply->errors = read_back(err, NULL);
    take_apart(reply, bytes);
    if ((code == 0) != (reply->status >= 200 && reply->status < 400))
        print_error("%s: exit code %d, status %u\n%s", request->head, code, reply->status,
                    reply->errors);
    assert_true((code == 0) == (reply->status >= 200 && reply->status < 400));
}

static void forget(struct reply *reply)
{
    free(reply->all);
    free(reply->errors);
}

struct example {
    struct request request;
    unsigned status;
    const char *has; /* stands in the body; or in standard error if the status is 0 */
};

static void each(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct reply reply;
        ask(&examples[i].request, &reply);
        const char *text = reply.status ? reply.body : reply.errors;
        if (reply.status != examples[i].status || !strstr(text, examples[i].has))
            print_error("%s %s: status %u, %s\n", examples[i].request.function,
                        examples[i].request.body, reply.status, text);
        assert_int_equal(reply.status, examples[i].status);
        assert_non_null(strstr(text, examples[i].has));
        forget(&reply);
    }
}

#define EACH(examples) each(examples, sizeof(examples) / sizeof((examples)[0]))
#define FIB(head, body, status, has) {{"fib", NULL, head, body, 0}, status, has}
#define SCK(body, status, has) {{"threshold", NULL, "POST /", body, 0}, status, has}
#define SENSORS "\"sensors\":[{\"id\":10,\"value\":95},{\"id\":29,\"value\":66.35}]"
#define AT(date) SCK("{\"data\":[{\"recorded_at\":\"" date "\"," SENSORS "}]}", 200, "\"alert\":false")
#define NOT_AT(date, what) \
    SCK("{\"data\":[{\"recorded_at\":\"" date "\"," SENSORS "}]}", 400, what)
#define SENSOR(sensor, where)                                                                    \
    SCK("{\"data\":[{\"recorded_at\":\"2016-06-08 10:30:00\",\"sensors\":[" sensor "]}]}", 400, \
        where)
#define ASK(variable, head, body, status, has) {{"threshold", variable, head, body, 0}, status, has}

static void fib_knows_its_numbers_and_its_bounds(void **state)
{
    (void)state;
    static const struct example examples[] = {
        FIB("GET /?n=0", "", 200, "0\n"),
        FIB("GET /?n=1", "", 200, "1\n"),
        FIB("GET /?n=20", "", 200, "6765\n"),
        FIB("POST /", "25", 200, "75025\n"),
        FIB("POST /", "25 \r\n", 200, "75025\n"),
        FIB("POST /?n=3", "25", 200, "2\n"),
        FIB("GET /", "", 400, "0 to 93"),
        FIB("GET /?n=94", "", 400, "0 to 93"),
        FIB("GET /?n=-1", "", 400, "0 to 93"),
        FIB("GET /?n=1x", "", 400, "0 to 93"),
        FIB("GET /?n=99999999999999999999", "", 400, "0 to 93"),
    };
    EACH(examples);
}

static void threshold_reads_what_the_kit_sends(void **state)
{
    (void)state;
    static const struct example examples[] = {
        AT("2018-01-11T17:52:51Z"),
        AT("2016-06-08 10:30:00"),
        AT("2000-02-29T00:00:00Z"),
        AT("2024-02-29 23:59:59"),
        SCK("{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\",\"sensors\":[{\"id\":112,"
            "\"value\":1000.5},{\"id\":29,\"value\":66.35}]}]}",
            200, "{\"alert\":true,\"reason\":\"sensor 112 measured 1000.5 at "
            "2018-01-11T17:52:51Z, above the limit of 1000\",\"sensor\":112,\"value\":1000.5,"
            "\"limit\":1000,\"recorded_at\":\"2018-01-11T17:52:51Z\"}\n"),
        SCK("{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\",\"sensors\":[{\"id\":158,"
            "\"value\":1000}]}]}", 200, "\"alert\":false"),
        SCK("{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\",\"sensors\":[]}]}", 200,
            "none of the sensors"),
        SCK("{t:2026-10-07T04:11:00Z,55:28.3,112:1266}", 200, "sensor 112 measured 1266 at 2026-10-07T"),
        SCK("{t:2026-10-07T04:11:00Z,55:28.3,56:66}\r\n", 200, "none of the sensors"),
        SCK(" { \"data\" : [ {\"sensors\":[{\"value\":1,\"id\":10}],\"extra\":[{}],\n"
            "\"recorded_at\":\"2018-01-11T17:52:51Z\"},{\"recorded_at\":\"2018-01-11T17:53:51Z\","
            "\"sensors\":[{\"id\":10,\"value\":1.5e3}]} ] } ", 200, "measured 1500 at 2018-01-11T17:53"),
    };
    EACH(examples);
}

static void threshold_takes_its_rule_from_environment_and_query(void **state)
{
    (void)state;
    static const char reading[] =
        "{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\"," SENSORS "}]}";
    const struct example examples[] = {
        ASK("LIMIT=90", "POST /", reading, 200, "\"alert\":true"),
        ASK("SENSORS=29", "POST /", reading, 200, "\"value\":66.35"),
        ASK("LIMIT=90", "POST /?limit=95", reading, 200, "\"alert\":false"),
        ASK(NULL, "POST /?sensors=29,10&limit=66", reading, 200, "sensor 10 measured 95"),
        ASK(NULL, "POST /?limit=x", reading, 400, "query, limit"),
        ASK(NULL, "POST /?limit=", reading, 400, "query, limit"),
        ASK(NULL, "POST /?limit=inf", reading, 400, "query, limit"),
        ASK(NULL, "POST /?sensors=", reading, 400, "query, sensors"),
        ASK(NULL, "POST /?sensors=1,", reading, 400, "query, sensors"),
        ASK(NULL, "POST /?sensors=4294967296", reading, 400, "query, sensors"),
        ASK("LIMIT=high", "POST /", reading, 0, "environment LIMIT"),
        ASK("SENSORS=co2", "POST /", reading, 0, "environment SENSORS"),
    };
    EACH(examples);
}

static void threshold_refuses_what_is_malformed_and_says_where(void **state)
{
    (void)state;
    static const struct example examples[] = {
        SCK("", 400, "line 1, column 1"),
        SCK("{t:2026-10-07T04:11:00Z,55:28.3,56:}", 400, "byte 36: a number belongs here"),
        SCK("{t:2026-10-07T04:11:00Z,55:28.3,}", 400, "byte 33: a sensor's number"),
        SCK("{t:2026-10-07T04:11:00Z,55:0x1}", 400, "byte 28: a number"),
        SCK("{t:2026-10-07T04:11:00Z,55:1", 400, "byte 29: a comma or the closing brace"),
        SCK("{t:2026-10-07T04:11:00Z} x", 400, "byte 26: nothing belongs"),
        SCK("{t:2026-10-07T24:11:00Z,55:28.3}", 400, "byte 4: there is no such time"),
        SCK("{t:", 400, "byte 4: a time belongs here"),
        SCK("{\"data\":[\n{\"recorded_at\" \"x\"}]}", 400, "line 2, column 16"),
        SCK("[]", 400, "the body: a reading is an object with data, not an array"),
        SCK("{}", 400, "data: an array of measurements belongs here, not nothing"),
        SCK("{\"data\":{}}", 400, "data: an array"),
        SCK("{\"data\":[]}", 400, "at least one"),
        SCK("{\"data\":[1]}", 400, "data[0]: an object"),
        SCK("{\"data\":[{}]}", 400, "data[0].recorded_at: a time as a string"),
        SCK("{\"data\":[{\"recorded_at\":1515693171," SENSORS "}]}", 400, "not a number"),
        SCK("{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\"}]}", 400, "data[0].sensors"),
        SCK("{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\",\"sensors\":{}}]}", 400,
            "not an object"),
        SENSOR("5", "data[0].sensors[0]: an object"),
        SENSOR("{\"value\":1}", "data[0].sensors[0].id"),
        SENSOR("{\"id\":\"10\",\"value\":1}", "not a string"),
        SENSOR("{\"id\":1.5,\"value\":1}", "data[0].sensors[0].id"),
        SENSOR("{\"id\":-1,\"value\":1}", "data[0].sensors[0].id"),
        SENSOR("{\"id\":4294967296,\"value\":1}", "data[0].sensors[0].id"),
        SENSOR("{\"id\":1,\"value\":1},{\"id\":10}", "data[0].sensors[1].value"),
        SENSOR("{\"id\":10,\"value\":null}", "a number belongs here, not null"),
        SENSOR("{\"id\":10,\"value\":\"95\"}", "data[0].sensors[0].value"),
        SENSOR("{\"id\":10,\"value\":1e999}", "too large"),
        NOT_AT("2018-02-29T00:00:00Z", "no such day"),
        NOT_AT("1900-02-29 00:00:00", "no such day"),
        NOT_AT("2018-04-31 00:00:00", "no such day"),
        NOT_AT("2018-01-00 00:00:00", "no such day"),
        NOT_AT("2018-00-01 00:00:00", "no such month"),
        NOT_AT("2018-13-01 00:00:00", "no such month"),
        NOT_AT("2018-01-11T24:00:00Z", "no such time"),
        NOT_AT("2018-01-11T23:60:00Z", "no such time"),
        NOT_AT("2018-01-11T23:59:60Z", "no such time"),
        NOT_AT("2018-01-11T17:52:51", "a time is written"),
        NOT_AT("2018-01-11 17:52:51Z", "a time is written"),
        NOT_AT("2018-01-11T17:52:51+01:00", "a time is written"),
        NOT_AT("2018-1-11 17:52:51", "a time is written"),
        NOT_AT("2018-01-11", "a time is written"),
        NOT_AT("", "a time is written"),
        NOT_AT("2018-01-11T17:52:51Z\\u0000", "NUL"),
    };
    EACH(examples);
}

#define WORK(function, body, status, has) {{function, NULL, "POST /", body, 0}, status, has}

static void workloads_answer_and_refuse(void **state)
{
    (void)state;
    static const struct example examples[] = {
        WORK("alert", "{\"value\":50}", 200, "{\"alert\":\"no\",\"value\":50}"),
        WORK("alert", "{\"value\":50.5,\"room\":\"a\\\"b\"}", 200, "\"room\":\"a\\\"b\",\"text\":\"Smoke: 50.5, above 50"),
        WORK("alert", "{\"value\":\"61\"}", 400, "a smoke detector says"),
        WORK("dhs", "{\"user\":\"ann\",\"weight\":71.5}", 200, "{\"user\":\"ann\",\"day\":1,\"average\":71.5}"),
        WORK("dhs", "{\"weight\":71.5}", 400, "for a user"),
        WORK("dhs", "{\"user\":\"ann\",\"weight\":-1}", 400, "a scale says"),
        WORK("dhs-day", "{\"user\":\"ann\"}", 200, "{\"days\":1}"),
        WORK("dhs-day", "{}", 400, "whose day"),
        WORK("fdc", "{\"fridge\":\"a\",\"door\":\"open\",\"at\":1515692571}", 200, "\"openings\":1,\"busiest_hour\":17,"),
        WORK("fdc", "{\"fridge\":\"a\",\"door\":\"closed\"}", 204, ""),
        WORK("fdc", "{\"fridge\":\"a\",\"door\":\"ajar\"}", 400, "a contact says"),
        WORK("fdc", "{\"fridge\":\"a\",\"door\":\"open\",\"at\":-1}", 400, "a contact says"),
        WORK("lights", "{\"room\":\"hall\",\"motion\":true}", 200, "{\"bulb\":\"on\",\"room\":\"hall\"}"),
        WORK("lights", "{\"room\":\"hall\",\"motion\":false}", 200, "\"off\""),
        WORK("lights", "{\"room\":\"+\",\"motion\":false}", 400, "which room"),
        WORK("lights", "{\"room\":\"hall\"}", 400, "a motion sensor says"),
        WORK("siren", "{\"shop\":\"12\"}", 204, ""),
        WORK("siren", "{\"shop\":\"a/b\"}", 400, "names its shop"),
        WORK("slack", "{\"text\":\"x\"}", 204, ""),
        WORK("slack", "{\"text\":1}", 400, "a message says"),
        WORK("logger", "anything", 204, ""),
        WORK("cold-chain", "{\"temperature\":4}", 400, "its topic"),
    };
    EACH(examples);
}

static void echo_gives_back_the_body_byte_by_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 32767, 32768, 32769, 65535, 65536, 65537, 262144, BIG_BYTES};
    char *body = malloc(BIG_BYTES);
    assert_non_null(body);
    uint32_t random = 1;
    for (size_t i = 0; i < BIG_BYTES; i++)
        body[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct request request = {"echo", NULL, "POST /", body, sizes[i]};
        struct reply reply;
        ask(&request, &reply);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body_bytes, sizes[i]);
        assert_memory_equal(reply.body, body, sizes[i]);
        forget(&reply);
    }
    free(body);
}

static void echo_shows_the_head_if_asked(void **state)
{
    (void)state;
    const struct request request = {"echo", NULL, "PATCH /a/b?head&x=1", "body", 0};
    struct reply reply;
    ask(&request, &reply);
    assert_int_equal(strncmp(reply.body, "PATCH /a/b?head&x=1\n", 20), 0);
    assert_non_null(strstr(reply.body, "\nx-test: yes\n"));
    assert_string_equal(reply.body + reply.body_bytes - 5, "\nbody");
    forget(&reply);
}

static void hello_greets(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {{"hello", NULL, "GET /", "", 0}, 200, "hello, world\n"},
        {{"hello", NULL, "GET /?name=a%26b", "", 0}, 200, "hello, a&b\n"},
        {{"hello", "GREET=moon", "GET /", "", 0}, 200, "hello, moon\n"},
        {{"hello", NULL, "POST /", "you", 0}, 200, "hello, you\n"},
    };
    EACH(examples);
}

/* A sandbox that this machine does not have is no failure of the functions. */
static bool usable(void)
{
    const struct request request = {"hello", NULL, "GET /", "", 0};
    int in = request_file(&request), out = temporary(), err = temporary();
    int code = run_program(&request, in, out, err);
    close(in);
    close(out);
    char *text = read_back(err, NULL);
    if (code == EXIT_UNSUPPORTED)
        fprintf(stderr, "%s: skipped: %s", mode, text);
    free(text);
    return code != EXIT_UNSUPPORTED;
}

#define SDK(variable, head, body, status, has) {{"sdk", variable, head, body, 0}, status, has}

static void every_call_of_the_sdk_does_what_it_says(void **state)
{
    (void)state;
    const bool by_hand = strcmp(mode, "by-hand") == 0;
    const struct example examples[] = {
        SDK(NULL, "GET /deadline", "", 200, by_hand ? "none" : "some"),
        SDK(NULL, "GET /random", "", 200, "fresh"),
        SDK(NULL, "GET /memory", "", 200, "kept"),
        SDK(NULL, "GET /headers", "", 202, "seen"),
        SDK(NULL, "GET /flood", "", 0, "more than 128 fields"),
        SDK(NULL, "GET /pieces", "", 200, "099\n"),
        SDK(NULL, "POST /json", "{\"text\":\"a\\u00e4\\n\"}", 200, "\"a\xc3\xa4\\u000a\""),
        SDK(NULL, "POST /json", "{", 400, "double quotes"),
        SDK("FROM_OUTSIDE=a=b c", "GET /around", "", 200, "http a=b c wanted"),
        SDK(NULL, "GET /around", "", 200, "http unset wanted"),
        SDK(NULL, "GET /state", "", 200, "inits=1 events=1"),
        SDK(NULL, "GET /fail?why", "", 0, "failed on purpose: why"),
        SDK(NULL, "GET /values", "", 200, "all as it should be"),
        SDK(NULL, "GET /others", "", 200, "too-large"),
        SDK(NULL, "GET /denied", "", 200, by_hand ? "ok" : "denied"),
        SDK(NULL, "GET /", "", 404, "no such path: /"),
    };
    EACH(examples);
}

static void logs_carry_their_level(void **state)
{
    (void)state;
    const struct request request = {"sdk", NULL, "GET /around", "", 0};
    struct reply reply;
    ask(&request, &reply);
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < 4; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "%s: a record of level %s", names[i], names[i]);
        assert_non_null(strstr(reply.errors, line));
    }
    forget(&reply);
}

static void a_reply_has_the_headers_it_was_given(void **state)
{
    (void)state;
    const struct request request = {"sdk", NULL, "GET /headers", "", 0};
    struct reply reply;
    ask(&request, &reply);
    for (int i = 0; i < 100; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "\nx-number-%d: yes\r\n", i);
        assert_non_null(strstr(reply.all, line));
    }
    forget(&reply);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fib_knows_its_numbers_and_its_bounds),
        cmocka_unit_test(threshold_reads_what_the_kit_sends),
        cmocka_unit_test(threshold_takes_its_rule_from_environment_and_query),
        cmocka_unit_test(threshold_refuses_what_is_malformed_and_says_where),
        cmocka_unit_test(workloads_answer_and_refuse),
        cmocka_unit_test(echo_gives_back_the_body_byte_by_byte),
        cmocka_unit_test(echo_shows_the_head_if_asked),
        cmocka_unit_test(hello_greets),
        cmocka_unit_test(every_call_of_the_sdk_does_what_it_says),
        cmocka_unit_test(logs_carry_their_level),
        cmocka_unit_test(a_reply_has_the_headers_it_was_given),
    };
    if (argc != 3) {
        fprintf(stderr, "usage: %s by-hand|process|kvm BUILD_DIR\n", argv[0]);
        return 2;
    }
    mode = argv[1];
    folder = argv[2];
    if (!usable())
        return SKIPPED;
    return cmocka_run_group_tests_name(mode, tests, NULL, NULL);
}
