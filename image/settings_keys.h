/*
 * settings_keys.h: within the settings, one key and its value. Nothing outside image/
 * includes it.
 */
#ifndef MF_IMAGE_SETTINGS_KEYS_H
#define MF_IMAGE_SETTINGS_KEYS_H

#include "image/settings.h"

/* Set every number to its default. */
void settings_defaults(struct settings *settings);

/* Take one key. MF_EINVAL naming it: unknown, of a wrong type, out of its bounds; what only
 * makes sense together with other keys is the caller's to check. */
MF_CHECKED mf_err settings_apply(const char *key, const json_t *value, struct settings *settings,
                                 struct mf_why *why);

/* Text of a stranger, for a message on a terminal: itself, or what says that it cannot be shown. */
const char *settings_printable(const char *text);

#endif
