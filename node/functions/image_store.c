/*
 * image_store.c: see image_store.h.
 * Guarantees: a file HASH.mf has that content hash and a manifest that is allowed.
 */
#include "node/functions/image_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/layout.h"

static void hex(const uint8_t *bytes, char text[IMAGE_HASH_HEX + 1])
{
    for (size_t i = 0; i < MF_IMAGE_HASH_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* The settings that an open image asks for. MF_EFORMAT when they do not fit the image. */
static mf_err read_manifest(const struct image_file *file, struct settings *settings,
                            struct mf_why *why)
{
    const struct image *image = &file->image;
    settings_init(settings);
    mf_err err = settings_parse((const char *)file->data + image->manifest_offset,
                                image->info.manifest_bytes, settings, why);
    if (err)
        settings_close(settings);
    return err;
}

static mf_err check_window(const struct image *image, const struct settings *settings,
                           struct mf_why *why)
{
    return image_fits(image, (uint64_t)settings->memory_mib << 20, why);
}

mf_err upload_open(const struct state_dir *state, uint64_t serial, struct upload *upload,
                   struct mf_why *why)
{
    *upload = (struct upload){.state = state};
    (void)snprintf(upload->temporary, sizeof upload->temporary, ".tmp-upload-%llu",
                   (unsigned long long)serial);
    upload->fd = openat(state->images_fd, upload->temporary,
                        O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (upload->fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot keep the image: %s", strerror(errno));
    return MF_OK;
}

static mf_err write_all(const struct upload *upload, const uint8_t *at, size_t bytes,
                        struct mf_why *why)
{
    while (bytes) {
        ssize_t wrote = write(upload->fd, at, bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return mf_why(why, mf_err_from_errno(errno), "cannot keep the image: %s%s",
                          strerror(errno), errno == ENOSPC ? "; make room and try again" : "");
        at += wrote;
        bytes -= (size_t)wrote;
    }
    return MF_OK;
}

static mf_err write_block(struct upload *upload, struct mf_why *why)
{
    mf_err err = write_all(upload, upload->block, upload->block_bytes, why);
    upload->block_bytes = 0;
    return err;
}

/* Past the first large page each is written in one go: then a file system that can keeps it as one
 * in its cache, and instances have one fault for 512 pages of text (image/pack.c). */
mf_err upload_add(struct upload *upload, const void *data, size_t bytes, struct mf_why *why)
{
    const uint8_t *at = data;
    if (bytes > MF_IMAGE_BYTES_MAX - upload->bytes)
        return mf_why(why, MF_ETOOBIG, "an image has at most %llu bytes", MF_IMAGE_BYTES_MAX);
    mf_err err = MF_OK;
    while (bytes && !err) {
        size_t left = MF_LARGE_PAGE_BYTES - upload->bytes % MF_LARGE_PAGE_BYTES;
        size_t part = bytes < left ? bytes : left;
        if (upload->bytes >= MF_LARGE_PAGE_BYTES && !upload->block)
            upload->block = malloc(MF_LARGE_PAGE_BYTES);
        if (upload->bytes >= MF_LARGE_PAGE_BYTES && !upload->block)
            return MF_ENOMEM;
        upload->bytes += part;
        if (upload->block) {
            memcpy(upload->block + upload->block_bytes, at, part);
            upload->block_bytes += part;
            err = part == left ? write_block(upload, why) : MF_OK;
        } else {
            err = write_all(upload, at, part, why);
        }
        at += part;
        bytes -= part;
    }
    return err;
}

/* Whole and on disk, from an earlier upload: its file was synced before it had its name. */
static bool is_stored(const struct upload *upload)
{
    struct file_identity identity;
    int fd;
    if (image_store_open(upload->state, upload->hash, &fd, NULL))
        return false;
    mf_err err = image_check(fd, upload->hash, &identity, NULL);
    (void)close(fd);
    return !err && fsync(upload->state->images_fd) == 0; /* a kill may have come before this */
}

static mf_err store(struct upload *upload, struct mf_why *why)
{
    char name[IMAGE_HASH_HEX + 4];
    (void)snprintf(name, sizeof name, "%s.mf", upload->hash);
    if (fsync(upload->fd) != 0 || renameat(upload->state->images_fd, upload->temporary,
                                           upload->state->images_fd, name) != 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot keep the image: %s", strerror(errno));
    upload->temporary[0] = 0;
    if (fsync(upload->state->images_fd) != 0)
        return mf_why(why, MF_EIO, "cannot sync the images' directory: %s", strerror(errno));
    return MF_OK;
}

mf_err upload_finish(struct upload *upload, struct mf_why *why)
{
    struct image_file file;
    struct settings settings;
    mf_err err = upload->block ? write_block(upload, why) : MF_OK;
    if (!err)
        err = image_open(upload->fd, true, &file, why);
    if (err)
        return err;
    hex(file.image.info.hash, upload->hash);
    err = read_manifest(&file, &settings, why);
    if (!err) {
        err = check_window(&file.image, &settings, why);
        upload->manifest = settings_to_json(&settings);
        settings_close(&settings);
    }
    image_close(&file);
    if (err)
        return err;
    return is_stored(upload) ? MF_OK : store(upload, why);
}

void upload_close(struct upload *upload)
{
    if (upload->fd >= 0)
        (void)close(upload->fd);
    upload->fd = -1;
    if (upload->temporary[0])
        (void)unlinkat(upload->state->images_fd, upload->temporary, 0);
    upload->temporary[0] = 0;
    json_decref(upload->manifest);
    upload->manifest = NULL;
    free(upload->block);
    upload->block = NULL;
}

bool image_hash_valid(const char *hash)
{
    return strlen(hash) == IMAGE_HASH_HEX && strspn(hash, "0123456789abcdef") == IMAGE_HASH_HEX;
}

mf_err image_store_open(const struct state_dir *state, const char *hash, int *fd,
                        struct mf_why *why)
{
    char name[IMAGE_HASH_HEX + 4];
    (void)snprintf(name, sizeof name, "%s.mf", hash);
    *fd = openat(state->images_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "its file cannot be opened: %s",
                      strerror(errno));
    return MF_OK;
}

/* The file may be open in *file after an error, too. */
static mf_err open_whole(int fd, const char *hash, struct image_file *file,
                         struct file_identity *identity, struct mf_why *why)
{
    char actual[IMAGE_HASH_HEX + 1];
    struct stat before, after;
    struct file_identity again;
    *file = (struct image_file){0};
    *identity = (struct file_identity){0};
    if (fstat(fd, &before) != 0)
        return mf_why(why, mf_err_from_errno(errno), "its file: %s", strerror(errno));
    file_identify(&before, identity);
    mf_err err = image_open(fd, true, file, why);
    if (err)
        return err;
    hex(file->image.info.hash, actual);
    if (strcmp(actual, hash) != 0)
        return mf_why(why, MF_EFORMAT, "its file holds another image, %.12s", actual);
    if (fstat(fd, &after) != 0)
        return mf_why(why, mf_err_from_errno(errno), "its file: %s", strerror(errno));
    file_identify(&after, &again);
    if (!file_is_same(&again, identity))
        return mf_why(why, MF_EFORMAT, "somebody wrote to its file meanwhile");
    return MF_OK;
}

mf_err image_check(int fd, const char *hash, struct file_identity *identity, struct mf_why *why)
{
    struct image_file file;
    mf_err err = open_whole(fd, hash, &file, identity, why);
    image_close(&file);
    return err;
}

mf_err image_fetch(const struct state_dir *state, const char *hash, struct stored_image *stored,
                   struct mf_why *why)
{
    struct image_file file;
    int fd;
    *stored = (struct stored_image){0};
    if (!image_hash_valid(hash))
        return mf_why(why, MF_EINVAL, "image: not a hash (%d lower-case hexadecimal digits)",
                      IMAGE_HASH_HEX);
    mf_err err = image_store_open(state, hash, &fd, NULL);
    if (err)
        return mf_why(why, err, "image %s is not here; upload it first (POST /v1/images)", hash);
    err = open_whole(fd, hash, &file, &stored->identity, why);
    if (!err) {
        stored->image = file.image;
        stored->manifest = json_loadb((const char *)file.data + file.image.manifest_offset,
                                      file.image.info.manifest_bytes, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(stored->manifest)) /* an upload's was looked at */
            err = mf_why(why, MF_EFORMAT, "image %.12s: its manifest is no JSON object", hash);
    }
    image_close(&file);
    (void)close(fd);
    if (err) {
        json_decref(stored->manifest);
        stored->manifest = NULL;
    }
    return err;
}

mf_err image_remove(const struct state_dir *state, const char *hash, struct mf_why *why)
{
    char name[IMAGE_HASH_HEX + 4];
    (void)snprintf(name, sizeof name, "%s.mf", hash);
    /* Not synced, which would hold the loop: one that comes back after a power failure is
     * collected at the next start. */
    if (unlinkat(state->images_fd, name, 0) != 0 && errno != ENOENT)
        return mf_why(why, mf_err_from_errno(errno), "cannot remove %s: %s", name, strerror(errno));
    return MF_OK;
}
