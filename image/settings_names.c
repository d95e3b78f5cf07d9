/* settings_names.c: names as settings spell them: of enumerations, functions, tenants. */
#include <string.h>

#include "abi/program.h"
#include "image/duration.h"
#include "image/settings.h"
#include "image/settings_keys.h"

/* The values of an enumeration, by their number. */
struct names {
    const char *const *all;
    size_t count;
};
#define NAMES(...)                                                             \
    {                                                                          \
        .all = (const char *const[]){__VA_ARGS__},                             \
        .count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),  \
    }

static const struct names sandboxes = NAMES([MF_SANDBOX_AUTO] = "auto", [MF_SANDBOX_PROCESS] = "process",
                                            [MF_SANDBOX_KVM] = "kvm");
static const struct names isolations = NAMES([ISOLATION_RESET] = "reset", [ISOLATION_REUSE] = "reuse",
                                             [ISOLATION_FRESH] = "fresh");
static const struct names contracts = NAMES([CONTRACT_SDK] = MF_CONTRACT_SDK, [CONTRACT_HTTP] = MF_CONTRACT_HTTP,
                                            [CONTRACT_LAMBDA] = MF_CONTRACT_LAMBDA,
                                            [CONTRACT_OPENWHISK] = MF_CONTRACT_OPENWHISK,
                                            [CONTRACT_STDIO] = MF_CONTRACT_STDIO);
static const struct names priorities = NAMES([PRIORITY_BULK] = "bulk", [PRIORITY_URGENT] = "urgent");
static const struct names durabilities = NAMES([DURABILITY_POWER_LOSS] = "power-loss",
                                               [DURABILITY_PROCESS_CRASH] = "process-crash");
static const struct names overloads = NAMES([OVERLOAD_BACKPRESSURE] = "backpressure",
                                            [OVERLOAD_DROP_OLDEST] = "drop-oldest",
                                            [OVERLOAD_DEAD_LETTER] = "dead-letter",
                                            [OVERLOAD_STOP_WORKFLOW] = "stop-workflow",
                                            [OVERLOAD_OFFLOAD] = "offload");

static const char *name_of(const struct names *names, size_t value)
{
    return value < names->count ? names->all[value] : "unknown";
}

static bool value_of(const struct names *names, const char *name, size_t *value)
{
    for (*value = 0; *value < names->count; ++*value)
        if (strcmp(name, names->all[*value]) == 0)
            return true;
    return false;
}

/* WHAT_name and WHAT_from_name, as settings.h declares them for each enumeration. */
#define NAMED(what, type, names)                                               \
    const char *what##_name(type value)                                        \
    {                                                                          \
        return name_of(&(names), (size_t)value);                               \
    }                                                                          \
    bool what##_from_name(const char *name, type *value)                       \
    {                                                                          \
        size_t found;                                                          \
        bool known = value_of(&(names), name, &found);                         \
        if (known)                                                             \
            *value = (type)found;                                              \
        return known;                                                          \
    }

NAMED(sandbox, enum mf_sandbox, sandboxes)
NAMED(isolation, enum isolation, isolations)
NAMED(contract, enum contract, contracts)
NAMED(priority, enum priority, priorities)
NAMED(durability, enum durability, durabilities)
NAMED(overload, enum overload, overloads)

bool settings_name_valid(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes > MF_NAME_BYTES_MAX || name[0] == '-' || name[bytes - 1] == '-')
        return false;
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

bool settings_tenant_reserved(const char *name)
{
    return strcmp(name, MF_TENANT_FUNCTIONS) == 0 || strcmp(name, MF_TENANT_NODE) == 0 ||
           strcmp(name, MF_TENANT_CALLBACKS) == 0;
}

mf_err keep_alive_from_text(const char *text, enum keep_alive *kind, uint32_t *idle_ms,
                            struct mf_why *why)
{
    if (strcmp(text, "none") == 0 || strcmp(text, "hybrid") == 0) {
        *kind = text[0] == 'n' ? KEEP_ALIVE_NONE : KEEP_ALIVE_HYBRID;
        return MF_OK;
    }
    uint64_t ms;
    if (!duration_from_text(text, &ms))
        return mf_why(why, MF_EINVAL, "keep_alive: \"%.80s\"; none, hybrid, or a duration with its "
                      "unit: 500ms, 60s, 10m, 4h", settings_printable(text));
    if (ms > MF_IDLE_MS_MAX)
        return mf_why(why, MF_EINVAL, "keep_alive: %.80s; at most %dh are allowed", text,
                      MF_IDLE_MS_MAX / 3600000);
    *kind = KEEP_ALIVE_FIXED;
    *idle_ms = (uint32_t)ms;
    return MF_OK;
}
