/* test_node_logs.c: functions' log files: lines, rotation, rate, readers. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "node/logs/json_text.h"
#include "node/logs/log_reader.h"
#include "node/node.h"
#include "own_folder.h"

static struct node *node;
static struct function_log *own;

static int open_log(void **state)
{
    (void)state;
    assert_int_equal(own_folder_make(state), 0);
    node = calloc(1, sizeof *node);
    assert_non_null(node);
    node->loop.now_ns = 1000 * MF_NS_PER_S;
    logs_init(&node->logs, node, open(own_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_true(node->logs.dir_fd >= 0);
    assert_int_equal(function_log_create(node, "f", &own), MF_OK);
    return 0;
}

static int close_log(void **state)
{
    (void)state;
    function_log_destroy(own);
    (void)close(node->logs.dir_fd);
    free(node);
    return own_folder_remove(state);
}

static void say(const char *text)
{
    node->loop.now_ns += MF_NS_PER_S / MF_LOG_LINES_PER_S; /* just not too fast */
    function_log_write(own, MF_LOG_INFO, 7, "c", text, strlen(text), NULL);
}

/* Everything a reader gets from its place on. */
static char *read_all(struct log_reader *reader)
{
    struct mf_buf all = {0};
    char piece[1000];
    size_t got;
    while ((got = log_reader_read(reader, piece, sizeof piece)) > 0)
        assert_int_equal(mf_buf_add(&all, piece, got), MF_OK);
    if (!all.data)
        assert_int_equal(mf_buf_add(&all, "", 0), MF_OK);
    return (char *)all.data;
}

static unsigned lines_of(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static json_t *nth_line(const char *text, unsigned n)
{
    while (n--)
        text = strchr(text, '\n') + 1;
    json_t *line = json_loadb(text, strcspn(text, "\n"), 0, NULL);
    assert_non_null(line);
    return line;
}

static char *tail(unsigned count)
{
    struct log_reader reader;
    log_reader_open(own, count, &reader);
    char *text = read_all(&reader);
    log_reader_close(&reader);
    return text;
}

static void a_line_is_json_with_its_keys(void **state)
{
    (void)state;
    say("a \"word\"\x01\xff\n");
    char *text = tail(10);
    json_t *line = nth_line(text, 0);
    assert_string_equal(json_string_value(json_object_get(line, "function")), "f");
    assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(line, "call")), "c");
    assert_int_equal(json_integer_value(json_object_get(line, "instance")), 7);
    assert_string_equal(json_string_value(json_object_get(line, "text")),
                        "a \"word\"\\x01\\xff");
    json_decref(line);
    free(text);
}

static void what_a_kill_cut_short_stays_alone(void **state)
{
    (void)state;
    static const char torn[] = "{\"timestamp\":\"2026";
    int fd = openat(node->logs.dir_fd, "f.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, torn, sizeof torn - 1), sizeof torn - 1);
    (void)close(fd);
    say("whole");
    logs_flush(&node->logs);
    char *text = tail(10);
    assert_int_equal(lines_of(text), 2);
    json_t *line = nth_line(text, 1);
    assert_string_equal(json_string_value(json_object_get(line, "text")), "whole");
    json_decref(line);
    free(text);
}

static void tail_counts_lines_across_files(void **state)
{
    (void)state;
    char text[64];
    for (int i = 0; i < 10; i++) {
        (void)snprintf(text, sizeof text, "line %d", i);
        say(text);
        function_log_flush(own);
        own->bytes = i % 3 == 2 ? MF_LOG_FILE_BYTES_MAX : own->bytes; /* full: the next one rotates */
    }
    static const struct {
        unsigned asked, lines;
        const char *first;
    } expect[] = {{1, 1, "line 9"}, {4, 4, "line 6"}, {8, 8, "line 2"}, {0, 0, NULL}};
    for (size_t i = 0; i < sizeof expect / sizeof expect[0]; i++) {
        char *got = tail(expect[i].asked);
        assert_int_equal(lines_of(got), expect[i].lines);
        if (expect[i].first) {
            json_t *line = nth_line(got, 0);
            assert_string_equal(json_string_value(json_object_get(line, "text")), expect[i].first);
            json_decref(line);
        }
        free(got);
    }
}

static uint64_t on_disk(unsigned *files)
{
    uint64_t bytes = 0;
    struct dirent *entry;
    struct stat stat;
    DIR *dir = opendir(own_folder);
    assert_non_null(dir);
    *files = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(fstatat(dirfd(dir), entry->d_name, &stat, 0), 0);
        bytes += (uint64_t)stat.st_size;
        ++*files;
    }
    (void)closedir(dir);
    return bytes;
}

static void files_are_bounded_in_number_and_size(void **state)
{
    (void)state;
    char text[4000];
    unsigned files;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < 3000; i++) /* twelve million bytes */
        say(text);
    function_log_flush(own);
    uint64_t bytes = on_disk(&files);
    assert_int_equal(files, MF_LOG_FILES_MAX);
    assert_true(bytes > (uint64_t)(MF_LOG_FILES_MAX - 1) * MF_LOG_FILE_BYTES_MAX);
    assert_true(bytes < (uint64_t)MF_LOG_FILES_MAX * (MF_LOG_FILE_BYTES_MAX + 128 * 1024));
}

static void a_reader_follows_across_rotations(void **state)
{
    (void)state;
    struct log_reader reader;
    char text[64];
    unsigned seen = 0;
    log_reader_open(own, 0, &reader);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        say(text);
        function_log_flush(own);
        if (i % 500 == 250)
            own->bytes = MF_LOG_FILE_BYTES_MAX;
        if (i % 7 == 0) {
            char *got = read_all(&reader);
            seen += lines_of(got);
            free(got);
        }
    }
    char *rest = read_all(&reader);
    assert_int_equal(seen + lines_of(rest), 2000);
    free(rest);
    log_reader_close(&reader);
}

static void a_reader_left_behind_goes_on_with_what_there_is(void **state)
{
    (void)state;
    struct log_reader reader;
    log_reader_open(own, 0, &reader);
    for (int i = 0; i < 20; i++) { /* two lines a file: the first opens it, the second fills it */
        say("x");
        function_log_flush(own);
        own->bytes = MF_LOG_FILE_BYTES_MAX;
    }
    char *got = read_all(&reader);
    unsigned lines = lines_of(got);
    assert_in_range(lines, 2 * (MF_LOG_FILES_MAX - 1), 2 * MF_LOG_FILES_MAX);
    free(got);
    log_reader_close(&reader);
}

static void more_than_the_rate_is_dropped_and_said(void **state)
{
    (void)state;
    for (int i = 0; i < MF_LOG_LINES_BURST + 500; i++)
        function_log_write(own, MF_LOG_INFO, 7, NULL, "x", 1, NULL);
    char *got = tail(MF_LOG_TAIL_MAX);
    assert_int_equal(lines_of(got), MF_LOG_LINES_BURST);
    free(got);
    node->loop.now_ns += MF_NS_PER_S;
    assert_true(timers_fire(&node->loop.timers, node->loop.now_ns));
    got = tail(1);
    assert_non_null(strstr(got, "500 lines dropped"));
    free(got);
    function_log_write(own, MF_LOG_INFO, 7, NULL, "again", 5, NULL);
    got = tail(1);
    assert_non_null(strstr(got, "again"));
    free(got);
}

static void a_guests_flood_does_not_silence_the_node(void **state)
{
    (void)state;
    for (int i = 0; i < MF_LOG_LINES_BURST + 1; i++)
        function_log_write(own, MF_LOG_INFO, 7, NULL, "x", 1, NULL);
    function_log_node(own, MF_LOG_ERROR, 7, "it ended");
    char *got = tail(1);
    assert_non_null(strstr(got, "it ended"));
    free(got);
}

static void a_discarded_log_leaves_no_file(void **state)
{
    (void)state;
    unsigned files;
    say("x");
    function_log_flush(own);
    own->bytes = MF_LOG_FILE_BYTES_MAX;
    say("y");
    function_log_flush(own);
    function_log_discard(own);
    say("z");
    function_log_flush(own);
    (void)on_disk(&files);
    assert_int_equal(files, 0);
}

static void any_bytes_are_a_json_string(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        const char *json;
    } expect[] = {
        {"", 0, "\"\""},
        {"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 15, "\"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\\n\r\t\x1f", 6, "\"\\\"\\\\\\n\\r\\t\\u001f\""},
        {"\0", 1, "\"\\u0000\""},
        {"\xff\xc3", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                       /* overlong */
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},       /* surrogate */
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof expect / sizeof expect[0]; i++) {
        struct mf_buf out = {0};
        assert_int_equal(json_text_add(&out, expect[i].text, expect[i].bytes), MF_OK);
        assert_string_equal((char *)out.data, expect[i].json);
        mf_buf_close(&out);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_log, close_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_json_with_its_keys),
        TEST(what_a_kill_cut_short_stays_alone),
        TEST(tail_counts_lines_across_files),
        TEST(files_are_bounded_in_number_and_size),
        TEST(a_reader_follows_across_rotations),
        TEST(a_reader_left_behind_goes_on_with_what_there_is),
        TEST(more_than_the_rate_is_dropped_and_said),
        TEST(a_guests_flood_does_not_silence_the_node),
        TEST(a_discarded_log_leaves_no_file),
        cmocka_unit_test(any_bytes_are_a_json_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
