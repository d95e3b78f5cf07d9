/*
 * host.c: which sandboxes work here, as a spawner of our own finds out by trying
 * them, and the monitors' own lists of the host system calls that a guest can make.
 */
#include "cli/host.h"

#include <limits.h>
#include <stdio.h>

#include "cli/command.h"
#include "image/settings.h"
#include "monitor/kvm/filter.h"
#include "monitor/process/filter.h"
#include "node/instance/spawner.h"

struct support {
    struct sandbox_support sandbox;
    bool known;        /* false: no spawner could tell */
    struct mf_why why; /* then why                     */
};

static void find_support(struct support *support)
{
    char path[PATH_MAX];
    struct spawner spawner;
    *support = (struct support){0};
    mf_err err = MF_OK;
    if (!cli_beside("mayfly-spawner", path, sizeof path)) {
        err = mf_why(&support->why, MF_ENOENT, "no mayfly-spawner beside the mayfly program");
    } else {
        err = spawner_open(path, &spawner, &support->why);
        if (!err) {
            spawner_support(&spawner, &support->sandbox);
            spawner_close(&spawner);
        }
    }
    support->known = err == MF_OK;
    if (err && !support->why.text[0])
        (void)mf_why(&support->why, err, "%s", mf_err_words(err));
}

static json_t *lines_to_json(const struct filter_line *lines, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(
            array, json_pack("{s:s, s:i, s:s, s:s}", "call", lines[i].call, "number",
                             (int)lines[i].number, "rule", lines[i].arguments, "reason",
                             lines[i].reason));
    return array;
}

/* Whose calls they are. */
static const char *const meaning[] = {
    [MF_SANDBOX_PROCESS] = "a guest can make these, through its gate alone; any other call of "
                           "its code ends in its own kernel",
    [MF_SANDBOX_KVM] = "a guest can make none; these are its monitor's, for a guest that had "
                       "broken out of the virtual machine",
};

/* start_calls: admitted before there is a guest; besides, where a guest is rolled back,
 * reset_calls, where it is preempted, preempt_calls, and with jit, jit_calls. NULL: that is nowhere. */
static json_t *sandbox_to_json(enum mf_sandbox sandbox, const struct support *support,
                               json_t *calls, json_t *start_calls, json_t *reset_calls,
                               json_t *preempt_calls, json_t *jit_calls)
{
    const char *why = support->why.text;
    if (support->known)
        why = support->sandbox.usable[sandbox] ? NULL : support->sandbox.why[sandbox].text;
    return json_pack("{s:s, s:b, s:s?, s:s, s:o, s:o*, s:o*, s:o*, s:o*}", "name", sandbox_name(sandbox), "usable",
                     support->known && support->sandbox.usable[sandbox], "why", why, "meaning",
                     meaning[sandbox], "host_calls", calls, "start_calls", start_calls, "reset_calls",
                     reset_calls, "preempt_calls", preempt_calls, "jit_calls", jit_calls);
}

/* What `auto` takes here; MF_SANDBOX_AUTO: nothing. */
static enum mf_sandbox automatic_choice(const struct support *support)
{
    if (support->known && support->sandbox.usable[MF_SANDBOX_KVM])
        return MF_SANDBOX_KVM;
    if (support->known && support->sandbox.usable[MF_SANDBOX_PROCESS])
        return MF_SANDBOX_PROCESS;
    return MF_SANDBOX_AUTO;
}

static json_t *host_to_json(const struct support *support)
{
    enum mf_sandbox automatic = automatic_choice(support);
    json_t *sandboxes = json_pack(
        "[o, o]",
        sandbox_to_json(MF_SANDBOX_PROCESS, support,
                        lines_to_json(filter_lines, filter_line_count),
                        lines_to_json(trampoline_lines, trampoline_line_count), NULL, NULL,
                        lines_to_json(filter_jit_lines, filter_jit_line_count)),
        sandbox_to_json(MF_SANDBOX_KVM, support,
                        lines_to_json(kvm_filter_lines, kvm_filter_line_count), NULL,
                        lines_to_json(kvm_reset_lines, kvm_reset_line_count),
                        lines_to_json(kvm_preempt_lines, kvm_preempt_line_count), NULL));
    return json_pack("{s:s?, s:o}", "auto",
                     automatic == MF_SANDBOX_AUTO ? NULL : sandbox_name(automatic), "sandboxes",
                     sandboxes);
}

static void print_calls(const json_t *calls)
{
    size_t i;
    json_t *call;
    json_array_foreach (calls, i, call)
        printf("\n  %s%s%s: %s\n      %s\n", cli_colour(CLI_BOLD),
               json_string_value(json_object_get(call, "call")), cli_colour(CLI_PLAIN),
               json_string_value(json_object_get(call, "rule")),
               json_string_value(json_object_get(call, "reason")));
}

static void print_sandbox(const json_t *sandbox)
{
    const char *name = json_string_value(json_object_get(sandbox, "name"));
    const char *why = json_string_value(json_object_get(sandbox, "why"));
    bool usable = json_is_true(json_object_get(sandbox, "usable"));
    const json_t *calls = json_object_get(sandbox, "host_calls");
    printf("\n%s%s%s: %s%s%s%s%s\n", cli_colour(CLI_BOLD), name, cli_colour(CLI_PLAIN),
           cli_colour(usable ? CLI_GREEN : CLI_RED), usable ? "works here" : "does not work here",
           cli_colour(CLI_PLAIN), why ? ": " : "", why ? why : "");
    printf("%zu host system calls are admitted, each only as said: %s.\n", json_array_size(calls),
           json_string_value(json_object_get(sandbox, "meaning")));
    print_calls(calls);
    const json_t *start = json_object_get(sandbox, "start_calls");
    if (start)
        printf("\n%zu are admitted only to the trampoline, by which a waiting process becomes a guest; "
               "it is unmapped before the guest's first instruction.\n",
               json_array_size(start));
    print_calls(start);
    const json_t *more = json_object_get(sandbox, "reset_calls");
    if (more)
        printf("\n%zu more are admitted to a function with `isolation: reset`, which is rolled back "
               "after every event.\n",
               json_array_size(more));
    print_calls(more);
    const json_t *preempts = json_object_get(sandbox, "preempt_calls");
    if (preempts)
        printf("\n%zu more are admitted where the image's library OS has threads, whose time is "
               "measured.\n",
               json_array_size(preempts));
    print_calls(preempts);
    const json_t *jit = json_object_get(sandbox, "jit_calls");
    if (jit)
        printf("\n%zu more are admitted to a function with `jit: true`.\n", json_array_size(jit));
    print_calls(jit);
}

json_t *host_choice(enum mf_sandbox asked)
{
    struct support support;
    struct mf_why why = {0};
    find_support(&support);
    enum mf_sandbox here = asked == MF_SANDBOX_AUTO ? automatic_choice(&support) : asked;
    bool usable = support.known && support.sandbox.usable[here];
    if (!support.known)
        why = support.why;
    else if (!usable)
        why = support.sandbox.why[asked == MF_SANDBOX_AUTO ? MF_SANDBOX_PROCESS : asked];
    else if (asked != MF_SANDBOX_AUTO)
        (void)mf_why(&why, MF_OK, "the function asks for it");
    else if (here == MF_SANDBOX_KVM)
        (void)mf_why(&why, MF_OK, "auto takes kvm where it works");
    else
        (void)mf_why(&why, MF_OK, "auto takes kvm where it works; here it does not: %.400s",
                     support.sandbox.why[MF_SANDBOX_KVM].text);
    return json_pack("{s:s, s:s?, s:s}", "asked", sandbox_name(asked), "here",
                     usable ? sandbox_name(here) : NULL, "why", why.text);
}

int host_show(bool json)
{
    struct support support;
    find_support(&support);
    json_t *host = host_to_json(&support);
    if (!host)
        return cli_fail(CLI_FAILED, "out of memory");
    if (json)
        return cli_print_json(host);
    const char *automatic = json_string_value(json_object_get(host, "auto"));
    if (automatic)
        printf("'auto' means '%s' on this machine.\n", automatic);
    else
        printf("No sandbox works on this machine.\n");
    size_t i;
    json_t *sandbox;
    json_array_foreach (json_object_get(host, "sandboxes"), i, sandbox)
        print_sandbox(sandbox);
    json_decref(host);
    return CLI_OK;
}
