/*
 * deploy_workflow.c: a mayfly.yml to the node: sources built, images that are missing uploaded,
 * then one request that applies all of it, or nothing.
 * Guarantees: what is wrong in the file is told with its line, before anything is sent; a dry run
 * sends no image; what was built leaves no file behind.
 */
#include "cli/deploy_workflow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/build.h"
#include "cli/changes.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/upload.h"
#include "image/settings.h"
#include "image/workflow.h"

/* A function on its way. */
struct part {
    const struct workflow_function *function;
    char path[PATH_MAX]; /* of its image, or of its source */
    struct image_file file;
    json_t *manifest;    /* as the image says it            */
    char hash[IMAGE_HASH_TEXT];
    bool open, there;    /* there: on the node              */
};

struct job {
    const struct deploy_workflow *deploy;
    struct mf_buf text;
    char folder[PATH_MAX]; /* of the file: its paths begin there */
    char place[PATH_MAX];  /* for images that are built; "": none yet */
    struct workflow workflow;
    struct part *part;
    struct client client;
};

static int read_file(struct job *job);
static int take_part(struct job *job, size_t at);
static int send_images(struct job *job, bool *any);
static int apply(struct job *job);
static void close_job(struct job *job);

int deploy_workflow(const struct deploy_workflow *deploy)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return cli_fail(CLI_FAILED, "out of memory");
    job->deploy = deploy;
    bool sent;
    int code = read_file(job);
    for (size_t i = 0; i < job->workflow.count && code == CLI_OK; i++)
        code = take_part(job, i);
    if (code == CLI_OK)
        code = client_open(&job->client, deploy->node);
    if (code == CLI_OK)
        code = send_images(job, &sent);
    if (code == CLI_OK)
        code = apply(job);
    close_job(job);
    return code;
}

/* The images of what was built are called after their function. */
static void built_path(const struct job *job, size_t at, char path[static PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%.*s/%s.mf", PATH_MAX - MF_NAME_BYTES_MAX - 8, job->place,
                   job->workflow.function[at].name);
}

static void close_job(struct job *job)
{
    char path[PATH_MAX];
    for (size_t i = 0; job->part && i < job->workflow.count; i++) {
        if (job->part[i].open)
            image_close(&job->part[i].file);
        json_decref(job->part[i].manifest);
        built_path(job, i, path);
        if (job->place[0] && job->workflow.function[i].source)
            (void)unlink(path);
    }
    if (job->place[0])
        (void)rmdir(job->place);
    client_close(&job->client);
    workflow_close(&job->workflow);
    mf_buf_close(&job->text);
    free(job->part);
    free(job);
}

/* ---- the file ---- */

/* "mayfly.yml:7: what is wrong" */
static int fail_at(const struct job *job, enum cli_exit code, unsigned line, const char *what)
{
    if (!line)
        return cli_fail(code, "%s: %s", job->deploy->file, what);
    return cli_fail(code, "%s:%u: %s", job->deploy->file, line, what);
}

static unsigned line_of(const struct job *job, const struct workflow_function *function, const char *key)
{
    return workflow_line((const char *)job->text.data, job->text.bytes, function->name, key);
}

static int read_text(struct job *job)
{
    char piece[4096];
    FILE *file = fopen(job->deploy->file, "re");
    size_t got;
    mf_err err = MF_OK;
    if (!file)
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s", job->deploy->file,
                        strerror(errno));
    while (!err && job->text.bytes <= MF_WORKFLOW_FILE_BYTES_MAX &&
           (got = fread(piece, 1, sizeof piece, file)) > 0)
        err = mf_buf_add(&job->text, piece, got);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed)
        return cli_fail(CLI_FAILED, "%s: it cannot be read", job->deploy->file);
    return err ? cli_fail(CLI_FAILED, "out of memory") : CLI_OK;
}

/* It may be meant: a function that gives itself more to do. */
static void warn_of_circle(const struct job *job)
{
    struct mf_why why = {{0}};
    size_t at;
    if (workflow_has_circle(&job->workflow, &at, &why))
        cli_note("%s:%u: %s: %s", job->deploy->file, line_of(job, &job->workflow.function[at], NULL),
                 job->workflow.function[at].name, why.text);
}

static int read_file(struct job *job)
{
    struct mf_why why = {{0}};
    unsigned line;
    const char *slash = strrchr(job->deploy->file, '/');
    int bytes = slash ? (int)(slash - job->deploy->file) + 1 : 0;
    int code = read_text(job);
    if (code != CLI_OK)
        return code;
    if (bytes >= (int)sizeof job->folder)
        return cli_fail(CLI_FAILED, "%s: the path is too long", job->deploy->file);
    (void)snprintf(job->folder, sizeof job->folder, "%.*s", bytes, job->deploy->file);
    mf_err err = workflow_parse(job->text.data ? (const char *)job->text.data : "", job->text.bytes,
                                &job->workflow, &line, &why);
    if (err)
        return fail_at(job, CLI_FAILED, line, mf_why_text(&why, err));
    warn_of_circle(job);
    job->part = calloc(job->workflow.count, sizeof *job->part);
    return job->part ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

/* ---- a function: its image, and whether its settings suit that ---- */

static int find_path(struct job *job, struct part *part)
{
    const struct workflow_function *function = part->function;
    const char *key = function->image ? "image" : "source";
    const char *written = function->image ? function->image : function->source;
    struct stat about;
    struct mf_why why;
    int bytes = snprintf(part->path, sizeof part->path, "%s%s", written[0] == '/' ? "" : job->folder,
                         written);
    int error = bytes >= (int)sizeof part->path      ? ENAMETOOLONG
                : stat(part->path, &about) != 0      ? errno
                : function->image && S_ISDIR(about.st_mode) ? EISDIR
                                                     : 0;
    if (!error)
        return CLI_OK;
    (void)mf_why(&why, MF_ENOENT, "%s: %s: %.200s: %s", function->name, key, part->path, strerror(error));
    return fail_at(job, error == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, line_of(job, function, key), why.text);
}

/* One of an earlier function with the same source. */
static const struct part *built_before(const struct job *job, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (job->part[i].function->source &&
            strcmp(job->part[i].function->source, job->part[at].function->source) == 0)
            return &job->part[i];
    return NULL;
}

static int build_part(struct job *job, size_t at, char image[static PATH_MAX])
{
    struct part *part = &job->part[at];
    const char *tmp = getenv("TMPDIR");
    struct built built;
    const struct part *before = built_before(job, at);
    if (before) {
        built_path(job, (size_t)(before - job->part), image);
        return CLI_OK;
    }
    if (!job->place[0]) {
        (void)snprintf(job->place, sizeof job->place, "%s/mayfly-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
        if (!mkdtemp(job->place)) {
            int code = cli_fail(CLI_FAILED, "%s: %s", job->place, strerror(errno));
            job->place[0] = 0;
            return code;
        }
    }
    char *input = part->path;
    built_path(job, at, image);
    const struct build build = {.input = &input, .input_count = 1, .out = image};
    int code = build_image(&build, &built);
    if (code != CLI_OK) /* it has explained itself */
        (void)fail_at(job, CLI_FAILED, line_of(job, part->function, "source"),
                      "this source cannot be built; nothing was deployed (what is built already: `image: FILE`)");
    return code;
}

/* What the node will check as well; here it is known in which line it stands. */
static int check_part(struct job *job, struct part *part)
{
    const struct workflow_function *function = part->function;
    const char *text = (const char *)part->file.data + part->file.image.manifest_offset;
    struct settings settings;
    struct mf_why why = {{0}};
    unsigned line = line_of(job, function, NULL);
    part->manifest = json_loadb(text, part->file.image.info.manifest_bytes, JSON_REJECT_DUPLICATES, NULL);
    settings_init(&settings);
    mf_err err = settings_from_json(part->manifest, &settings, &why);
    if (!err)
        err = settings_from_json(function->settings, &settings, &why);
    if (!err) {
        err = image_fits(&part->file.image, (uint64_t)settings.memory_mib << 20, &why);
        unsigned memory = line_of(job, function, "memory_mib");
        line = err && memory ? memory : line;
    }
    settings_close(&settings);
    return err ? fail_at(job, CLI_FAILED, line, mf_why_text(&why, err)) : CLI_OK;
}

static int take_part(struct job *job, size_t at)
{
    struct part *part = &job->part[at];
    char image[PATH_MAX];
    part->function = &job->workflow.function[at];
    int code = find_path(job, part);
    if (code == CLI_OK && part->function->source)
        code = build_part(job, at, image);
    if (code == CLI_OK)
        code = upload_open(part->function->source ? image : part->path, &part->file);
    part->open = code == CLI_OK;
    if (code != CLI_OK)
        return code;
    upload_hash(&part->file, part->hash);
    return check_part(job, part);
}

/* ---- to the node ---- */

/* What is missing; any: something was. */
static int send_images(struct job *job, bool *any)
{
    *any = false;
    for (size_t i = 0; i < job->workflow.count; i++) {
        struct part *part = &job->part[i];
        int code = upload_is_there(&job->client, part->hash, &part->there);
        if (code == CLI_OK && !part->there && !job->deploy->dry_run)
            code = upload_image(&job->client, &part->file, part->path);
        if (code != CLI_OK)
            return code;
        *any |= !part->there;
    }
    return CLI_OK;
}

static char *make_body(const struct job *job)
{
    json_t *functions = json_object();
    for (size_t i = 0; i < job->workflow.count; i++) {
        const struct part *part = &job->part[i];
        bool tells = job->deploy->dry_run && !part->there;
        json_t *entry = json_pack("{s:s, s:O, s:O*}", "image", part->hash, "settings",
                                  part->function->settings, "manifest", tells ? part->manifest : NULL);
        if (json_object_set_new(functions, part->function->name, entry) != 0) {
            json_decref(functions);
            return NULL;
        }
    }
    json_t *body = json_pack("{s:o}", "functions", functions);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

/* With the line, if the node names what stands in one. */
static int tell_refusal(const struct job *job, const struct answer *answer)
{
    char *said = client_said(answer);
    unsigned line = said ? workflow_line_said((const char *)job->text.data, job->text.bytes, &job->workflow, said) : 0;
    int code = line ? fail_at(job, CLI_FAILED, line, said) : client_refused(answer, job->deploy->file);
    free(said);
    return code;
}

static int put(struct job *job, struct answer *answer)
{
    char path[sizeof "/v1/workflows/?dry_run=1" + MF_NAME_BYTES_MAX];
    char *body = make_body(job);
    if (!body)
        return cli_fail(CLI_FAILED, "out of memory");
    (void)snprintf(path, sizeof path, "/v1/workflows/%s%s", job->workflow.name,
                   job->deploy->dry_run ? "?dry_run=1" : "");
    const struct request request = {.method = "PUT",
                                    .path = path,
                                    .data = body,
                                    .bytes = strlen(body),
                                    .content_type = "application/json"};
    int code = client_call(&job->client, &request, answer);
    free(body);
    return code;
}

/* What the node had when it was asked it may have no more, for its last function went: once more then. */
static int apply(struct job *job)
{
    struct answer answer;
    bool missing = false;
    int code = put(job, &answer);
    if (code == CLI_OK && answer.status >= 400) {
        code = send_images(job, &missing);
        if (code != CLI_OK || missing)
            mf_buf_close(&answer.body);
        if (code == CLI_OK && missing)
            code = put(job, &answer);
    }
    if (code != CLI_OK)
        return code;
    code = answer.status >= 400 ? tell_refusal(job, &answer)
                                : changes_show(&job->client, &answer, job->deploy->file, job->deploy->json);
    mf_buf_close(&answer.body);
    return code;
}
