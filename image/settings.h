/*
 * settings.h: what a function may ask for. One schema for the manifest inside an
 * image (JSON), a project's function.yml, and the settings given at deploy. Any thread.
 */
#ifndef MF_IMAGE_SETTINGS_H
#define MF_IMAGE_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "image/allow.h"
#include "image/followers.h"
#include "image/triggers.h"
#include "spawner/protocol.h"

/* When an idle instance is stopped (node/pool/keep_alive.h): `keep_alive` as a setting. */
enum keep_alive {
    KEEP_ALIVE_FIXED,  /* after idle_ms: a duration, 500ms, 60s, 10m, 4h            */
    KEEP_ALIVE_NONE,   /* at once: "none"                                           */
    KEEP_ALIVE_HYBRID, /* as its history says, without a pattern after idle_ms: "hybrid" */
};

/* What an event may find of the one before it. */
enum isolation {
    ISOLATION_RESET, /* nothing: the monitor rolls the instance back; where it cannot, FRESH */
    ISOLATION_REUSE, /* all of it: an instance serves event after event                      */
    ISOLATION_FRESH, /* nothing: each event has an instance of its own                       */
};

/* Whose events go first, in their function's queue and where functions are short of room. */
enum priority { PRIORITY_BULK, PRIORITY_URGENT, PRIORITY_COUNT };

/* How an event reaches the program, and its reply the node (abi/program.h). All but the SDK's are
 * served by the library OS that Linux programs have. */
enum contract { CONTRACT_SDK, CONTRACT_HTTP, CONTRACT_LAMBDA, CONTRACT_OPENWHISK, CONTRACT_STDIO };

/* What becomes of an event that finds its function's queue full. */
enum overload {
    OVERLOAD_BACKPRESSURE,  /* it is refused                                             */
    OVERLOAD_DROP_OLDEST,   /* the event that has waited longest makes room              */
    OVERLOAD_DEAD_LETTER,   /* it becomes a dead letter                                  */
    OVERLOAD_STOP_WORKFLOW, /* the function is stopped, until somebody starts it again   */
    OVERLOAD_OFFLOAD,       /* it is posted to offload_url                               */
};

/* What an asynchronous call that was accepted survives. */
enum durability {
    DURABILITY_POWER_LOSS,    /* it is on the disk                                            */
    DURABILITY_PROCESS_CRASH, /* the operating system has it, and the disk a second later      */
};

struct settings {
    char name[MF_NAME_BYTES_MAX + 1]; /* DNS label */
    char description[256];
    enum mf_sandbox sandbox;    /* "auto" | "process" | "kvm"                         */
    enum isolation isolation;   /* "reset" | "reuse" | "fresh"                        */
    enum contract contract;     /* "sdk" | "http" | "lambda" | "openwhisk" | "stdio"  */
    char listen[MF_LISTEN_BYTES_MAX + 1]; /* where connections to that port are taken (listen.h); "";
                                   never from an image's own manifest                */
    uint32_t port;              /* that the program listens on, 1 … 65535; default 8080 */
    char *warm_up;              /* heap, owned: path of a request before the freeze; NULL: none */
    char user[MF_USER_TEXT_BYTES]; /* USER:GROUP, of Linux programs; "": nobody, 65534 */
    char *folder;               /* heap, owned: absolute, where the program starts; NULL: / */
    char *program;              /* heap, owned: absolute, what it is in its root; NULL: its name */
    char *loader;               /* heap, owned: absolute, the dynamic loader that runs program; NULL */
    bool jit;                   /* it may run code that it made itself                */
    char *arguments;            /* heap, owned: those after the program's name, each with its NUL */
    uint32_t argument_count;
    uint32_t argument_bytes;
    uint32_t memory_mib;        /* window size; 8 … 2048; default 64, of Linux programs 1024 */
    uint32_t timeout_ms;        /* 1 … MF_TIMEOUT_MS_MAX                              */
    uint32_t max_instances;     /* 1 … MF_INSTANCES_MAX                               */
    uint32_t attempts_max;      /* of an asynchronous call; 1 … MF_ATTEMPTS_MAX       */
    uint32_t max_age_s;         /* of one that waits; 0: any, else … MF_EVENT_AGE_S_MAX */
    uint32_t queue_max;         /* that wait; 1 … MF_QUEUE_EVENTS_MAX                 */
    uint32_t wait_ms;           /* for a free instance; 0 … MF_WAIT_MS_MAX            */
    enum keep_alive keep_alive; /* default KEEP_ALIVE_FIXED                           */
    uint32_t idle_ms;           /* until an idle instance is stopped                  */
    uint32_t cpu_share;         /* weight, 1 … MF_CPU_SHARE_MAX, default 100          */
    uint32_t cpu_ceiling_pct;   /* of one processor; 0 = none, else 1 … 100           */
    char next[MF_NAME_BYTES_MAX + 1]; /* function that is usually called after this one; "" */
    enum priority priority;     /* "bulk" | "urgent"                                  */
    enum overload overload;     /* "backpressure" | "drop-oldest" | …                 */
    enum durability durability; /* "power-loss" | "process-crash"                     */
    char *offload_url;          /* heap, owned; NULL: none                            */
    uint32_t grace_ms;          /* after a start, until the next one; 0 … MF_GRACE_MS_MAX */
    uint32_t scale_threshold;   /* another instance only if more wait; 0 … MF_QUEUE_EVENTS_MAX */
    uint32_t min_instances;     /* kept, whether they are called or not; … max_instances */
    struct followers then;      /* functions that its replies are events for          */
    char tenant[MF_NAME_BYTES_MAX + 1]; /* whose key-values and queues; never from an image's
                                   own manifest (settings_foreign)                    */
    struct allow allow;         /* what it may ask for while it runs; owned           */
    uint32_t env_count;
    uint32_t env_bytes;
    char *env;                  /* heap, owned: NAME=value\0 …, env_bytes long        */
    uint32_t guest_env_count;   /* what a guest is told: env, and of the above what is in */
    uint32_t guest_env_bytes;   /* abi/program.h; made by each overlay                */
    char *guest_env;            /* heap, owned; as env                                */
    struct triggers triggers;   /* owned */
};

#define MF_TENANT_DEFAULT "default"
/* The node's own, nobody's: functions' queues; the broker's session; replies for callbacks. */
#define MF_TENANT_FUNCTIONS "functions"
#define MF_TENANT_NODE "node"
#define MF_TENANT_CALLBACKS "callbacks"

/* Fill with defaults; name empty. */
void settings_init(struct settings *settings);
void settings_close(struct settings *settings);
MF_CHECKED mf_err settings_copy(const struct settings *from, struct settings *to);

/* Overlay a JSON object: keys name, description, sandbox, isolation, memory_mib,
 * timeout_ms, max_instances, attempts_max, max_age_s, queue_max, wait_ms, idle_ms, keep_alive,
 * cpu_share, cpu_ceiling_pct, next, priority, durability, overload, offload_url, grace_ms, scale_threshold,
 * min_instances, tenant, contract, listen, port, warm_up, user, folder, program, loader, args (list of strings; replaces
 * the whole list), jit (boolean), environment (object of strings; replaces the whole map), allow (object
 * of lists, allow.h; replaces all of them), triggers (triggers.h) and then (followers.h; each
 * replaces the whole list). A duration as keep_alive is idle_ms in
 * another spelling: both in one object must agree, and idle_ms alone is one. An unknown
 * key, a wrong type, a value out of range: MF_EINVAL naming the key, and *settings is
 * unchanged. */
MF_CHECKED mf_err settings_from_json(const json_t *object, struct settings *settings,
                                     struct mf_why *why);
/* The same from text; the JSON may be hostile. */
MF_CHECKED mf_err settings_parse(const char *json, size_t bytes, struct settings *settings,
                                 struct mf_why *why);

/* Deployed as name (settings_name_valid), whatever the manifest calls it; its guest is told so. */
MF_CHECKED mf_err settings_rename(struct settings *settings, const char *name, struct mf_why *why);

/* They come with an image, from whoever made it: forget what is only its owner's to say. */
void settings_foreign(struct settings *settings);

/* A new reference with every key; NULL on no memory. */
json_t *settings_to_json(const struct settings *settings);

bool settings_name_valid(const char *name, size_t bytes);
bool settings_tenant_reserved(const char *name); /* one of the node's own */
/* "none", "hybrid", or a duration, which goes to *idle_ms; else MF_EINVAL. */
MF_CHECKED mf_err keep_alive_from_text(const char *text, enum keep_alive *kind,
                                       uint32_t *idle_ms, struct mf_why *why);
/* "unknown" of a number that is no value; false of a name that is none, what is asked for stays as it was. */
const char *sandbox_name(enum mf_sandbox sandbox);
bool sandbox_from_name(const char *name, enum mf_sandbox *sandbox);
const char *isolation_name(enum isolation isolation);
bool isolation_from_name(const char *name, enum isolation *isolation);
const char *contract_name(enum contract contract);
bool contract_from_name(const char *name, enum contract *contract);
const char *priority_name(enum priority priority);
bool priority_from_name(const char *name, enum priority *priority);
const char *durability_name(enum durability durability);
bool durability_from_name(const char *name, enum durability *durability);
const char *overload_name(enum overload overload);
bool overload_from_name(const char *name, enum overload *overload);

#endif
