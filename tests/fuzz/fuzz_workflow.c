/* fuzz_workflow.c: mayfly.yml. What is taken has settings that are taken, and an order that ends;
 * what is not has words, and a line unless it is too large or no text. */
#include <stdlib.h>
#include <string.h>

#include "image/settings.h"
#include "image/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Runs that go on from here: the longest has a function once at most. */
static void check_run(const struct workflow *workflow, size_t at, size_t steps, size_t *budget)
{
    const json_t *then = json_object_get(workflow->function[at].settings, "then");
    mf_assert(steps <= workflow->count);
    for (size_t i = 0; i < json_array_size(then) && *budget > 0; i++, --*budget) {
        const char *name = json_string_value(json_array_get(then, i));
        size_t to = 0;
        while (to < workflow->count && strcmp(workflow->function[to].name, name) != 0)
            to++;
        mf_assert(to < workflow->count);
        check_run(workflow, to, steps + 1, budget);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct workflow workflow;
    struct mf_why why = {{0}};
    unsigned line;
    size_t budget = 10000;
    if (workflow_parse((const char *)data, bytes, &workflow, &line, &why) != MF_OK) {
        mf_assert(why.text[0] && !workflow.function);
        return 0;
    }
    mf_assert(workflow.count > 0 && workflow.name[0]);
    for (size_t i = 0; i < workflow.count; i++) {
        const struct workflow_function *function = &workflow.function[i];
        struct settings settings;
        settings_init(&settings);
        mf_assert(settings_from_json(function->settings, &settings, &why) == MF_OK);
        mf_assert(!function->image != !function->source);
        mf_assert(workflow_line((const char *)data, bytes, function->name, NULL) > 0);
        settings_close(&settings);
        check_run(&workflow, i, 1, &budget);
    }
    size_t at = workflow.count;
    mf_assert(!workflow_has_circle(&workflow, &at, &why) || (at < workflow.count && why.text[0]));
    workflow_close(&workflow);
    return 0;
}
