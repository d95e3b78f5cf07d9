/*
 * build_command.c: see build_command.h. A function is one process: a shell may end as another program (exec),
 * but not start one beside itself. What a line comes to is known here in the simple case, so that no shell
 * is needed; in all others the shell runs inside, and the author is told.
 * Leaves paths and scripts to build_root.c.
 */
#include "cli/build_command.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "image/pack_loaded.h"
#include "image/project.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,@%+"
#define BLANKS " \t\n"

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list;
}

static bool is_shell(const char *path)
{
    static const char *const shells[] = {"sh", "ash", "bash", "dash", NULL};
    return is_one_of(last_part(path), shells);
}

/* What a shell does itself, and no program could (POSIX.1-2017, XCU 2.4, 2.14 and "Special Built-Ins"). */
static bool is_shells_own(const char *word)
{
    static const char *const own[] = {
        "if", "for", "while", "until", "case", "function", "time", ".", ":", "source", "eval", "exec", "cd",
        "export", "readonly", "set", "unset", "shift", "trap", "ulimit", "umask", "wait", "read", "exit",
        "return", "command", "alias", "times", NULL};
    return is_one_of(word, own);
}

/* One word from *at on, which is no blank, to its end. False: it is not plain. */
static bool take_word(const char **at, bool first, struct mf_buf *word)
{
    mf_err err = MF_OK;
    while (**at && !strchr(BLANKS, **at) && !err) {
        const char quote = **at;
        size_t bytes;
        if (quote == '\'' || quote == '"') {
            const char *end = strchr(*at + 1, quote);
            bytes = end ? (size_t)(end - *at - 1) : 0;
            if (!end || (quote == '"' && strcspn(*at + 1, "$`\\!") < bytes))
                return false;
            err = mf_buf_add(word, *at + 1, bytes);
            *at += bytes + 2;
            continue;
        }
        bytes = strspn(*at, first ? PLAIN : PLAIN "=");
        if (bytes == 0)
            return false;
        err = mf_buf_add(word, *at, bytes);
        *at += bytes;
    }
    return !err && mf_buf_add(word, "", 1) == MF_OK;
}

json_t *build_command_words(const char *line)
{
    json_t *words = json_array();
    bool plain = words != NULL;
    for (line += strspn(line, BLANKS); plain && *line; line += strspn(line, BLANKS)) {
        struct mf_buf word = {0};
        bool first = json_array_size(words) == 0;
        plain = take_word(&line, first, &word);
        if (plain && first && strcmp((const char *)word.data, "exec") == 0 && *line)
            plain = line[strspn(line, BLANKS)] != '-'; /* it is not the program's name */
        else if (plain)
            plain = json_array_append_new(words, json_string((const char *)word.data)) == 0;
        mf_buf_close(&word);
    }
    const char *program = json_string_value(json_array_get(words, 0));
    if (plain && program && !is_shells_own(program))
        return words;
    json_decref(words);
    return NULL;
}

static const char *search_of(const struct build_root *root)
{
    return json_string_value(json_object_get(root->config.environment, "PATH"));
}

/* `/bin/sh -c LINE`, by the words of the line, if there is nothing else in it, and its program is there: a
 * shell has some of its own. */
static void leave_shell(struct build_root *root, const char *folder)
{
    struct oci_config *config = &root->config;
    const char *shell = json_string_value(json_array_get(config->command, 0));
    const char *option = json_string_value(json_array_get(config->command, 1));
    const char *line = json_string_value(json_array_get(config->command, 2));
    json_t *words = shell && option && line && is_shell(shell) && strcmp(option, "-c") == 0
                        ? build_command_words(line)
                        : NULL;
    if (!words)
        return;
    if (build_root_at(root, json_string_value(json_array_get(words, 0)), search_of(root), folder)) {
        json_decref(config->command);
        config->command = words;
    } else {
        json_decref(words);
    }
}

static void tell_of_shell(const struct build_root *root)
{
    const char *program = json_string_value(json_object_get(root->command, "program"));
    if (program && is_shell(program))
        cli_note("The image starts a shell, %s. It may end as another program (`exec PROGRAM`); a second process, "
                 "as pipes, $(...) and all other programs of a script are, is refused. If that is what it is for, "
                 "name the program that serves with --program, its args in function.yml.",
                 program);
}

/* Is it what programs like this are for, to become another one? */
static bool starts_others(const char *program)
{
    static const char *const starters[] = {"busybox", "ksh", "zsh", "env", "nice", "nohup", "stdbuf", "setpriv",
                                           "gosu", "su-exec", "chpst", NULL};
    return is_shell(program) || is_one_of(last_part(program), starters);
}

struct named {
    const struct root_tree *tree;
    const char *name;
    struct root_node *node; /* NULL: none yet */
};

/* The first program of fixed addresses that has this name in any folder: a script may go elsewhere first. */
static mf_err find_named(void *context, const struct root_name *name)
{
    struct named *named = context;
    struct root_node *node = name->node;
    if ((node->mode & MF_ROOT_TYPE) == MF_ROOT_FOLDER)
        return root_names_each(&node->folder, find_named, named);
    if (!named->node && strcmp(name->text, named->name) == 0 && loaded_is_fixed(named->tree, node))
        named->node = node;
    return MF_OK;
}

/* A word of a script, or an argument: the first program of fixed addresses that one names. anywhere: by its
 * name alone. */
static void want(struct build_root *root, const char *word, const char *folder, bool anywhere)
{
    const char *name = last_part(word);
    if (root->wanted || !*name)
        return;
    struct named named = {&root->tree, name, NULL};
    if (anywhere && root_names_each(&root->tree.root->folder, find_named, &named) != MF_OK)
        return;
    struct root_node *node = anywhere ? named.node : build_root_at(root, word, search_of(root), folder);
    if (node && loaded_is_fixed(&root->tree, node))
        root->wanted = node;
}

static void want_words(struct build_root *root, const char *text, size_t bytes, const char *folder, bool anywhere)
{
    static const char between[] = " \t\n\r;&|()<>'\"`{}";
    char word[MF_ROOT_TARGET_MAX + 1];
    for (size_t at = 0, start = 0; at <= bytes; at++) {
        if (at < bytes && text[at] && !strchr(between, text[at]))
            continue;
        if (at > start && at - start < sizeof word) {
            (void)snprintf(word, sizeof word, "%.*s", (int)(at - start), text + start);
            want(root, word, folder, anywhere);
        }
        start = at + 1;
    }
}

/* What arguments name, and scripts among them: text that begins as one. */
static void find_wanted(struct build_root *root, const char *folder, bool anywhere)
{
    size_t i;
    const json_t *argument;
    json_array_foreach(json_object_get(root->command, "args"), i, argument) {
        const char *text = json_string_value(argument);
        const struct root_node *node = *text ? build_root_at(root, text, search_of(root), folder) : NULL;
        const char *script = node ? (const char *)root->tree.store + node->content_at : NULL;
        bool is_script = node && (node->mode & MF_ROOT_TYPE) == MF_ROOT_FILE && node->bytes > 2 &&
                         memcmp(script, "#!", 2) == 0;
        want_words(root, is_script ? script : text, is_script ? node->bytes : strlen(text), folder, anywhere);
    }
}

/* Layers need not have it (config.md, WorkingDir). */
static int make_folder(struct build_root *root)
{
    const char *folder = root->config.folder;
    struct mf_why why = {0};
    if (!folder || folder[0] != '/' || root_tree_find(&root->tree, folder))
        return CLI_OK;
    mf_err err = root_tree_folder(&root->tree, folder + strspn(folder, "/"), 0755, &why);
    return err ? cli_fail(CLI_FAILED, "the image's working folder: %s", mf_why_text(&why, err)) : CLI_OK;
}

int build_command_find(struct build_root *root, const char *program, const json_t *manifest,
                       struct mf_buf *executable)
{
    struct oci_config *config = &root->config;
    const char *folder = json_string_value(json_object_get(manifest, "folder"));
    folder = folder ? folder : config->folder;
    json_t *arguments = json_incref(json_object_get(manifest, "args"));
    int code = make_folder(root);
    if (!program)
        program = json_string_value(json_object_get(manifest, "program"));
    bool is_images = !program && json_array_size(config->command) > 0;
    if (is_images) {
        leave_shell(root, folder);
        program = json_string_value(json_array_get(config->command, 0));
        if (!arguments) {
            arguments = json_copy(config->command);
            (void)json_array_remove(arguments, 0);
        }
    }
    if (code == CLI_OK && !program)
        code = cli_fail(CLI_USAGE, "which program of the root file system? Give --program PATH, or "
                        "`program: PATH` in " PROJECT_FILE);
    if (code == CLI_OK)
        code = build_root_find(root, program, search_of(root), folder, arguments, executable);
    if (code == CLI_OK && is_images)
        tell_of_shell(root);
    root->starts_others =
        code == CLI_OK && starts_others(json_string_value(json_object_get(root->command, "program")));
    for (int anywhere = 0; root->starts_others && anywhere < 2; anywhere++)
        find_wanted(root, folder, anywhere);
    json_decref(arguments);
    return code;
}
