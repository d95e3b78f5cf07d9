/* settings_print.c: settings as JSON, whole, in one order. */
#include <string.h>

#include "image/duration.h"
#include "image/settings.h"
#include "image/settings_program.h"

static json_t *env_to_json(const struct settings *settings)
{
    json_t *env = json_object();
    for (uint32_t at = 0; env && at < settings->env_bytes;) {
        const char *entry = settings->env + at;
        const char *value = strchr(entry, '=');
        mf_assert(value);
        if (json_object_setn_new(env, entry, (size_t)(value - entry), json_string(value + 1)) != 0) {
            json_decref(env);
            return NULL;
        }
        at += (uint32_t)strlen(entry) + 1;
    }
    return env;
}

static const char *keep_alive_text(const struct settings *settings,
                                   char room[static DURATION_TEXT_BYTES])
{
    if (settings->keep_alive != KEEP_ALIVE_FIXED)
        return settings->keep_alive == KEEP_ALIVE_NONE ? "none" : "hybrid";
    return duration_to_text(settings->idle_ms, room);
}

json_t *settings_to_json(const struct settings *settings)
{
    char room[DURATION_TEXT_BYTES];
    /* Keys in ascending order, so that the text is the same every time. */
    return json_pack("{s:o, s:o, s:i, s:s, s:i, s:i, s:s, s:s, s:o, s:s, s:i, s:i, s:s, s:b, s:s, s:s, s:s, s:i, s:i, "
                     "s:i, s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:s, s:i, s:s, s:o, s:i, s:o, s:s, s:i, s:s}",
                     "allow", allow_to_json(&settings->allow),
                     "args", settings_arguments_to_json(settings),
                     "attempts_max", (int)settings->attempts_max,
                     "contract", contract_name(settings->contract),
                     "cpu_ceiling_pct", (int)settings->cpu_ceiling_pct,
                     "cpu_share", (int)settings->cpu_share,
                     "description", settings->description,
                     "durability", durability_name(settings->durability),
                     "environment", env_to_json(settings),
                     "folder", settings->folder ? settings->folder : "",
                     "grace_ms", (int)settings->grace_ms,
                     "idle_ms", (int)settings->idle_ms,
                     "isolation", isolation_name(settings->isolation),
                     "jit", settings->jit,
                     "keep_alive", keep_alive_text(settings, room),
                     "listen", settings->listen,
                     "loader", settings->loader ? settings->loader : "",
                     "max_age_s", (int)settings->max_age_s,
                     "max_instances", (int)settings->max_instances,
                     "memory_mib", (int)settings->memory_mib,
                     "min_instances", (int)settings->min_instances,
                     "name", settings->name,
                     "next", settings->next,
                     "offload_url", settings->offload_url ? settings->offload_url : "",
                     "overload", overload_name(settings->overload),
                     "port", (int)settings->port,
                     "priority", priority_name(settings->priority),
                     "program", settings->program ? settings->program : "",
                     "queue_max", (int)settings->queue_max,
                     "sandbox", sandbox_name(settings->sandbox),
                     "scale_threshold", (int)settings->scale_threshold,
                     "tenant", settings->tenant,
                     "then", followers_to_json(&settings->then),
                     "timeout_ms", (int)settings->timeout_ms,
                     "triggers", triggers_to_json(&settings->triggers),
                     "user", settings->user,
                     "wait_ms", (int)settings->wait_ms,
                     "warm_up", settings->warm_up ? settings->warm_up : "");
}
