/*
 * build_root.c: see build_root.h. Leaves the tree to image/root_tree.c, what is laid out in memory
 * to image/pack_loaded.c.
 */
#include "cli/build_root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build_user.h"
#include "cli/command.h"
#include "image/pack_loaded.h"
#include "image/root_folder.h"

#define SCRIPTS_MAX 4u /* a script that is its script's interpreter, and so on, as Linux has it */
#define SCRIPT_LINE_BYTES 256u

#define SEARCH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The file that is to be run, on the way from a script to a program. */
struct started {
    char path[MF_ROOT_TARGET_MAX + 1];
    const char *search, *folder;
    struct root_node *node;
    json_t *arguments;
};

static int follow_script(const struct build_root *root, struct started *command);
static int find_loader(struct build_root *root, const struct started *command,
                       struct mf_buf *executable);

static void tell(void *context, const char *sentence)
{
    (void)context;
    cli_note("mayfly: %s", sentence);
}

static int open_tree(struct build_root *root)
{
    struct mf_why why = {0};
    mf_err err = root_tree_open(&root->tree, &why);
    root->is_open = err == MF_OK;
    return err ? cli_fail_why(&why, err) : CLI_OK;
}

int build_root_from_folder(struct build_root *root, const char *folder)
{
    const struct root_ears ears = {.left_out = tell};
    struct mf_why why = {0};
    int code = open_tree(root);
    if (code != CLI_OK)
        return code;
    mf_err err = root_add_folder(&root->tree, folder, &ears, &why);
    return err ? cli_fail_why(&why, err) : CLI_OK;
}

int build_root_from_oci(struct build_root *root, const char *path)
{
    const struct root_ears ears = {.left_out = tell};
    struct mf_why why = {0};
    int code = open_tree(root);
    if (code != CLI_OK)
        return code;
    mf_err err = oci_import(path, &root->tree, &ears, &root->config, &why);
    if (err)
        return cli_fail(err == MF_ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s", path,
                        mf_why_text(&why, err));
    return CLI_OK;
}

/* PORT in an environment is what the setting `port` says. */
static bool take_port(json_t *environment, json_t *manifest)
{
    const char *text = json_string_value(json_object_get(environment, "PORT"));
    char *end;
    unsigned long port = text ? strtoul(text, &end, 10) : 0;
    bool taken = true;
    if (text && *text && !*end && !json_object_get(manifest, "port"))
        taken = json_object_set_new(manifest, "port", json_integer((json_int_t)port)) == 0;
    (void)json_object_del(environment, "PORT");
    return taken;
}

int build_root_configure(const struct build_root *root, json_t *manifest)
{
    const struct oci_config *config = &root->config;
    if (!config->environment)
        return CLI_OK;
    json_t *environment = json_copy(config->environment);
    const json_t *own = json_object_get(manifest, "environment");
    bool whole = environment && take_port(environment, manifest) &&
                 (!own || json_object_update(environment, (json_t *)(uintptr_t)own) == 0);
    if (whole && json_object_size(environment))
        whole = json_object_set(manifest, "environment", environment) == 0;
    if (whole && config->port && !json_object_get(manifest, "port"))
        whole = json_object_set_new(manifest, "port", json_integer(config->port)) == 0;
    if (whole && config->folder && strcmp(config->folder, "/") != 0 && !json_object_get(manifest, "folder"))
        whole = json_object_set_new(manifest, "folder", json_string(config->folder)) == 0;
    char user[MF_USER_TEXT_BYTES];
    if (whole && !json_object_get(manifest, "user") && build_user(root, user))
        whole = json_object_set_new(manifest, "user", json_string(user)) == 0;
    json_decref(environment);
    return whole ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

void build_root_close(struct build_root *root)
{
    oci_config_close(&root->config);
    json_decref(root->command);
    if (root->is_open)
        root_tree_close(&root->tree);
    *root = (struct build_root){0};
}

static const char *content(const struct build_root *root, const struct root_node *node)
{
    return (const char *)root->tree.store + node->content_at;
}

static int find(const struct build_root *root, const char *path, const char *what,
                struct root_node **node)
{
    *node = path[0] == '/' ? root_tree_find(&root->tree, path) : NULL;
    if (!*node)
        return cli_fail(CLI_NOT_FOUND, "%s%s: no such file in the root file system", what, path);
    if (((*node)->mode & MF_ROOT_TYPE) != MF_ROOT_FILE || (*node)->bytes == 0)
        return cli_fail(CLI_FAILED, "%s%s: no program, but a folder or an empty file", what, path);
    return CLI_OK;
}

/* A path, from the working folder on unless it is absolute, or a name that is looked for:
 * command->path becomes absolute, and command->node what is there. False: nothing is, or no place for a path. */
static bool locate(const struct build_root *root, struct started *command, const char *name)
{
    command->node = NULL;
    if (strchr(name, '/') || !*name) {
        bool relative = *name && *name != '/';
        bool fits = (size_t)snprintf(command->path, sizeof command->path, "%s%s%s", relative ? command->folder : "",
                                     relative ? "/" : "", name) < sizeof command->path;
        if (fits && command->path[0] == '/')
            command->node = root_tree_find(&root->tree, command->path);
        return command->node;
    }
    for (const char *at = command->search; *at;) {
        size_t bytes = strcspn(at, ":");
        int used = snprintf(command->path, sizeof command->path, "%.*s/%s", (int)bytes, at, name);
        struct root_node *node =
            (size_t)used < sizeof command->path ? root_tree_find(&root->tree, command->path) : NULL;
        if (node && (node->mode & MF_ROOT_TYPE) == MF_ROOT_FILE && (node->mode & 0111)) {
            command->node = node;
            return true;
        }
        at += bytes;
        at += *at == ':';
    }
    return false;
}

static int set_path(const struct build_root *root, struct started *command, const char *name)
{
    if (locate(root, command, name))
        return find(root, command->path, "", &command->node);
    if (*name && !strchr(name, '/'))
        return cli_fail(CLI_NOT_FOUND, "%s: no program of that name in the root file system (PATH is %s)", name,
                        command->search);
    if (strlen(name) + strlen(command->folder) >= sizeof command->path - 1)
        return cli_fail(CLI_FAILED, "%.80s...: the path is too long", name);
    return find(root, command->path, "", &command->node);
}

static void begin(struct started *command, const char *search, const char *folder)
{
    *command = (struct started){.search = search ? search : SEARCH_DEFAULT,
                                .folder = folder && strcmp(folder, "/") != 0 ? folder : ""};
}

struct root_node *build_root_at(const struct build_root *root, const char *program, const char *search,
                                const char *folder)
{
    struct started *command = malloc(sizeof *command);
    if (command)
        begin(command, search, folder);
    struct root_node *node = command && locate(root, command, program) ? command->node : NULL;
    free(command);
    return node;
}

static int follow(struct build_root *root, struct started *command, struct mf_buf *executable)
{
    for (unsigned i = 0; i <= SCRIPTS_MAX; i++) {
        if (command->node->bytes < 2 || memcmp(content(root, command->node), "#!", 2) != 0)
            return find_loader(root, command, executable);
        int code = follow_script(root, command);
        if (code != CLI_OK)
            return code;
    }
    return cli_fail(CLI_FAILED, "%s: a script whose interpreter is a script, more than %u times",
                    command->path, SCRIPTS_MAX);
}

int build_root_find(struct build_root *root, const char *program, const char *search,
                    const char *folder, const json_t *arguments, struct mf_buf *executable)
{
    struct mf_why why = {0};
    mf_err err = root_tree_contents(&root->tree, &why);
    if (err)
        return cli_fail_why(&why, err);
    struct started *command = calloc(1, sizeof *command);
    json_t *list = json_array();
    root->command = json_pack("{s:o}", "args", list);
    if (!command || !root->command ||
        (arguments && json_array_extend(list, (json_t *)(uintptr_t)arguments) != 0)) {
        free(command);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    begin(command, search, folder);
    command->arguments = list;
    int code = set_path(root, command, program);
    if (code == CLI_OK)
        code = follow(root, command, executable);
    free(command);
    return code;
}

static bool is_env(const char *interpreter)
{
    return strcmp(interpreter, "/usr/bin/env") == 0 || strcmp(interpreter, "/bin/env") == 0;
}

/* "#! INTERPRETER ARGUMENT": run INTERPRETER ARGUMENT SCRIPT ..., as execve(2) does. What env would
 * run is run itself. */
static int follow_script(const struct build_root *root, struct started *command)
{
    char line[SCRIPT_LINE_BYTES];
    size_t bytes = command->node->bytes < sizeof line ? command->node->bytes : sizeof line;
    const char *text = content(root, command->node);
    const char *end = memchr(text, '\n', bytes);
    if (!end && bytes < sizeof line)
        end = text + bytes; /* one line, without an end */
    if (!end)
        return cli_fail(CLI_FAILED, "%s: its first line has more than %zu bytes", command->path,
                        sizeof line - 1);
    (void)snprintf(line, sizeof line, "%.*s", (int)(end - text - 2), text + 2);
    line[strcspn(line, "\r")] = '\0';
    char *rest = line + strspn(line, " \t");
    char *interpreter = strsep(&rest, " \t");
    char *argument = rest ? rest + strspn(rest, " \t") : interpreter + strlen(interpreter);
    for (size_t i = strlen(argument); i > 0 && strchr(" \t", argument[i - 1]); i--)
        argument[i - 1] = '\0';
    if (is_env(interpreter) && *argument && !strpbrk(argument, " \t=") && *argument != '-') {
        interpreter = argument;
        argument += strlen(argument);
    }
    int failed = json_array_insert_new(command->arguments, 0, json_string(command->path));
    if (*argument)
        failed |= json_array_insert_new(command->arguments, 0, json_string(argument));
    if (failed)
        return cli_fail(CLI_FAILED, "%s: its name or its first line is no UTF-8", command->path);
    return set_path(root, command, interpreter);
}

static int find_loader(struct build_root *root, const struct started *command,
                       struct mf_buf *executable)
{
    char loader[MF_ROOT_TARGET_MAX + 1];
    struct mf_why why = {0};
    struct root_node *started = command->node;
    mf_err err = pack_interpreter((const uint8_t *)content(root, started), started->bytes, loader, &why);
    if (err)
        return cli_fail(CLI_FAILED, "%s: %s", command->path, mf_why_text(&why, err));
    int failed = json_object_set_new(root->command, "program", json_string(command->path));
    if (loader[0]) {
        failed |= json_object_set_new(root->command, "loader", json_string(loader));
        root->dynamic = command->node;
        int code = find(root, loader, "the program's dynamic loader, ", &started);
        if (code != CLI_OK)
            return code;
    }
    root->started = started;
    if (failed)
        return cli_fail(CLI_FAILED, "a path in the root file system is no UTF-8");
    err = mf_buf_add(executable, content(root, started), started->bytes);
    return err ? cli_fail_why(NULL, err) : CLI_OK;
}
