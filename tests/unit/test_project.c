/* test_project.c: function.yml: what is taken, and the line of what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "image/project.h"
#include "image/yaml.h"

static void take(const char *yaml, const char *manifest)
{
    struct project project;
    struct mf_why why = {{0}};
    mf_err err = project_parse(yaml, strlen(yaml), &project, &why);
    if (err)
        fail_msg("%s: %s", yaml, mf_why_text(&why, err));
    assert_string_equal(project.manifest, manifest);
    project_close(&project);
}

static void refuse(const char *yaml, const char *sentence)
{
    struct project project;
    struct mf_why why = {{0}};
    mf_err err = project_parse(yaml, strlen(yaml), &project, &why);
    if (err != MF_EINVAL || !strstr(why.text, sentence))
        fail_msg("%s: %d \"%s\", expected \"%s\"", yaml, err, why.text, sentence);
    assert_null(project.manifest);
}

static void settings_become_the_manifest(void **state)
{
    (void)state;
    take("name: hello\nmemory_mib: 32\nenvironment:\n  B: b\n  A: \"1\"\n",
         "{\"environment\":{\"A\":\"1\",\"B\":\"b\"},\"memory_mib\":32,\"name\":\"hello\"}");
    take("", "{}");
    take("# only a comment\n", "{}");
    take("{sandbox: kvm}", "{\"sandbox\":\"kvm\"}");
    take("description: 'it''s'\n", "{\"description\":\"it's\"}");
    take("keep_alive: 10m\n", "{\"keep_alive\":\"10m\"}");
    take("keep_alive: hybrid\nidle_ms: 5\n", "{\"idle_ms\":5,\"keep_alive\":\"hybrid\"}");
    refuse("name: a\nkeep_alive: 60\n", "line 2: keep_alive: must be a string: none, hybrid, or a");
    refuse("keep_alive: 10m\nidle_ms: 5\n", "keep_alive: 10m, but idle_ms: 5; give one of them");
}

static void sources_and_flags_are_lists(void **state)
{
    (void)state;
    static const char yaml[] = "name: a\nsources: [a.c, sub/b.c]\ncflags:\n  - -O3\n";
    struct project project;
    assert_int_equal(project_parse(yaml, strlen(yaml), &project, NULL), MF_OK);
    assert_string_equal(project.name, "a");
    assert_string_equal(project.source[0], "a.c");
    assert_string_equal(project.source[1], "sub/b.c");
    assert_null(project.source[2]);
    assert_string_equal(project.cflag[0], "-O3");
    assert_null(project.cflag[1]);
    assert_string_equal(project.manifest, "{\"name\":\"a\"}");
    project_close(&project);
    refuse("sources: a.c\n", "line 1: sources: must be a list of at most 256");
    refuse("name: a\n\nsources: [a.c, 5]\n", "line 3: sources: entry 2 is not text");
    refuse("cflags: ['']\n", "line 1: cflags: entry 1 is not text");
}

static void lists_are_bounded(void **state)
{
    (void)state;
    struct mf_buf yaml = {0};
    struct project project;
    assert_int_equal(mf_buf_printf(&yaml, "sources:\n"), MF_OK);
    for (unsigned i = 0; i < MF_PROJECT_SOURCES_MAX; i++)
        assert_int_equal(mf_buf_printf(&yaml, "- a.c\n"), MF_OK);
    assert_int_equal(project_parse((char *)yaml.data, yaml.bytes, &project, NULL), MF_OK);
    project_close(&project);
    assert_int_equal(mf_buf_printf(&yaml, "- a.c\n"), MF_OK);
    assert_int_equal(project_parse((char *)yaml.data, yaml.bytes, &project, NULL), MF_EINVAL);
    mf_buf_close(&yaml);
}

static void a_project_says_what_builds_it(void **state)
{
    (void)state;
    struct project project;
    assert_int_equal(project_parse("name: a\n", 8, &project, NULL), MF_OK);
    assert_int_equal(project.build, PROJECT_C);
    project_close(&project);
    assert_int_equal(project_parse("build: go\n", 10, &project, NULL), MF_OK);
    assert_int_equal(project.build, PROJECT_GO);
    assert_string_equal(project.manifest, "{}");
    project_close(&project);
    refuse("name: a\nbuild: rust\n", "line 2: build: c or go");
    refuse("build: [go]\n", "line 1: build: c or go");
}

static void keys_that_belong_together_come_in_any_order(void **state)
{
    (void)state;
    static const char yaml[] = "args: [-v]\nwarm_up: /x\ncontract: http\noverload: offload\n"
                               "offload_url: http://h/async-function/f\n";
    struct project project;
    assert_int_equal(project_parse(yaml, strlen(yaml), &project, NULL), MF_OK);
    project_close(&project);
    refuse("warm_up: /x\n", "warm_up: only with contract");
}

static void refusals_name_the_line(void **state)
{
    (void)state;
    refuse("name: hello\nmemory: 32\n", "line 2: \"memory\" is not a setting");
    refuse("name: hello\n\n\nmemory_mib: 3\n", "line 4: memory_mib: 3; 8 to 2048 are allowed");
    refuse("memory_mib: 3x2\n", "line 1: memory_mib: must be a whole number");
    refuse("memory_mib: 0x10\n", "line 1: memory_mib: must be a whole number");
    refuse("memory_mib: '32'\n", "line 1: memory_mib: must be a whole number");
    refuse("environment: {sandbox: x}\nsandbox: vm\n", "line 2: sandbox: \"vm\"");
    refuse("environment:\n  sandbox: x\nsandbox: vm\n", "line 3: sandbox: \"vm\"");
    refuse("environment: {A: 1}\n", "line 1: environment: A: must be a string; put it in quotes");
    refuse("name:\n", "line 1: name: must be a string");
    refuse("[a]\n", "line 1: function.yml is a mapping");
    refuse("text", "line 1: function.yml is a mapping");
}

static void yaml_is_strict(void **state)
{
    (void)state;
    refuse("name: a\nname: b\n", "line 2: a key that stands there twice");
    refuse("name: &x a\n", "line 1: anchors, aliases and tags");
    refuse("name: a\ndescription: *x\n", "line 2: anchors, aliases and tags");
    refuse("name: !!str a\n", "line 1: anchors, aliases and tags");
    refuse("sources: !x [a]\n", "line 1: anchors, aliases and tags");
    refuse("? [a]\n: b\n", "line 1: a key must be plain text");
    refuse("name: a\n---\nname: b\n", "line 2: a second document");
    refuse("name: \"a\\0b\"\n", "line 1: a NUL character");
    refuse("\"a\\0b\": c\n", "line 1: a NUL character");
    refuse("name: \"a\n", "line 2: found unexpected end of stream");
    refuse("name: \x01\n", "control characters are not allowed");
    refuse("name: \xff\n", "invalid leading UTF-8 octet");
}

static void yaml_depth_and_size_are_bounded(void **state)
{
    (void)state;
    char yaml[64];
    json_t *value;
    memset(yaml, '[', sizeof yaml);
    memset(yaml + MF_YAML_DEPTH_MAX + 1, ']', MF_YAML_DEPTH_MAX + 1);
    assert_int_equal(yaml_to_json(yaml, 2 * (MF_YAML_DEPTH_MAX + 1), &value, NULL), MF_OK);
    json_decref(value);
    memset(yaml, '[', sizeof yaml);
    memset(yaml + MF_YAML_DEPTH_MAX + 2, ']', MF_YAML_DEPTH_MAX + 2);
    assert_int_equal(yaml_to_json(yaml, 2 * (MF_YAML_DEPTH_MAX + 2), &value, NULL), MF_EINVAL);
    assert_null(value);
    char *many = calloc(1, 3 * MF_YAML_NODES_MAX + 8);
    size_t bytes = 0;
    many[bytes++] = '[';
    for (unsigned i = 0; i < MF_YAML_NODES_MAX; i++, bytes += 2)
        memcpy(many + bytes, "a,", 2);
    many[bytes++] = ']';
    assert_int_equal(yaml_to_json(many, bytes, &value, NULL), MF_EINVAL);
    memcpy(many + 1, "  ", 2); /* one less: with the list itself exactly the limit */
    assert_int_equal(yaml_to_json(many, bytes, &value, NULL), MF_OK);
    json_decref(value);
    struct project project;
    assert_int_equal(project_parse(many, MF_PROJECT_FILE_BYTES_MAX + 1, &project, NULL), MF_ETOOBIG);
    free(many);
}

static void plain_scalars_have_types(void **state)
{
    (void)state;
    static const char yaml[] = "[~, null, true, False, 12, -3, +4, 1.5, 99999999999999999999, no, '5']";
    json_t *value;
    assert_int_equal(yaml_to_json(yaml, strlen(yaml), &value, NULL), MF_OK);
    char *json = json_dumps(value, JSON_COMPACT);
    assert_string_equal(
        json, "[null,null,true,false,12,-3,4,\"1.5\",\"99999999999999999999\",\"no\",\"5\"]");
    free(json);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_become_the_manifest),
        cmocka_unit_test(sources_and_flags_are_lists),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(a_project_says_what_builds_it),
        cmocka_unit_test(keys_that_belong_together_come_in_any_order),
        cmocka_unit_test(refusals_name_the_line),
        cmocka_unit_test(yaml_is_strict),
        cmocka_unit_test(yaml_depth_and_size_are_bounded),
        cmocka_unit_test(plain_scalars_have_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
