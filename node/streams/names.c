/*
 * names.c: see names.h.
 * Guarantees: a resolver that hangs holds nobody up but those who asked it, at most
 * MF_STREAM_LOOKUPS_MAX, of which MF_FUNCTION_LOOKUPS_MAX are one function's; each NAME is answered
 * once, unless its instance is gone.
 * Owns look-ups under way, until their thread has ended, and what was found.
 */
#include "node/streams/names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/egress/allowed.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/pool/pool.h"
#include "node/streams/stream.h"
#include "node/streams/streams.h"

#define STACK_BYTES (256u << 10)

/* What threads and loop share; outlives the node, if a thread does. */
struct resolving {
    pthread_mutex_t lock;
    struct inbox *inbox; /* NULL: the loop is gone            */
    uint32_t running;    /* threads; the last one frees it then */
};

struct lookup {
    struct post post;
    struct link link;        /* of streams->lookups              */
    struct link turn;        /* of streaming->lookups, or of those that wait */
    bool begun;
    struct streams *streams; /* NULL: nobody waits               */
    struct function *function;
    struct resolving *resolving;
    struct streaming *streaming;
    uint64_t id;
    int family;
    char name[MF_NAME_LOOKUP_BYTES_MAX + 1];
    enum mf_name how;
    uint32_t count;
    uint8_t address[MF_NAME_ADDRESSES_MAX][16];
};

struct found {
    uint8_t address[16];
    char *name;
};

struct function_names {
    struct found found[MF_STREAM_NAMES_MAX];
    uint32_t next; /* the oldest, once all are taken */
};

static void arrived(struct post *post);

mf_err name_decode(const uint8_t *data, uint32_t bytes, char name[MF_NAME_LOOKUP_BYTES_MAX + 1])
{
    struct host host;
    if (bytes == 0 || bytes > MF_NAME_LOOKUP_BYTES_MAX)
        return MF_EINVAL;
    mf_err err = host_parse((const char *)data, bytes, &host);
    if (err || host.kind != HOST_NAME)
        return MF_EINVAL;
    memcpy(name, host.text, strlen(host.text) + 1);
    return MF_OK;
}

static void say(struct instance *instance, uint64_t id, enum mf_name how, const void *addresses,
                uint32_t count)
{
    const struct mf_desc desc = {
        .id = id, .type = MF_MSG_NAMED, .data_bytes = 16 * count, .arg = how};
    mf_err err = channel_stream_put(&instance->blank.channel, &desc, addresses);
    if (err) /* as an answer that is lost on its way: it asks again */
        return;
    instance->bell_due = true;
    pool_wake(instance);
}

/* Does a route lead there? Programs try IPv6 first, and wait, where there is none. */
static bool has_route(const struct addrinfo *to)
{
    int probe = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = probe >= 0 && connect(probe, to->ai_addr, to->ai_addrlen) == 0;
    if (probe >= 0)
        (void)close(probe);
    return has;
}

/* In the look-up's thread. Of both families: a name that has addresses of one is a name, whatever
 * was asked for; resolvers take the word that there is none for both. */
static void look_up(struct lookup *lookup)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(lookup->name, NULL, &hints, &list);
    lookup->how = !error                  ? MF_NAME_FOUND
                  : error == EAI_NONAME || error == EAI_NODATA ? MF_NAME_NONE
                                                               : MF_NAME_FAILED;
    for (const struct addrinfo *at = error ? NULL : list;
         at && lookup->count < MF_NAME_ADDRESSES_MAX; at = at->ai_next) {
        if (at->ai_family != lookup->family || (at->ai_family == AF_INET6 && !has_route(at)))
            continue;
        struct sockaddr_storage address = {0};
        struct mf_stream_address encoded;
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        stream_address_encode(&address, &encoded);
        memcpy(lookup->address[lookup->count++], encoded.address, sizeof encoded.address);
    }
    if (list)
        freeaddrinfo(list);
}

static void *run(void *context)
{
    struct lookup *lookup = context;
    struct resolving *resolving = lookup->resolving;
    look_up(lookup);
    (void)pthread_mutex_lock(&resolving->lock);
    bool last = --resolving->running == 0 && !resolving->inbox;
    if (resolving->inbox)
        inbox_post(resolving->inbox, &lookup->post, arrived);
    else
        free(lookup);
    (void)pthread_mutex_unlock(&resolving->lock);
    if (last)
        free(resolving);
    return NULL;
}

static bool begin_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool begun = pthread_attr_init(&attributes) == 0;
    if (!begun)
        return false;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    struct resolving *resolving = lookup->resolving;
    (void)pthread_mutex_lock(&resolving->lock);
    begun = pthread_create(&thread, &attributes, run, lookup) == 0;
    if (begun)
        resolving->running++;
    (void)pthread_mutex_unlock(&resolving->lock);
    (void)pthread_attr_destroy(&attributes);
    return begun;
}

static struct resolving *resolving_of(struct streaming *streaming)
{
    if (streaming->resolving)
        return streaming->resolving;
    struct resolving *made = calloc(1, sizeof *made);
    if (!made || pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return NULL;
    }
    made->inbox = &streaming->node->loop.inbox;
    return streaming->resolving = made;
}

static bool may_look_up(const struct instance *instance, const char *name)
{
    const char *entries[MF_ALLOW_COUNT_MAX];
    const struct egress_rule rule = {
        .entries = entries, .count = allow_list(&instance->version->settings.allow, ALLOW_HTTP, entries)};
    struct host host = {.kind = HOST_NAME};
    memcpy(host.text, name, strlen(name) + 1);
    if (egress_permits_host(&rule, &host))
        return true;
    instance->pool->node->streaming.denied++;
    if (function_log_may(instance->function->log))
        function_log_node(instance->function->log, MF_LOG_WARN, instance->blank.id,
                      "a look-up of the name %s is denied: the function's settings (allow: http: "
                      "HOST:PORT) do not name it", name);
    return false;
}

/* Its thread runs. False: there is none to be had. */
static bool begin(struct lookup *lookup)
{
    if (!begin_thread(lookup))
        return false;
    lookup->begun = true;
    lookup->function->lookups++;
    lookup->streaming->lookup_count++;
    list_append(&lookup->streaming->lookups, &lookup->turn);
    return true;
}

/* Out of every list but its instance's; what it counted for is free. */
static void let_go(struct lookup *lookup)
{
    if (!lookup->function)
        return;
    list_remove(&lookup->turn);
    if (lookup->begun) {
        lookup->function->lookups--;
        lookup->streaming->lookup_count--;
    } else {
        lookup->function->lookups_waiting--;
    }
    function_put(lookup->function);
    lookup->function = NULL;
}

static bool has_turn(const struct streaming *streaming, const struct function *function)
{
    return streaming->lookup_count < MF_STREAM_LOOKUPS_MAX && function->lookups < MF_FUNCTION_LOOKUPS_MAX;
}

static void begin_waiting(struct streaming *streaming)
{
    if (!streaming->resolving) /* the node closes */
        return;
    list_each_safe(at, &streaming->lookups_waiting) {
        struct lookup *lookup = list_of(at, struct lookup, turn);
        if (!has_turn(streaming, lookup->function))
            continue;
        list_remove(&lookup->turn);
        lookup->function->lookups_waiting--;
        if (begin(lookup))
            continue;
        say(lookup->streams->instance, lookup->id, MF_NAME_FAILED, NULL, 0);
        list_remove(&lookup->link);
        function_put(lookup->function);
        free(lookup);
    }
}

/* At once, or when it is its turn. False: neither. */
static bool begin_or_wait(struct lookup *lookup)
{
    struct function *function = lookup->function;
    if (has_turn(lookup->streaming, function))
        return begin(lookup);
    if (function->lookups_waiting == MF_FUNCTION_LOOKUPS_WAIT)
        return false;
    function->lookups_waiting++;
    list_append(&lookup->streaming->lookups_waiting, &lookup->turn);
    return true;
}

mf_err names_asked(struct instance *instance, const struct channel_message *message,
                   struct mf_why *why)
{
    struct streaming *streaming = &instance->pool->node->streaming;
    uint8_t copy[MF_NAME_LOOKUP_BYTES_MAX];
    char name[MF_NAME_LOOKUP_BYTES_MAX + 1];
    if (message->arg != 4 && message->arg != 6)
        return mf_why(why, MF_EPROTO, "NAME for addresses of version %llu",
                      (unsigned long long)message->arg);
    memcpy(copy, message->data, message->data_bytes);
    if (name_decode(copy, message->data_bytes, name) || !may_look_up(instance, name)) {
        say(instance, message->id, MF_NAME_NONE, NULL, 0);
        return MF_OK;
    }
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup) {
        lookup->id = message->id;
        lookup->family = message->arg == 4 ? AF_INET : AF_INET6;
        memcpy(lookup->name, name, sizeof name);
        lookup->streaming = streaming;
        lookup->resolving = resolving_of(streaming);
        lookup->function = instance->function;
        link_init(&lookup->link);
        link_init(&lookup->turn);
    }
    if (!lookup || !lookup->resolving || !begin_or_wait(lookup)) {
        free(lookup);
        say(instance, message->id, MF_NAME_FAILED, NULL, 0);
        return MF_OK;
    }
    lookup->streams = instance->streams;
    (void)function_get(lookup->function);
    list_append(&instance->streams->lookups, &lookup->link);
    return MF_OK;
}

static void remember(struct function *function, const char *name, const uint8_t address[16])
{
    const char *known = NULL;
    while ((known = names_of(function, address, known)) != NULL)
        if (strcmp(known, name) == 0)
            return;
    if (!function->names)
        function->names = calloc(1, sizeof *function->names);
    char *copy = function->names ? strdup(name) : NULL;
    if (!copy) /* then a connection to it is denied */
        return;
    struct found *found = &function->names->found[function->names->next];
    function->names->next = (function->names->next + 1) % MF_STREAM_NAMES_MAX;
    free(found->name);
    found->name = copy;
    memcpy(found->address, address, sizeof found->address);
}

static void arrived(struct post *post)
{
    struct lookup *lookup = (struct lookup *)(void *)post;
    struct streams *streams = lookup->streams;
    list_remove(&lookup->link);
    if (streams) {
        for (uint32_t i = 0; i < lookup->count && lookup->how == MF_NAME_FOUND; i++)
            remember(lookup->function, lookup->name, lookup->address[i]);
        say(streams->instance, lookup->id, lookup->how, lookup->address, lookup->count);
    }
    struct streaming *streaming = lookup->streaming;
    let_go(lookup);
    free(lookup);
    begin_waiting(streaming);
}

const char *names_of(const struct function *function, const uint8_t address[16],
                     const char *after)
{
    bool passed = after == NULL;
    for (uint32_t i = 0; function->names && i < MF_STREAM_NAMES_MAX; i++) {
        const struct found *found = &function->names->found[i];
        if (!found->name)
            break;
        if (passed && memcmp(found->address, address, sizeof found->address) == 0)
            return found->name;
        passed = passed || found->name == after;
    }
    return NULL;
}

void names_forget(struct function_names *names)
{
    for (uint32_t i = 0; names && i < MF_STREAM_NAMES_MAX; i++)
        free(names->found[i].name);
    free(names);
}

void names_lost(struct streams *streams)
{
    while (!list_empty(&streams->lookups)) {
        struct lookup *lookup = list_of(streams->lookups.next, struct lookup, link);
        list_remove(&lookup->link);
        lookup->streams = NULL;
        if (lookup->begun) /* it counts until its thread has ended */
            continue;
        let_go(lookup);
        free(lookup);
    }
}

void names_close(struct streaming *streaming)
{
    struct resolving *resolving = streaming->resolving;
    if (!resolving)
        return;
    streaming->resolving = NULL;
    (void)inbox_take(&streaming->node->loop.inbox); /* those that have arrived */
    while (!list_empty(&streaming->lookups)) /* the others outlive us */
        let_go(list_of(streaming->lookups.next, struct lookup, turn));
    (void)pthread_mutex_lock(&resolving->lock);
    resolving->inbox = NULL;
    bool last = resolving->running == 0;
    (void)pthread_mutex_unlock(&resolving->lock);
    (void)inbox_take(&streaming->node->loop.inbox);
    if (last)
        free(resolving);
}
