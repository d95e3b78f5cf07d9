/*
 * build.c: a project's folder, C files or a ready executable → an image.
 * Guarantees: the image appears whole or not at all; temporary files are gone when
 * it returns. Leaves compiling to compile.c, the format to image/.
 */
#include "cli/build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/build_command.h"
#include "cli/build_root.h"
#include "cli/build_stale.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "image/image.h"
#include "image/pack.h"
#include "image/project.h"
#include "image/settings.h"

#define OTHER_LANGUAGE                                                                            \
    "of a program in another language `mayfly build --program FILE` makes an image, or `mayfly " \
    "build --rootfs DIR` with all its files"

/* One build on its way; zeroed means nothing is held. */
struct making {
    const struct build *build;
    struct built *built;
    char folder[PATH_MAX]; /* where the compiler runs                 */
    bool is_project;       /* folder is a project: function.yml holds */
    struct project project;
    char **source;         /* found in the folder; NULL: the project's or the inputs */
    char *manifest;        /* with the name in it */
    char scratch[PATH_MAX]; /* folder of temporary files; "" = none */
    char program[PATH_MAX]; /* the executable to pack */
    struct mf_buf executable; /* it, read */
    struct build_root root;   /* that it is of */
};

static int find_folder(struct making *making);
static int read_project(struct making *making);
static int choose_name(struct making *making);
static int take_root(struct making *making);
static int make_program(struct making *making);
static int read_program(struct making *making);
static int set_manifest(struct making *making);
static int pack(struct making *making);
static void tidy(struct making *making);

static bool has_root(const struct build *build)
{
    return build->rootfs || build->oci;
}

int build_image(const struct build *build, struct built *built)
{
    *built = (struct built){0};
    struct making *making = calloc(1, sizeof *making);
    if (!making)
        return cli_fail(CLI_FAILED, "out of memory");
    making->build = build;
    making->built = built;
    int code = find_folder(making);
    if (code == CLI_OK && making->is_project)
        code = read_project(making);
    if (code == CLI_OK)
        code = choose_name(making);
    if (code == CLI_OK && has_root(build))
        code = take_root(making);
    else if (code == CLI_OK)
        code = make_program(making);
    if (code == CLI_OK && !has_root(build))
        code = read_program(making);
    if (code == CLI_OK)
        code = set_manifest(making);
    if (code == CLI_OK)
        code = pack(making);
    tidy(making);
    free(making);
    return code;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_c(const char *path)
{
    size_t bytes = strlen(path);
    return bytes > 2 && strcmp(path + bytes - 2, ".c") == 0;
}

static int find_folder(struct making *making)
{
    const struct build *build = making->build;
    const char *folder = ".";
    if (build->input_count == 1 && is_folder(build->input[0])) {
        folder = build->input[0];
        making->is_project = true;
    } else if (build->input_count == 0 && !build->program && !has_root(build)) {
        making->is_project = true;
    } else if ((build->program || has_root(build)) && build->input_count > 0) {
        return cli_fail(CLI_USAGE, "--program and C files are two programs; give one of them "
                        "(a folder with a " PROJECT_FILE " may stand beside --program)");
    }
    if ((size_t)snprintf(making->folder, sizeof making->folder, "%s", folder) >=
        sizeof making->folder)
        return cli_fail(CLI_FAILED, "%s: the path is too long", folder);
    if (build->oci && access(build->oci, F_OK) != 0)
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s; an image of a registry is fetched first: "
                        "`skopeo copy docker://NAME oci-archive:FILE`", build->oci, strerror(errno));
    for (size_t i = 0; i < build->input_count && !making->is_project; i++) {
        if (access(build->input[i], R_OK) != 0)
            return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED,
                            "%s: %s; give a project's folder, or C files", build->input[i],
                            strerror(errno));
        if (is_folder(build->input[i]))
            return cli_fail(CLI_USAGE, "%s is a folder; give one folder, or C files",
                            build->input[i]);
        if (!is_c(build->input[i]))
            return cli_fail(CLI_USAGE, "%s is no C file; " OTHER_LANGUAGE, build->input[i]);
    }
    return CLI_OK;
}

static int read_project(struct making *making)
{
    char path[PATH_MAX + sizeof PROJECT_FILE + 1];
    (void)snprintf(path, sizeof path, "%s/%s", making->folder, PROJECT_FILE);
    struct mf_buf text = {0};
    struct mf_why why = {0};
    mf_err err = pack_read_file(path, MF_PROJECT_FILE_BYTES_MAX, &text, &why);
    if (err == MF_ENOENT)
        return cli_fail(CLI_NOT_FOUND, "%s is not there; `mayfly new NAME` makes a project, or "
                        "give C files", path);
    if (err)
        return cli_fail_why(&why, err);
    err = project_parse((const char *)text.data, text.bytes, &making->project, &why);
    mf_buf_close(&text);
    return err ? cli_fail(CLI_FAILED, "%s: %s", path, mf_why_text(&why, err)) : CLI_OK;
}

/* The last part of a path, less ".c" or the like; false if that is too long. */
static bool stem(const char *path, char *name, size_t room)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t bytes = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    if (bytes >= room)
        return false;
    memcpy(name, base, bytes);
    name[bytes] = '\0';
    return true;
}

static int choose_name(struct making *making)
{
    const struct build *build = making->build;
    char *name = making->built->name;
    size_t room = sizeof making->built->name;
    char whole[PATH_MAX];
    const char *from = build->name;
    bool fits;
    if (!from && making->project.name && making->project.name[0])
        from = making->project.name;
    if (from) {
        fits = (size_t)snprintf(name, room, "%s", from) < room;
    } else {
        from = build->oci ? build->oci : build->program ? build->program : build->input_count ? build->input[0] : ".";
        if (making->is_project)
            from = realpath(making->folder, whole) ? whole : making->folder;
        fits = stem(from, name, room);
    }
    if (!fits || !settings_name_valid(name, strlen(name)))
        return cli_fail(CLI_USAGE, "'%s' gives no name for a function: 1 to %d of a-z, 0-9 and -; "
                        "give one with --name", from, MF_NAME_BYTES_MAX);
    return CLI_OK;
}

static int only_c(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && is_c(entry->d_name);
}

/* Every C file of the folder, in the order of their names. */
static int find_sources(struct making *making)
{
    struct dirent **entry;
    int found = scandir(making->folder, &entry, only_c, alphasort);
    if (found < 0)
        return cli_fail(CLI_FAILED, "%s: %s", making->folder, strerror(errno));
    size_t count = (size_t)found;
    making->source = calloc(count + 1, sizeof *making->source);
    bool whole = making->source != NULL;
    for (size_t i = 0; i < count; i++) {
        if (whole)
            whole = (making->source[i] = strdup(entry[i]->d_name)) != NULL;
        free(entry[i]);
    }
    free(entry);
    if (!whole)
        return cli_fail(CLI_FAILED, "out of memory");
    if (count == 0)
        return cli_fail(CLI_NOT_FOUND, "%s holds no C file; " OTHER_LANGUAGE, making->folder);
    if (count > MF_PROJECT_SOURCES_MAX)
        return cli_fail(CLI_FAILED, "%s holds %zu C files; %u are allowed", making->folder, count,
                        MF_PROJECT_SOURCES_MAX);
    return CLI_OK;
}

static int make_scratch(struct making *making)
{
    const char *place = getenv("TMPDIR");
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/mayfly-build-XXXXXX",
                         place && place[0] ? place : "/tmp") >= sizeof path - sizeof "/program")
        return cli_fail(CLI_FAILED, "TMPDIR is too long");
    if (!mkdtemp(path))
        return cli_fail(CLI_FAILED, "cannot make a temporary folder %s: %s", path,
                        strerror(errno));
    memcpy(making->scratch, path, sizeof path);
    return CLI_OK;
}

static int take_root(struct making *making)
{
    const struct build *build = making->build;
    if (build->rootfs && build->oci)
        return cli_fail(CLI_USAGE, "--rootfs and --oci are two root file systems; give one of them");
    int code = build->rootfs ? build_root_from_folder(&making->root, build->rootfs)
                             : build_root_from_oci(&making->root, build->oci);
    json_t *manifest = json_loads(making->project.manifest ? making->project.manifest : "{}", 0, NULL);
    if (code == CLI_OK)
        code = build_command_find(&making->root, build->program, manifest, &making->executable);
    json_decref(manifest);
    if (code == CLI_OK && build->rootfs && making->is_project)
        build_stale_tell(&making->root, making->folder);
    return code;
}

static int make_program(struct making *making)
{
    const struct build *build = making->build;
    if (build->program) {
        if ((size_t)snprintf(making->program, sizeof making->program, "%s", build->program) >=
            sizeof making->program)
            return cli_fail(CLI_FAILED, "%s: the path is too long", build->program);
        return CLI_OK;
    }
    char *const *source = build->input; /* argv: NULL-terminated */
    bool go = making->project.build == PROJECT_GO;
    int code = CLI_OK;
    if (making->is_project && !go) {
        source = making->project.source;
        if (!source[0]) {
            code = find_sources(making);
            source = making->source;
        }
    }
    if (code == CLI_OK)
        code = make_scratch(making);
    if (code != CLI_OK)
        return code;
    (void)snprintf(making->program, sizeof making->program, "%.*s/program",
                   (int)(sizeof making->program - sizeof "/program"), making->scratch);
    struct compile compile = {
        .compiler = build->compiler ? build->compiler : go ? "go" : "musl-gcc",
        .package = go ? "golang-go" : "musl-tools",
        .folder = making->folder,
        .source = source,
        .cflag = making->project.cflag,
        .out = making->program,
    };
    return go ? compile_go(&compile) : compile_program(&compile);
}

static int read_program(struct making *making)
{
    struct mf_why why = {0};
    mf_err err = pack_read_file(making->program, MF_IMAGE_BYTES_MAX, &making->executable, &why);
    return err ? cli_fail_why(&why, err) : CLI_OK;
}

/* Asked for, or the project's, or by what the program is. NULL: that is no contract. */
static const char *choose_contract(const struct making *making, const json_t *manifest)
{
    const char *asked = making->build->contract;
    enum contract contract = CONTRACT_HTTP;
    if (!asked)
        asked = json_string_value(json_object_get(manifest, "contract"));
    if (!asked && !making->root.is_open && pack_program_is_sdk(making->executable.data, making->executable.bytes))
        contract = CONTRACT_SDK;
    return !asked || contract_from_name(asked, &contract) ? contract_name(contract) : NULL;
}

static int set_manifest(struct making *making)
{
    const char *text = making->project.manifest ? making->project.manifest : "{}";
    json_t *object = json_loads(text, 0, NULL);
    const char *contract = choose_contract(making, object);
    making->built->contract = contract;
    if (!contract) {
        json_decref(object);
        return cli_fail(CLI_USAGE, "--contract '%s': sdk, http, lambda, openwhisk or stdio",
                        making->build->contract);
    }
    bool sdk = strcmp(contract, contract_name(CONTRACT_SDK)) == 0; /* which is the default */
    if (object && build_root_configure(&making->root, object) != CLI_OK) {
        json_decref(object);
        return CLI_FAILED;
    }
    if (object && making->root.command && json_object_update(object, making->root.command) != 0) {
        json_decref(object);
        object = NULL;
    }
    if (object && json_object_set_new(object, "name", json_string(making->built->name)) == 0 &&
        (sdk || json_object_set_new(object, "contract", json_string(contract)) == 0))
        making->manifest = json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(object);
    return making->manifest ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

static int write_image(struct making *making, const struct mf_buf *image)
{
    struct built *built = making->built;
    struct mf_why why = {0};
    struct image parsed;
    const char *out = making->build->out;
    int used = out ? snprintf(built->path, sizeof built->path, "%s", out)
                   : snprintf(built->path, sizeof built->path, "%s.mf", built->name);
    if ((size_t)used >= sizeof built->path)
        return cli_fail(CLI_FAILED, "%s: the path is too long", out);
    mf_err err = image_parse(image->data, image->bytes, &parsed, &why);
    if (!err)
        err = pack_write_file(built->path, image, &why);
    if (err)
        return cli_fail_why(&why, err);
    built->image_bytes = image->bytes;
    memcpy(built->hash, parsed.info.hash, sizeof built->hash);
    return CLI_OK;
}

static int pack(struct making *making)
{
    char kernel_path[PATH_MAX];
    bool sdk = strcmp(making->built->contract, contract_name(CONTRACT_SDK)) == 0;
    const char *name = sdk ? "kernel.elf" : "kernel-linux.elf";
    if (!cli_beside(name, kernel_path, sizeof kernel_path))
        return cli_fail(CLI_FAILED, "no %s beside the mayfly program: the installation is "
                        "not whole; build or install mayfly again", name);
    struct mf_buf kernel = {0}, image = {0};
    struct mf_why why = {0};
    const char *refused = NULL; /* what the packer refuses is a matter of this input */
    mf_err err = pack_read_file(kernel_path, MF_IMAGE_BYTES_MAX, &kernel, &why);
    if (!err) {
        struct pack_input input = {
            .kernel = kernel.data,
            .kernel_bytes = kernel.bytes,
            .program = making->executable.data,
            .program_bytes = making->executable.bytes,
            .root = making->root.is_open ? &making->root.tree : NULL,
            .started = making->root.started,
            .dynamic = making->root.dynamic,
            .programs = making->root.starts_others,
            .wanted = making->root.wanted,
            .manifest = making->manifest,
            .manifest_bytes = strlen(making->manifest),
        };
        err = pack_image(&input, &image, &why);
        refused = making->build->program ? making->build->program : making->built->name;
    }
    int code = CLI_FAILED;
    if (!err)
        code = write_image(making, &image);
    else if (refused)
        (void)cli_fail(CLI_FAILED, "cannot pack %s: %s", refused, mf_why_text(&why, err));
    else
        code = cli_fail_why(&why, err);
    mf_buf_close(&kernel);
    mf_buf_close(&image);
    return code;
}

static void tidy(struct making *making)
{
    if (making->scratch[0]) {
        (void)unlink(making->program);
        (void)rmdir(making->scratch);
    }
    for (char **at = making->source; at && *at; at++)
        free(*at);
    free(making->source);
    free(making->manifest);
    mf_buf_close(&making->executable);
    build_root_close(&making->root);
    project_close(&making->project);
}
