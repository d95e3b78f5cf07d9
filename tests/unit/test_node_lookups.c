/* test_node_lookups.c: what look-ups of programs may take of the node: threads, and places in the queue for them. */
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "stream_world.h"

static pthread_mutex_t resolver = PTHREAD_MUTEX_INITIALIZER; /* held: it hangs */

/* In the place of the machine's: it knows no name. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)list;
    (void)pthread_mutex_lock(&resolver);
    (void)pthread_mutex_unlock(&resolver);
    return EAI_NONAME;
}

static void asks_for_names(struct peer *at, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        writes(at, (struct mf_desc){.id = i + 1, .type = MF_MSG_NAME, .arg = 4, .data_bytes = 6}, "a.test");
    guest_rings(at);
}

/* Let the resolver answer; until nothing is under way. */
static void resolver_answers(void)
{
    (void)pthread_mutex_unlock(&resolver);
    while (function->lookups + function->lookups_waiting > 0)
        if (!inbox_take(&node->loop.inbox))
            (void)usleep(1000);
}

static void a_function_has_its_share_of_look_ups_and_waits_for_more(void **state)
{
    (void)state;
    struct mf_desc desc;
    const unsigned most = MF_FUNCTION_LOOKUPS_MAX + MF_FUNCTION_LOOKUPS_WAIT;
    deploy(ISOLATION_REUSE, "", "a.test:80");
    (void)submit();
    (void)guest_gets(&peer[0], MF_MSG_INVOKE);
    (void)pthread_mutex_lock(&resolver);
    asks_for_names(&peer[0], most + 1);
    assert_int_equal(function->lookups, MF_FUNCTION_LOOKUPS_MAX);
    assert_int_equal(function->lookups_waiting, MF_FUNCTION_LOOKUPS_WAIT);
    desc = gets(&peer[0], MF_MSG_NAMED);
    assert_int_equal(desc.arg, MF_NAME_FAILED);
    gets_none(&peer[0]);
    resolver_answers();
    for (unsigned i = 0; i < most; i++)
        assert_int_equal(gets(&peer[0], MF_MSG_NAMED).arg, MF_NAME_NONE);
    gets_none(&peer[0]);
}

static void look_ups_of_the_dead_count_until_they_end(void **state)
{
    (void)state;
    deploy(ISOLATION_REUSE, "", "a.test:80");
    (void)submit();
    (void)guest_gets(&peer[0], MF_MSG_INVOKE);
    (void)pthread_mutex_lock(&resolver);
    asks_for_names(&peer[0], MF_FUNCTION_LOOKUPS_MAX + 1);
    says(&peer[0], MF_MSG_CLOSE, 7, 0); /* which it may not */
    assert_true(peer[0].killed);
    assert_int_equal(function->lookups, MF_FUNCTION_LOOKUPS_MAX);
    assert_int_equal(function->lookups_waiting, 0);
    resolver_answers();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(a_function_has_its_share_of_look_ups_and_waits_for_more),
        STREAM_TEST(look_ups_of_the_dead_count_until_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
