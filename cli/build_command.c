/*
 * build_command.c: see build_command.h. A function is one program, so a shell that starts another one
 * could not; what it would start is known here in the simple case, and told to the author in all others.
 * Leaves paths and scripts to build_root.c.
 */
#include "cli/build_command.h"

#include <string.h>

#include "cli/command.h"
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
    if (build_root_has(root, json_string_value(json_array_get(words, 0)), search_of(root), folder)) {
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
        cli_note("The image starts a shell, %s. What that starts in turn is refused, since a function is one "
                 "program: if it is another one that serves, name it with --program, its args in function.yml.",
                 program);
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
    json_decref(arguments);
    return code;
}
