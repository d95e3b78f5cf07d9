/* verbs.c: see verbs.h. */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/data.h"

static int parse(const struct verbs *verbs, struct asked *asked, int argc, char **argv);
static const struct verb *find(const struct verbs *verbs, int argc, char **argv, const char **operand);

int verbs_run(const struct verbs *verbs, struct asked *asked, int argc, char **argv)
{
    struct client client = {0};
    const struct verb *verb = NULL;
    int code = parse(verbs, asked, argc, argv);
    if (code == CLI_OK) {
        verb = find(verbs, argc, argv, &asked->operand);
        if (verbs->of_names && asked->operand)
            client_check_name(asked->operand);
        code = client_open(&client, asked->node);
    }
    if (code == CLI_OK)
        code = verb->run(&client, asked);
    mf_buf_close(&asked->data);
    client_close(&client);
    return code;
}

static int parse(const struct verbs *verbs, struct asked *asked, int argc, char **argv)
{
    int key, code = CLI_OK;
    while (code == CLI_OK && (key = cli_getopt(verbs->command, argc, argv)) != -1) {
        if (key == CLIENT_KEY_NODE)
            asked->node = optarg;
        else if (key == VERBS_JSON)
            asked->json = true;
        else if (key == VERBS_TENANT)
            client_check_name(asked->tenant = optarg);
        else if (key == VERBS_COUNT)
            asked->count = cli_number("--count", optarg, 1, verbs->count_max);
        else if (key == VERBS_AFTER)
            asked->after = optarg;
        else if (key == 'd' && (asked->has_data = true))
            code = cli_read_data(optarg, &asked->data);
        verbs->option(asked, key);
    }
    return code;
}

/* "ls, peek or purge". */
static void verb_names(const struct verb *verbs, char *text, size_t room)
{
    size_t at = 0;
    for (size_t i = 0; verbs[i].name && at < room; i++) {
        const char *between = i == 0 ? "" : verbs[i + 1].name ? ", " : " or ";
        at += (size_t)snprintf(text + at, room - at, "%s%s", between, verbs[i].name);
    }
}

/* The one that stands at optind, and its operand (NULL: none), or the end of the program. */
static const struct verb *find(const struct verbs *verbs, int argc, char **argv, const char **operand)
{
    const struct verb *verb = verbs->verb;
    char names[MF_WHY_BYTES];
    verb_names(verb, names, sizeof names);
    if (optind == argc)
        cli_usage(verbs->command, "%s belongs here", names);
    while (verb->name && strcmp(argv[optind], verb->name) != 0)
        verb++;
    if (!verb->name)
        cli_usage(verbs->command, "'%.40s': %s belongs here", argv[optind], names);
    if (argc - optind > 2)
        cli_usage(verbs->command, "'%.40s' is one argument too many", argv[optind + 2]);
    *operand = argc - optind == 2 ? argv[optind + 1] : NULL;
    if (verb->needs && (!*operand || !**operand))
        cli_usage(verbs->command, "%s: %s", verb->name, verb->needs);
    return verb;
}
