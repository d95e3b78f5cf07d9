/* test_node_circle.c: which `then` of deployed functions lead back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/delivery/circle.h"
#include "node/functions/function.h"
#include "node/functions/registry.h"
#include "node/store/store.h"

#define MANY (MF_CIRCLE_FUNCTIONS_MAX + 50)

static struct registry registry;
static struct function all[MANY];
static struct version versions[MANY];
static uint32_t count;

static int open_registry(void **state)
{
    (void)state;
    registry_init(&registry);
    memset(all, 0, sizeof all);
    count = 0;
    return 0;
}

static void forget(struct function *function, void *context)
{
    registry_remove(context, function);
}

static int close_registry(void **state)
{
    (void)state;
    registry_each(&registry, forget, &registry);
    registry_close(&registry);
    for (uint32_t i = 0; i < count; i++)
        followers_close(&versions[i].settings.then);
    return 0;
}

/* then: names, with spaces between. */
static void deploy(const char *name, const char *then)
{
    struct function *function = &all[count];
    struct mf_why why = {{0}};
    char text[256], *rest = text;
    json_t *list = json_array();
    (void)snprintf(text, sizeof text, "%s", then);
    for (const char *each; (each = strtok_r(rest, " ", &rest)) != NULL;)
        (void)json_array_append_new(list, json_string(each));
    memset(&versions[count], 0, sizeof versions[count]);
    assert_int_equal(followers_from_json(list, &versions[count].settings.then, &why), MF_OK);
    json_decref(list);
    function->refs = 2; /* the test holds one */
    function->version = &versions[count++];
    link_init(&function->by_name);
    link_init(&function->in_order);
    (void)snprintf(function->name, sizeof function->name, "%s", name);
    registry_add(&registry, function);
}

static void what_leads_back_is_found(void **state)
{
    (void)state;
    deploy("a", "b log");
    deploy("b", "c gone");
    deploy("c", "x a");
    deploy("x", "y");
    deploy("y", "x log");
    deploy("log", "");
    deploy("self", "self");
    assert_true(circle_leads(&registry, "b", "a"));
    assert_true(circle_leads(&registry, "c", "b"));
    assert_true(circle_leads(&registry, "y", "x"));
    assert_true(circle_leads(&registry, "self", "self"));
    assert_false(circle_leads(&registry, "x", "a")); /* a circle, but another one */
    assert_false(circle_leads(&registry, "log", "a"));
    assert_false(circle_leads(&registry, "gone", "b"));
    all[2].version = NULL; /* being removed */
    assert_false(circle_leads(&registry, "b", "a"));
}

static void there_is_an_end_to_looking(void **state)
{
    char name[16], next[16];
    (void)state;
    for (unsigned i = 0; i + 1 < MANY; i++) {
        (void)snprintf(name, sizeof name, "f%u", i);
        (void)snprintf(next, sizeof next, "f%u", i + 1);
        deploy(name, next);
    }
    (void)snprintf(name, sizeof name, "f%u", MANY - 20);
    assert_false(circle_leads(&registry, name, "f0"));
    assert_true(circle_leads(&registry, "f1", "f0")); /* nobody knows: it may */
}

static void a_circle_locks_with_full_queues_only(void **state)
{
    (void)state;
    assert_false(circle_full(&(struct queue_stat){.count = 9}, 10));
    assert_true(circle_full(&(struct queue_stat){.count = 10}, 10));
    assert_true(circle_full(&(struct queue_stat){.count = 11}, 10));
    const uint64_t most = MF_QUEUE_BYTES_DEFAULT - MF_EVENT_BYTES_MAX;
    assert_false(circle_full(&(struct queue_stat){.count = 1, .bytes = most}, 10));
    assert_true(circle_full(&(struct queue_stat){.count = 1, .bytes = most + 1}, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_leads_back_is_found, open_registry, close_registry),
        cmocka_unit_test(a_circle_locks_with_full_queues_only),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_looking, open_registry, close_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
