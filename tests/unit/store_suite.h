/*
 * store_suite.h: the conformance suite's frame: the tests of one program run against memory, LMDB and
 * a real Redis, each with an empty store, or against the one that the command line names.
 */
#ifndef MF_TESTS_STORE_SUITE_H
#define MF_TESTS_STORE_SUITE_H

#include <stdbool.h>

#include "store_rig.h"

extern struct rig rig; /* the test's store */

bool store_is_redis(void);

int store_begin(void **state);
int store_end(void **state);
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_begin, store_end)
struct CMUnitTest;
int store_suite(int argc, char **argv, const struct CMUnitTest *tests, size_t count);

#define OK(...) assert_int_equal(RIG(&rig, (__VA_ARGS__)), MF_OK)
#define IS(err, ...) assert_int_equal(RIG(&rig, (__VA_ARGS__)), (err))
#define ASK rig_ask(&rig)

/* What is not as it says fails the test. */
void store_has_text(struct store_bytes bytes, const char *text);
void store_takes(struct queue *queue, const char *text, uint32_t attempts);
void store_takes_nothing(struct queue *queue);
void store_has_stat(struct queue *queue, uint64_t count, uint64_t bytes, uint64_t dead_count,
                    uint64_t dead_bytes);

#endif
