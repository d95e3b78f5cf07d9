/*
 * cmd_new.c: mayfly new. Copies a template beside our program, a working function
 * called "hello", under the new name: in hello.c its file name changes, in settings and
 * the like every "hello".
 * Guarantees: writes nothing over; on failure nothing of ours is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/command.h"
#include "image/pack.h"
#include "image/settings.h"

enum { KEY_DIR = CLI_LONG + 1, KEY_LANG, KEY_JSON };

static const struct cli_option options[] = {
    {"dir", KEY_DIR, "DIR", "the folder to make (default: NAME)"},
    {"lang", KEY_LANG, "LANGUAGE", "c (default), go, node or python"},
    {"json", KEY_JSON, NULL, "print what was made as JSON"},
    {0},
};

struct template_file {
    const char *from; /* NULL: the list's end  */
    const char *to;   /* NULL: NAME.c */
    const char *old;  /* text that stands for the name; NULL: none */
};

#define FILES_MAX 4u

struct language {
    const char *name;
    struct template_file file[FILES_MAX + 1];
    const char *next; /* how it is built, in its folder; NULL: as any project is */
};

static const struct language languages[] = {
    {"c",
     {{"hello.c", NULL, "hello.c"},
      {"function.yml", "function.yml", "hello"},
      {"README.md", "README.md", "hello"}},
     NULL},
    {"go",
     {{"main.go", "main.go", NULL},
      {"go.mod", "go.mod", "hello"},
      {"function.yml", "function.yml", "hello"},
      {"README.md", "README.md", "hello"}},
     NULL},
    {"node",
     {{"main.js", "main.js", NULL},
      {"root.sh", "root.sh", NULL},
      {"function.yml", "function.yml", "hello"},
      {"README.md", "README.md", "hello"}},
     "sh root.sh && mayfly build --rootfs root ."},
    {"python",
     {{"main.py", "main.py", NULL},
      {"root.sh", "root.sh", NULL},
      {"function.yml", "function.yml", "hello"},
      {"README.md", "README.md", "hello"}},
     "sh root.sh && mayfly build --rootfs root ."},
};
#define LANGUAGE_COUNT (sizeof languages / sizeof languages[0])

struct making {
    const struct language *language;
    const char *name;
    char own_source[MF_NAME_BYTES_MAX + sizeof ".c"];
    int folder; /* descriptor */
    size_t made; /* of its files */
};

static const char *target(const struct making *making, size_t i)
{
    const char *to = making->language->file[i].to;
    return to ? to : making->own_source;
}

static mf_err replace_all(const struct mf_buf *text, const char *old, const char *new,
                          struct mf_buf *out)
{
    const char *at = (const char *)text->data;
    mf_err err = MF_OK;
    for (const char *hit; at && !err && (hit = strstr(at, old)); at = hit + strlen(old)) {
        err = mf_buf_add(out, at, (size_t)(hit - at));
        if (!err)
            err = mf_buf_add(out, new, strlen(new));
    }
    return err || !at ? err : mf_buf_add(out, at, strlen(at));
}

static int write_new(struct making *making, const char *path, const struct mf_buf *text)
{
    int fd = openat(making->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return cli_fail(CLI_FAILED, "cannot create %s: %s", path, strerror(errno));
    making->made++;
    bool whole = write(fd, text->data, text->bytes) == (ssize_t)text->bytes;
    if (close(fd) != 0 || !whole)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    return CLI_OK;
}

static int copy_file(struct making *making, size_t i)
{
    const struct template_file *file = &making->language->file[i];
    char beside[64], path[PATH_MAX];
    (void)snprintf(beside, sizeof beside, "template/%s/%s", making->language->name, file->from);
    if (!cli_beside(beside, path, sizeof path))
        return cli_fail(CLI_FAILED, "no %s beside the mayfly program: the installation is not "
                        "whole; build or install mayfly again", beside);
    struct mf_buf text = {0}, changed = {0};
    struct mf_why why = {0};
    const char *new = file->to ? making->name : making->own_source;
    mf_err err = pack_read_file(path, MF_TEMPLATE_BYTES_MAX, &text, &why);
    if (!err)
        err = file->old ? replace_all(&text, file->old, new, &changed)
                        : mf_buf_add(&changed, text.data, text.bytes);
    int code = err ? cli_fail_why(&why, err) : write_new(making, target(making, i), &changed);
    mf_buf_close(&text);
    mf_buf_close(&changed);
    return code;
}

static int make(const struct language *language, const char *name, const char *folder)
{
    struct making making = {.language = language, .name = name};
    (void)snprintf(making.own_source, sizeof making.own_source, "%s.c", name);
    if (mkdir(folder, 0777) != 0)
        return cli_fail(CLI_FAILED, "cannot make the folder %s: %s%s", folder, strerror(errno),
                        errno == EEXIST ? "; nothing was changed" : "");
    making.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = making.folder < 0
                   ? cli_fail(CLI_FAILED, "cannot open %s: %s", folder, strerror(errno))
                   : CLI_OK;
    for (size_t i = 0; language->file[i].from && code == CLI_OK; i++)
        code = copy_file(&making, i);
    for (size_t i = 0; i < making.made && code != CLI_OK; i++)
        (void)unlinkat(making.folder, target(&making, i), 0);
    if (making.folder >= 0)
        (void)close(making.folder);
    if (code != CLI_OK)
        (void)rmdir(folder);
    return code;
}

static int print(const struct language *language, const char *name, const char *folder, bool json)
{
    struct making making = {.language = language, .name = name};
    json_t *files = json_array();
    (void)snprintf(making.own_source, sizeof making.own_source, "%s.c", name);
    for (size_t i = 0; language->file[i].from; i++)
        (void)json_array_append_new(files, json_string(target(&making, i)));
    if (json)
        return cli_print_json(json_pack("{s:s, s:s, s:s, s:o}", "name", name, "language", language->name,
                                        "folder", folder, "files", files));
    json_decref(files);
    printf("%s/\n", folder);
    for (size_t i = 0; language->file[i].from; i++)
        printf("  %s\n", target(&making, i));
    if (language->next)
        printf("\nNext: in %s, %s\n", folder, language->next);
    else
        printf("\nNext: mayfly build %s\n", folder);
    return CLI_OK;
}

static const struct language *find_language(const char *name)
{
    for (size_t i = 0; i < LANGUAGE_COUNT; i++)
        if (strcmp(languages[i].name, name) == 0)
            return &languages[i];
    cli_usage(&cmd_new, "--lang '%s': c, go, node or python", name);
}

static int run(int argc, char **argv)
{
    const char *folder = NULL;
    const struct language *language = &languages[0];
    bool json = false;
    int key;
    while ((key = cli_getopt(&cmd_new, argc, argv)) != -1) {
        if (key == KEY_DIR)
            folder = optarg;
        else if (key == KEY_LANG)
            language = find_language(optarg);
        else if (key == KEY_JSON)
            json = true;
    }
    if (argc - optind != 1)
        cli_usage(&cmd_new, "give one name");
    const char *name = argv[optind];
    if (!settings_name_valid(name, strlen(name)))
        cli_usage(&cmd_new, "'%s' is not a name: 1 to %d of a-z, 0-9 and -, no - at either end",
                  name, MF_NAME_BYTES_MAX);
    if (!folder)
        folder = name;
    int code = make(language, name, folder);
    return code == CLI_OK ? print(language, name, folder, json) : code;
}

const struct command cmd_new = {
    .name = "new",
    .arguments = "NAME [--lang c | go | node | python] [--dir DIR] [--json]",
    .summary = "start a function from a template",
    .details = "Makes a folder with a source, function.yml and README.md. Nothing that is there\n"
               "already is overwritten.",
    .options = options,
    .run = run,
};
