/* fuzz_settings.c: settings as JSON text. What is taken survives a round trip. */
#include <stdlib.h>
#include <string.h>

#include "image/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_round_trip(const struct settings *settings)
{
    struct settings again;
    settings_init(&again);
    json_t *object = settings_to_json(settings);
    mf_assert(object);
    if (!settings->name[0]) /* the only key without a valid default */
        (void)json_object_del(object, "name");
    mf_assert(settings_from_json(object, &again, NULL) == MF_OK);
    mf_assert(again.env_bytes == settings->env_bytes && again.env_count == settings->env_count);
    mf_assert(!again.env_bytes || memcmp(again.env, settings->env, again.env_bytes) == 0);
    mf_assert(again.keep_alive == settings->keep_alive && again.idle_ms == settings->idle_ms);
    mf_assert(again.triggers.count == settings->triggers.count);
    for (uint32_t i = 0; i < again.triggers.count; i++) {
        const struct trigger *a = &again.triggers.each[i], *b = &settings->triggers.each[i];
        mf_assert(a->kind == b->kind && strcmp(a->text, b->text) == 0 && a->qos == b->qos && a->every_node == b->every_node &&
                  a->once == b->once && a->every_ms == b->every_ms &&
                  strcmp(a->timezone, b->timezone) == 0 &&
                  a->cron.minutes == b->cron.minutes && a->cron.days == b->cron.days);
    }
    mf_assert(again.then.bytes == settings->then.bytes && again.then.count == settings->then.count);
    mf_assert(strcmp(again.name, settings->name) == 0 && again.memory_mib == settings->memory_mib);
    json_decref(object);
    settings_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct settings settings;
    struct mf_why why = {{0}};
    settings_init(&settings);
    if (settings_parse((const char *)data, bytes, &settings, &why) == MF_OK)
        check_round_trip(&settings);
    else
        mf_assert(why.text[0]);
    settings_close(&settings);
    return 0;
}
