/* hostile.c: the hostile function: finds the act that the path names. */
#include <stdlib.h>
#include <string.h>

#include "acts.h"

static const struct {
    const char *name;
    void (*act)(struct mayfly_event *event, struct mayfly_reply *reply);
} acts[] = {
#define ACT_ENTRY(name) {"/" #name, act_##name},
    ACTS(ACT_ENTRY)
};

uint64_t number_of(struct mayfly_event *event, const char *name, uint64_t otherwise)
{
    const char *text = mayfly_parameter(event, name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

void survived(struct mayfly_reply *reply)
{
    mayfly_puts(reply, "survived");
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(mayfly_path(event), acts[i].name) == 0) {
            acts[i].act(event, reply);
            return;
        }
    mayfly_answer(reply, 404, "text/plain", "no act %s", mayfly_path(event));
}
