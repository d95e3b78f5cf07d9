/* fuzz_project.c: function.yml. What is taken gives a manifest that settings take. */
#include <stdlib.h>
#include <string.h>

#include "image/project.h"
#include "image/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct project project;
    struct mf_why why = {{0}};
    if (project_parse((const char *)data, bytes, &project, &why) == MF_OK) {
        struct settings settings;
        settings_init(&settings);
        mf_assert(settings_parse(project.manifest, strlen(project.manifest), &settings, &why) ==
                  MF_OK);
        mf_assert(strcmp(settings.name, project.name) == 0);
        settings_close(&settings);
    } else {
        mf_assert(why.text[0]);
    }
    project_close(&project);
    return 0;
}
