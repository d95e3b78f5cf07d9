/* settings_rig.h: for tests of settings: *state is a struct settings of defaults. */
#ifndef TEST_SETTINGS_RIG_H
#define TEST_SETTINGS_RIG_H

#include "image/settings.h"

int settings_rig_open(void **state);
int settings_rig_close(void **state);

/* The JSON is taken; or it is refused, with these words among the reason. */
void take(struct settings *settings, const char *json);
void refuse(struct settings *settings, const char *json, const char *sentence);

#endif
