/*
 * version_image.c: see version_image.h.
 * Guarantees: nothing is started from a file that was not checked whole in this life of the
 * node, or has changed since; what is wrong with one is logged once and told to each call.
 * Leaves to others: names and content of images (image_store.c). Owns the descriptor, and
 * the checks that run beside the loop.
 */
#include "node/functions/version_image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "node/functions/function.h"
#include "node/functions/image_store.h"
#include "node/logs/function_log.h"
#include "node/pool/dispatch.h"
#include "node/node.h"

/* One check beside the loop. */
struct check {
    uv_work_t work;
    struct function *function; /* counted  */
    struct version *version;   /* the same */
    int fd;
    struct file_identity identity;
    mf_err err;
    struct mf_why why;
};

static void settle(struct function *function, struct version *version,
                   const struct file_identity *identity, mf_err err, const char *fault);
static mf_err refuse(const struct version *version, mf_err err, const char *fault,
                     struct mf_why *why);
static bool knows(const struct version_image *image, int fd, off_t *bytes);
static mf_err check_beside(struct function *function, struct version *version, int fd);

void version_image_checked(struct version *version, const struct file_identity *identity)
{
    struct version_image *image = &version->image;
    free(image->fault);
    image->fault = NULL;
    image->identity = *identity;
    image->checked = true;
}

static void use(struct version_image *image, int fd)
{
    if (image->fd >= 0 && image->fd != fd)
        (void)close(image->fd);
    image->fd = fd;
    image->users++;
}

mf_err version_image_get(struct function *function, struct version *version, struct mf_why *why)
{
    struct version_image *image = &version->image;
    struct file_identity identity;
    struct mf_why fault = {{0}};
    off_t bytes = 0;
    int fd;
    if (image->checking)
        return MF_EAGAIN;
    if (image->fd >= 0 && !image->fault && knows(image, image->fd, &bytes)) {
        use(image, image->fd);
        return MF_OK;
    }
    mf_err err = image_store_open(&function->node->api.state, version->hash, &fd, &fault);
    if (err) {
        settle(function, version, &(struct file_identity){0}, err, mf_why_text(&fault, err));
        return refuse(version, err, mf_why_text(&fault, err), why);
    }
    if (!knows(image, fd, &bytes)) {
        if (bytes > (off_t)MF_IMAGE_CHECK_NOW_BYTES_MAX)
            return check_beside(function, version, fd);
        err = image_check(fd, version->hash, &identity, &fault);
        settle(function, version, &identity, err, mf_why_text(&fault, err));
    } else if (image->fault) {
        err = mf_why(&fault, MF_EFORMAT, "%s", image->fault);
    }
    if (!err) {
        use(image, fd);
        return MF_OK;
    }
    (void)close(fd);
    return refuse(version, err, mf_why_text(&fault, err), why);
}

void version_image_put(struct version *version)
{
    struct version_image *image = &version->image;
    mf_assert(image->users > 0);
    if (--image->users > 0)
        return;
    (void)close(image->fd);
    image->fd = -1;
}

void version_image_close(struct version_image *image)
{
    mf_assert(!image->checking);
    if (image->fd >= 0)
        (void)close(image->fd);
    image->fd = -1;
    free(image->fault);
    image->fault = NULL;
}

/* Is the open file the one that was looked at? */
static bool knows(const struct version_image *image, int fd, off_t *bytes)
{
    struct stat stat;
    struct file_identity now;
    if (fstat(fd, &stat) != 0)
        return false;
    file_identify(&stat, &now);
    *bytes = stat.st_size;
    return image->checked && file_is_same(&now, &image->identity);
}

static mf_err refuse(const struct version *version, mf_err err, const char *fault,
                     struct mf_why *why)
{
    return mf_why(why, err, "image %.12s: %.300s%s", version->hash, fault,
                  err == MF_EFORMAT || err == MF_ENOENT ? "; deploy the function again" : "");
}

/* What was found. What a file holds stays as it is; other troubles may pass. */
static void settle(struct function *function, struct version *version,
                   const struct file_identity *identity, mf_err err, const char *fault)
{
    struct version_image *image = &version->image;
    bool known = err && image->fault && strcmp(image->fault, fault) == 0;
    char *words = err ? strdup(fault) : NULL;
    version_image_checked(version, identity);
    image->checked = !err || (err == MF_EFORMAT && words);
    image->fault = words;
    if (err && !known)
        mf_log(MF_LOG_ERROR, "image.unusable", "fn=%s hash=%s why=\"%s\"", function->name,
               version->hash, fault);
}

static void check(uv_work_t *work)
{
    struct check *check = work->data;
    check->err = image_check(check->fd, check->version->hash, &check->identity, &check->why);
}

static void checked(uv_work_t *work, int status)
{
    struct check *check = work->data;
    struct function *function = check->function;
    check->version->image.checking = false;
    function->node->image_checks--;
    if (status == 0)
        settle(function, check->version, &check->identity, check->err,
               mf_why_text(&check->why, check->err));
    (void)close(check->fd);
    version_put(check->version);
    free(check);
    dispatch_place(function);
    function_put(function);
}

static mf_err check_beside(struct function *function, struct version *version, int fd)
{
    struct check *made = calloc(1, sizeof *made);
    if (made) {
        made->fd = fd;
        made->work.data = made;
        made->function = function_get(function);
        made->version = version_get(version);
        version->image.checking = true;
        function->node->image_checks++;
        if (uv_queue_work(&function->node->loop.uv, &made->work, check, checked) == 0)
            return MF_EAGAIN;
        version->image.checking = false;
        function->node->image_checks--;
        function_put(function);
        version_put(version);
    }
    free(made);
    (void)close(fd);
    return MF_ENOMEM;
}
