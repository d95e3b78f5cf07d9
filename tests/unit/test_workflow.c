/* test_workflow.c: mayfly.yml: what is taken, and each refusal with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/settings.h"
#include "image/workflow.h"
#include "image/yaml.h"

#define HEAD "workflow: w\nfunctions:\n" /* two lines */

static struct workflow taken;

static void take(const char *yaml)
{
    struct mf_why why = {{0}};
    unsigned line;
    workflow_close(&taken);
    mf_err err = workflow_parse(yaml, strlen(yaml), &taken, &line, &why);
    if (err)
        fail_msg("%s: line %u: %s", yaml, line, mf_why_text(&why, err));
}

static void refuse(const char *yaml, unsigned expected, const char *sentence)
{
    struct mf_why why = {{0}};
    struct workflow workflow;
    unsigned line;
    mf_err err = workflow_parse(yaml, strlen(yaml), &workflow, &line, &why);
    assert_null(workflow.function);
    if (err != MF_EINVAL || line != expected || !strstr(why.text, sentence))
        fail_msg("%s: %d, line %u: \"%s\"; expected line %u \"%s\"", yaml, err, line, why.text, expected,
                 sentence);
}

static const char *text_of(size_t function, const char *key)
{
    return json_string_value(json_object_get(taken.function[function].settings, key));
}

static json_int_t number_of(size_t function, const char *key)
{
    return json_integer_value(json_object_get(taken.function[function].settings, key));
}

static int teardown(void **state)
{
    (void)state;
    workflow_close(&taken);
    return 0;
}

static void a_workflow_is_taken(void **state)
{
    (void)state;
    take("# of the house\n"
         "workflow: co2\n"
         "defaults:\n"
         "  isolation: reuse\n"
         "  memory_mib: 16\n"
         "functions:\n"
         "  threshold:\n"
         "    source: ./threshold\n"
         "    triggers: [{mqtt: device/+/readings}]\n"
         "    then: [alert, logger]\n"
         "    environment: {LIMIT: '1000'}\n"
         "  alert: {image: alert.mf, memory_mib: 32}\n"
         "  logger:\n"
         "    image: logger.mf\n"
         "    next: alert\n"
         "  by-hand: {image: x.mf, http: true, then: []}\n");
    assert_string_equal(taken.name, "co2");
    assert_int_equal(taken.count, 4);
    assert_string_equal(taken.function[0].name, "threshold");
    assert_string_equal(taken.function[0].source, "./threshold");
    assert_null(taken.function[0].image);
    assert_false(taken.function[0].http);
    assert_string_equal(text_of(0, "isolation"), "reuse");
    assert_int_equal(number_of(0, "memory_mib"), 16);
    assert_int_equal(json_array_size(json_object_get(taken.function[0].settings, "then")), 2);
    assert_string_equal(taken.function[1].image, "alert.mf");
    assert_int_equal(number_of(1, "memory_mib"), 32);
    assert_null(json_object_get(taken.function[1].settings, "image"));
    assert_true(taken.function[3].http);
    assert_null(json_object_get(taken.function[3].settings, "http"));
}

static void lines_of_functions_and_keys(void **state)
{
    (void)state;
    static const char yaml[] = HEAD "  a:\n    image: a.mf\n    http: true\n  b: {image: b.mf, http: true}\n";
    assert_int_equal(workflow_line(yaml, strlen(yaml), "a", NULL), 3);
    assert_int_equal(workflow_line(yaml, strlen(yaml), "a", "image"), 4);
    assert_int_equal(workflow_line(yaml, strlen(yaml), "b", "http"), 6);
    assert_int_equal(workflow_line(yaml, strlen(yaml), "b", "source"), 0);
    assert_int_equal(workflow_line(yaml, strlen(yaml), "c", NULL), 0);
}

static unsigned line_of(const char *yaml, const char *a, const char *b, const char *c)
{
    const char *const path[] = {a, b, c, NULL};
    return yaml_line_of(yaml, strlen(yaml), path);
}

static void lines_of_paths(void **state)
{
    (void)state;
    static const char yaml[] = "a:\n- x\n- b: 1\n  c:\n    - 2\n-\n  - y\nb:\n  a: {c: 3,\n   d: 4}\n[z]: 1\ne: 5\n";
    assert_int_equal(line_of(yaml, "a", NULL, NULL), 1);
    assert_int_equal(line_of(yaml, "a", "0", NULL), 2);
    assert_int_equal(line_of(yaml, "a", "1", "c"), 4);
    assert_int_equal(line_of(yaml, "a", "2", "0"), 7);
    assert_int_equal(line_of(yaml, "a", "2", "1"), 0);
    assert_int_equal(line_of(yaml, "a", "3", NULL), 0);
    assert_int_equal(line_of(yaml, "b", "a", "d"), 10);
    assert_int_equal(line_of(yaml, "b", "c", NULL), 0);
    assert_int_equal(line_of(yaml, "c", NULL, NULL), 0); /* further inside only */
    assert_int_equal(line_of(yaml, "e", NULL, NULL), 12);
    assert_int_equal(line_of(yaml, "e", "f", NULL), 0);
    assert_int_equal(line_of("x", "x", NULL, NULL), 0);
    assert_int_equal(line_of("", "x", NULL, NULL), 0);
}

static void the_document_is_checked(void **state)
{
    (void)state;
    refuse("workflow: w\nfunctions: {a: [\n", 3, "");
    refuse("- a\n", 1, "is a mapping");
    refuse("", 1, "workflow: missing");
    refuse("functions: {a: {image: x, http: true}}\n", 1, "workflow: missing");
    refuse("\nworkflow: Big\n", 2, "workflow: not a name");
    refuse("\nworkflow: 7\n", 2, "workflow: not a name");
    refuse("workflow: w\n", 1, "functions: missing");
    refuse("workflow: w\nfunctions: []\n", 2, "functions: missing");
    refuse("workflow: w\nfunctions: {}\n", 2, "functions: missing");
    refuse("workflow: w\n\nfunction: {}\n", 3, "\"function\" does not belong here");
    refuse("workflow: w\n\"a\\eb\": {}\n", 2, "\"(not printable)\"");
    refuse("workflow: w\nworkflow: v\n", 2, "stands there twice");
    refuse("workflow: w\nfunctions: *a\n", 2, "anchors, aliases");
    refuse("workflow: w\nfunctions:\n  a:\tb\n: c", 4, "");
}

static void defaults_are_checked(void **state)
{
    (void)state;
    refuse("workflow: w\ndefaults: [a]\n", 2, "defaults: must be a mapping");
    refuse("workflow: w\ndefaults:\n  isolation: reset\n  then: [a]\n", 4,
           "defaults: then does not belong to all functions");
    refuse("workflow: w\ndefaults:\n  memory_mib: 16\n  memory: 3\nfunctions:\n  a: {image: x, http: true}\n", 4,
           "\"memory\" is not a setting");
    refuse("workflow: w\ndefaults:\n  memory_mib: 1\nfunctions:\n  a: {image: x, http: true}\n", 3,
           "memory_mib: 1;");
    take("workflow: w\ntenant: shop\nfunctions:\n  a: {image: x, http: true}\n");
    assert_string_equal(text_of(0, "tenant"), "shop");
    refuse("workflow: w\ntenant: Shop\nfunctions:\n  a: {image: x, http: true}\n", 2, "tenant: ");
    take("workflow: w\ndefaults:\n  memory_mib: 1\nfunctions:\n  a: {image: x, http: true, memory_mib: 9}\n");
}

static void functions_are_checked(void **state)
{
    (void)state;
    refuse(HEAD "  a: {image: x, http: true}\n  a: {image: y}\n", 4, "twice");
    refuse(HEAD "  A: {image: x}\n", 3, "not a function's name");
    refuse(HEAD "  a: x.mf\n", 3, "a function is a mapping");
    refuse(HEAD "  a:\n    http: true\n", 3, "one of image: and source:");
    refuse(HEAD "  a:\n    image: x\n    source: y\n", 3, "and not both");
    refuse(HEAD "  a:\n    image: 7\n", 4, "image: a path belongs here");
    refuse(HEAD "  a:\n    source: ''\n", 4, "source: a path belongs here");
    refuse(HEAD "  a:\n    image: x\n    http: yes\n", 5, "http: true or false");
    refuse(HEAD "  a:\n    image: x\n    name: b\n", 5, "name: the key above it");
    refuse(HEAD "  a:\n    image: x\n    tenant: b\n", 5, "tenant: stands at the top");
    refuse(HEAD "  a:\n    image: x\n    http: true\n    colour: red\n", 6, "\"colour\" is not a setting");
    refuse(HEAD "  a:\n    image: x\n    http: true\n    timeout_ms: 0\n", 6, "timeout_ms: 0;");
    refuse(HEAD "  a:\n    image: x\n    triggers:\n    - mqtt: a/#/b\n", 5, "triggers");
    refuse(HEAD "  a:\n    image: x\n    environment:\n      B: 1\n", 5, "environment: B");
    refuse(HEAD "  a:\n    image: x\n    idle_ms: 5\n    keep_alive: 60s\n", 6, "give one of them");
}

static void what_follows_is_checked(void **state)
{
    (void)state;
    refuse(HEAD "  a:\n    image: x\n    http: true\n    then:\n    - b\n    - c\n  b: {image: x}\n", 8,
           "then: no function of this workflow is called c");
    refuse(HEAD "  a:\n    image: x\n    http: true\n    next: b\n", 6,
           "next: no function of this workflow is called b");
    refuse(HEAD "  a: {image: x, http: true,\n    then: [b,\n  b]}\n  b: {image: x}\n", 4, "then: b stands there twice");
    refuse(HEAD "  a: {image: x, http: true, then: [a]}\n", 3, "then: a circle, a → a");
    refuse(HEAD "  a: {image: x, http: true, then: [b]}\n  b: {image: x, then: [c]}\n"
                "  c:\n    image: x\n    then: [d, b]\n  d: {image: x}\n", 7, "then: a circle, b → c → b");
    /* a circle that nothing leads to */
    refuse(HEAD "  a: {image: x, http: true}\n  b: {image: x, then: [c]}\n  c: {image: x, then: [b]}\n", 5,
           "then: a circle, b → c → b");
    refuse(HEAD "  a: {image: x, http: true}\n  b: {image: x}\n  c: {image: x, then: [b]}\n", 4,
           "b: nothing leads to it");
    refuse(HEAD "  a: {image: x, http: false}\n", 3, "a: nothing leads to it");
    refuse(HEAD "  a: {image: x, triggers: []}\n", 3, "a: nothing leads to it");
    /* two ways to the same function are no circle */
    take(HEAD "  a: {image: x, http: true, then: [b, c]}\n  b: {image: x, then: [d]}\n"
              "  c: {image: x, then: [d]}\n  d: {image: x}\n");
}

static void circle(const char *yaml, const char *sentence)
{
    struct mf_why why = {{0}};
    size_t at = 99;
    take(yaml);
    assert_int_equal(workflow_has_circle(&taken, &at, &why), sentence != NULL);
    if (sentence && !strstr(why.text, sentence))
        fail_msg("%s: \"%s\"; expected \"%s\"", yaml, why.text, sentence);
    assert_true(!sentence || at < taken.count);
}

static void circles_by_what_triggers_are_told_of(void **state)
{
    (void)state;
    circle(HEAD "  a: {image: x, triggers: [{queue: q}], allow: {push: [q]}}\n", "a circle, a → a; ");
    circle(HEAD "  a: {image: x, triggers: [{queue: q}], then: [b]}\n  b: {image: x, allow: {push: [p, q]}}\n",
           "a circle, a → b → a; ");
    circle(HEAD "  a: {image: x, triggers: [{key: door/}], allow: {write: [door/1]}}\n", "a → a");
    circle(HEAD "  a: {image: x, triggers: [{key: door/1}], allow: {write: [door/]}}\n", "a → a");
    circle(HEAD "  c: {image: x, triggers: [{queue: q}]}\n  a: {image: x, triggers: [{queue: p}], allow: {push: [q]}}\n"
                "  b: {image: x, triggers: [{queue: q}], allow: {push: [p]}}\n", "a circle, a → b → a; ");
    circle(HEAD "  a: {image: x, triggers: [{mqtt: lights/#}], allow: {publish: [lights/+/bulb]}}\n", "a → a");
    circle(HEAD "  a: {image: x, triggers: [{mqtt: $share/g/a/b}], then: [b]}\n  b: {image: x, allow: {publish: [a/+]}}\n",
           "a → b → a");
    circle(HEAD "  a: {image: x, triggers: [{mqtt: lights/+/motion}], allow: {publish: [lights/+/bulb]}}\n", NULL);
    circle(HEAD "  a: {image: x, triggers: [{mqtt: a/b}], allow: {publish: ['#']}}\n", NULL);
    circle(HEAD "  a: {image: x, triggers: [{queue: q}], allow: {push: [p], write: [q], pop: [q]}}\n", NULL);
    circle(HEAD "  a: {image: x, triggers: [{queue: q}], allow: {push: ['*']}}\n", NULL);
    circle(HEAD "  a: {image: x, triggers: [{key: door/}], allow: {write: [window/], read: [door/]}}\n", NULL);
    circle(HEAD "  a: {image: x, http: true, then: [b, c]}\n  b: {image: x, then: [d]}\n"
                "  c: {image: x, then: [d]}\n  d: {image: x}\n", NULL);
}

static void what_the_node_says_has_a_line(void **state)
{
    static const char yaml[] = HEAD "  a:\n    image: x\n    triggers:\n    - every: 1s\n    - cron: '* * * * *'\n"
                                    "      timezone: Mars/X\n  b: {image: x, http: true}\n";
    static const struct {
        const char *sentence;
        unsigned line;
    } said[] = {
        {"a: triggers: entry 2: timezone: no time zone Mars/X", 7}, {"a: triggers: entry 1: x", 6},
        {"a: triggers: entry 9: x", 5}, {"a: triggers: something", 5}, {"a: memory_mib: too much", 3},
        {"b: http: x", 9}, {"c: triggers: x", 0}, {"a: nonsense", 0}, {"a", 0}, {"", 0},
        {"a: triggers: entry 99999999999999999999: x", 5},
    };
    (void)state;
    take(yaml);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (workflow_line_said(yaml, strlen(yaml), &taken, said[i].sentence) != said[i].line)
            fail_msg("%s: line %u", said[i].sentence,
                     workflow_line_said(yaml, strlen(yaml), &taken, said[i].sentence));
}

static void bounds(void **state)
{
    (void)state;
    size_t room = MF_WORKFLOW_FILE_BYTES_MAX + 2, bytes;
    char *yaml = malloc(room);
    struct workflow workflow;
    unsigned line;
    for (unsigned count = MF_WORKFLOW_FUNCTIONS_MAX; count <= MF_WORKFLOW_FUNCTIONS_MAX + 1; count++) {
        bytes = (size_t)snprintf(yaml, room, HEAD);
        for (unsigned i = 0; i < count; i++) /* a chain of all of them */
            bytes += (size_t)snprintf(yaml + bytes, room - bytes, "  f%u: {image: x, http: true, then: [%s%.0u]}\n",
                                      i, i + 1 < count ? "f" : "", i + 1 < count ? i + 1 : 0);
        if (count == MF_WORKFLOW_FUNCTIONS_MAX)
            take(yaml);
        else
            refuse(yaml, 2, "128 are allowed");
    }
    bytes = (size_t)snprintf(yaml, room, HEAD "  a: {image: x, http: true}\n#");
    memset(yaml + bytes, 'x', room - bytes);
    assert_int_equal(workflow_parse(yaml, MF_WORKFLOW_FILE_BYTES_MAX, &workflow, &line, NULL), MF_OK);
    workflow_close(&workflow);
    assert_int_equal(workflow_parse(yaml, MF_WORKFLOW_FILE_BYTES_MAX + 1, &workflow, &line, NULL),
                     MF_ETOOBIG);
    free(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workflow_is_taken),
        cmocka_unit_test(lines_of_functions_and_keys),
        cmocka_unit_test(lines_of_paths),
        cmocka_unit_test(the_document_is_checked),
        cmocka_unit_test(defaults_are_checked),
        cmocka_unit_test(functions_are_checked),
        cmocka_unit_test(what_follows_is_checked),
        cmocka_unit_test(circles_by_what_triggers_are_told_of),
        cmocka_unit_test(what_the_node_says_has_a_line),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
