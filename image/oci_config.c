/* oci_config.c: an image's configuration (OCI image specification 1.1, config.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/oci.h"
#include "machine.h"

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)

/* Add the strings of an array that may be missing. */
static mf_err add_strings(const json_t *from, const char *key, json_t *to, struct mf_why *why)
{
    const json_t *list = json_object_get(from, key);
    size_t i;
    json_t *value;
    if (!list || json_is_null(list))
        return MF_OK;
    if (!json_is_array(list))
        return refuse(why, "its configuration: %s is no list", key);
    json_array_foreach (list, i, value) {
        if (!json_is_string(value))
            return refuse(why, "its configuration: %s has what is no string", key);
        if (json_array_append(to, value) != 0)
            return MF_ENOMEM;
    }
    return MF_OK;
}

static mf_err take_environment(const json_t *from, json_t *to, struct mf_why *why)
{
    json_t *list = json_array();
    size_t i;
    json_t *value;
    mf_err err = list ? add_strings(from, "Env", list, why) : MF_ENOMEM;
    json_array_foreach (list, i, value) {
        const char *text = json_string_value(value);
        const char *equals = strchr(text, '=');
        if (!err && (!equals || equals == text))
            err = refuse(why, "its configuration: an entry of Env is no NAME=value");
        if (!err && json_object_setn_new(to, text, (size_t)(equals - text), json_string(equals + 1)) != 0)
            err = MF_ENOMEM;
    }
    json_decref(list);
    return err;
}

static mf_err take_text(const json_t *from, const char *key, char **to, struct mf_why *why)
{
    const json_t *value = json_object_get(from, key);
    if (!value || json_is_null(value))
        return MF_OK;
    if (!json_is_string(value))
        return refuse(why, "its configuration: %s is no string", key);
    if (json_string_length(value) == 0)
        return MF_OK;
    *to = strdup(json_string_value(value));
    return *to ? MF_OK : MF_ENOMEM;
}

/* Of keys as "8080/tcp". */
static uint32_t one_port(const json_t *ports)
{
    const char *key;
    json_t *value;
    uint32_t found = 0;
    json_object_foreach ((json_t *)(uintptr_t)ports, key, value) {
        char *end;
        unsigned long port = strtoul(key, &end, 10);
        if (port < 1 || port > 65535 || (strcmp(end, "/tcp") != 0 && *end))
            continue;
        if (found)
            return 0;
        found = (uint32_t)port;
    }
    return found;
}

static mf_err check_machine(const json_t *document, struct mf_why *why)
{
    const char *machine = json_string_value(json_object_get(document, "architecture"));
    const char *system = json_string_value(json_object_get(document, "os"));
    if (!machine || !system)
        return refuse(why, "its configuration names no architecture and os");
    if (strcmp(machine, IMAGE_OCI_ARCHITECTURE) != 0 || strcmp(system, "linux") != 0)
        return refuse(why, "it is for %.40s/%.40s; this build runs linux/" IMAGE_OCI_ARCHITECTURE, system,
                      machine);
    return MF_OK;
}

mf_err oci_config_parse(const char *json, size_t bytes, struct oci_config *config, struct mf_why *why)
{
    *config = (struct oci_config){.command = json_array(), .environment = json_object()};
    json_t *document = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, NULL);
    const json_t *run = json_object_get(document, "config");
    mf_err err = !document ? refuse(why, "its configuration is no JSON")
                 : !config->command || !config->environment ? MF_ENOMEM
                                                            : check_machine(document, why);
    if (!err && run && !json_is_object(run) && !json_is_null(run))
        err = refuse(why, "its configuration: config is no object");
    if (!err)
        err = add_strings(run, "Entrypoint", config->command, why);
    if (!err)
        err = add_strings(run, "Cmd", config->command, why);
    if (!err)
        err = take_environment(run, config->environment, why);
    if (!err)
        err = take_text(run, "WorkingDir", &config->folder, why);
    if (!err)
        err = take_text(run, "User", &config->user, why);
    if (!err)
        config->port = one_port(json_object_get(run, "ExposedPorts"));
    json_decref(document);
    if (err)
        oci_config_close(config);
    return err;
}

void oci_config_close(struct oci_config *config)
{
    json_decref(config->command);
    json_decref(config->environment);
    free(config->folder);
    free(config->user);
    *config = (struct oci_config){0};
}
