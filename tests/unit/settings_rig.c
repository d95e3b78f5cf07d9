/* settings_rig.c: see settings_rig.h. */
#include "settings_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int settings_rig_open(void **state)
{
    static struct settings settings;
    settings_init(&settings);
    *state = &settings;
    return 0;
}

int settings_rig_close(void **state)
{
    settings_close(*state);
    return 0;
}

void take(struct settings *settings, const char *json)
{
    struct mf_why why = {{0}};
    mf_err err = settings_parse(json, strlen(json), settings, &why);
    if (err)
        fail_msg("%s: %s", json, mf_why_text(&why, err));
}

void refuse(struct settings *settings, const char *json, const char *sentence)
{
    struct mf_why why = {{0}};
    mf_err err = settings_parse(json, strlen(json), settings, &why);
    if (err != MF_EINVAL || !strstr(why.text, sentence))
        fail_msg("%s: %d \"%s\", expected \"%s\"", json, err, why.text, sentence);
}
