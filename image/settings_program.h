/*
 * settings_program.h: within the settings, how the program is run: contract, port, arguments
 * and the like, and what of all that a guest is told (abi/program.h). Nothing outside image/
 * includes it.
 */
#ifndef MF_IMAGE_SETTINGS_PROGRAM_H
#define MF_IMAGE_SETTINGS_PROGRAM_H

#include "image/settings.h"

/* MF_EINVAL naming the key. */
MF_CHECKED mf_err settings_apply_contract(const char *name, struct settings *settings,
                                          struct mf_why *why);
MF_CHECKED mf_err settings_apply_user(const char *text, struct settings *settings,
                                      struct mf_why *why);
MF_CHECKED mf_err settings_apply_folder(const char *path, struct settings *settings,
                                        struct mf_why *why);
MF_CHECKED mf_err settings_apply_loader(const char *path, struct settings *settings,
                                        struct mf_why *why);
MF_CHECKED mf_err settings_apply_program(const char *path, struct settings *settings,
                                         struct mf_why *why);
MF_CHECKED mf_err settings_apply_warm_up(const char *path, struct settings *settings,
                                         struct mf_why *why);
MF_CHECKED mf_err settings_apply_arguments(const json_t *list, struct settings *settings,
                                           struct mf_why *why);
MF_CHECKED mf_err settings_apply_jit(const json_t *value, struct settings *settings,
                                     struct mf_why *why);

/* An overlay has been applied to what was before: give memory_mib the contract's default where
 * nobody chose it, check what only makes sense together, and make guest_env anew. */
MF_CHECKED mf_err settings_settle_program(const json_t *object, enum contract before,
                                          struct settings *settings, struct mf_why *why);

json_t *settings_arguments_to_json(const struct settings *settings);

#endif
