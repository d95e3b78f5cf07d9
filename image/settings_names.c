/* settings_names.c: names as settings spell them: of enumerations, functions, tenants. */
#include <string.h>

#include "abi/program.h"
#include "image/duration.h"
#include "image/settings.h"
#include "image/settings_keys.h"

static const char *const sandbox_names[] = {
    [MF_SANDBOX_AUTO] = "auto",
    [MF_SANDBOX_PROCESS] = "process",
    [MF_SANDBOX_KVM] = "kvm",
};
#define SANDBOX_COUNT (sizeof sandbox_names / sizeof sandbox_names[0])

static const char *const isolation_names[] = {
    [ISOLATION_RESET] = "reset",
    [ISOLATION_REUSE] = "reuse",
    [ISOLATION_FRESH] = "fresh",
};
#define ISOLATION_COUNT (sizeof isolation_names / sizeof isolation_names[0])

static const char *const contract_names[] = {
    [CONTRACT_SDK] = MF_CONTRACT_SDK,
    [CONTRACT_HTTP] = MF_CONTRACT_HTTP,
    [CONTRACT_LAMBDA] = MF_CONTRACT_LAMBDA,
    [CONTRACT_OPENWHISK] = MF_CONTRACT_OPENWHISK,
    [CONTRACT_STDIO] = MF_CONTRACT_STDIO,
};
#define CONTRACT_COUNT (sizeof contract_names / sizeof contract_names[0])

static const char *const priority_names[PRIORITY_COUNT] = {
    [PRIORITY_BULK] = "bulk",
    [PRIORITY_URGENT] = "urgent",
};

static const char *const durability_names[] = {
    [DURABILITY_POWER_LOSS] = "power-loss",
    [DURABILITY_PROCESS_CRASH] = "process-crash",
};
#define DURABILITY_COUNT (sizeof durability_names / sizeof durability_names[0])

static const char *const overload_names[] = {
    [OVERLOAD_BACKPRESSURE] = "backpressure",   [OVERLOAD_DROP_OLDEST] = "drop-oldest",
    [OVERLOAD_DEAD_LETTER] = "dead-letter",     [OVERLOAD_STOP_WORKFLOW] = "stop-workflow",
    [OVERLOAD_OFFLOAD] = "offload",
};
#define OVERLOAD_COUNT (sizeof overload_names / sizeof overload_names[0])

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

const char *sandbox_name(enum mf_sandbox sandbox)
{
    return (size_t)sandbox < SANDBOX_COUNT ? sandbox_names[sandbox] : "unknown";
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

bool sandbox_from_name(const char *name, enum mf_sandbox *sandbox)
{
    for (size_t i = 0; i < SANDBOX_COUNT; i++) {
        if (strcmp(name, sandbox_names[i]) == 0) {
            *sandbox = (enum mf_sandbox)i;
            return true;
        }
    }
    return false;
}

const char *isolation_name(enum isolation isolation)
{
    return (size_t)isolation < ISOLATION_COUNT ? isolation_names[isolation] : "unknown";
}

bool isolation_from_name(const char *name, enum isolation *isolation)
{
    for (size_t i = 0; i < ISOLATION_COUNT; i++) {
        if (strcmp(name, isolation_names[i]) == 0) {
            *isolation = (enum isolation)i;
            return true;
        }
    }
    return false;
}

static bool index_of(const char *const *names, size_t count, const char *name, size_t *index)
{
    for (*index = 0; *index < count; ++*index)
        if (strcmp(name, names[*index]) == 0)
            return true;
    return false;
}

const char *contract_name(enum contract contract)
{
    return (size_t)contract < CONTRACT_COUNT ? contract_names[contract] : "unknown";
}

bool contract_from_name(const char *name, enum contract *contract)
{
    size_t index;
    bool known = index_of(contract_names, CONTRACT_COUNT, name, &index);
    if (known)
        *contract = (enum contract)index;
    return known;
}

const char *priority_name(enum priority priority)
{
    return (size_t)priority < (size_t)PRIORITY_COUNT ? priority_names[priority] : "unknown";
}

bool priority_from_name(const char *name, enum priority *priority)
{
    size_t index;
    bool known = index_of(priority_names, PRIORITY_COUNT, name, &index);
    if (known)
        *priority = (enum priority)index;
    return known;
}

const char *durability_name(enum durability durability)
{
    return (size_t)durability < DURABILITY_COUNT ? durability_names[durability] : "unknown";
}

bool durability_from_name(const char *name, enum durability *durability)
{
    size_t index;
    bool known = index_of(durability_names, DURABILITY_COUNT, name, &index);
    if (known)
        *durability = (enum durability)index;
    return known;
}

const char *overload_name(enum overload overload)
{
    return (size_t)overload < OVERLOAD_COUNT ? overload_names[overload] : "unknown";
}

bool overload_from_name(const char *name, enum overload *overload)
{
    size_t index;
    bool known = index_of(overload_names, OVERLOAD_COUNT, name, &index);
    if (known)
        *overload = (enum overload)index;
    return known;
}
