/*
 * oci.c: see oci.h. Whatever it is, it is first unpacked into a tree of its own, so that a name in
 * it leads nowhere else; then index, manifest, configuration and layers are followed by digest.
 */
#include "image/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/oci_layer.h"
#include "machine.h"

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)

#define DIGEST_PREFIX "sha256:"
#define DIGEST_HEX (2u * crypto_hash_sha256_BYTES)
#define INDEXES_DEEP_MAX 4u /* an index may name indexes */
#define DESCRIPTORS_MAX 64u /* of all indexes, that are followed: one may name another time and again */

/* What is being imported. */
struct import {
    struct root_tree files; /* the layout or archive */
    struct root_tree *tree;
    struct oci_room room;
    const struct root_ears *ears;
    unsigned descriptors; /* of indexes, that were followed */
};

/* Borrowed from import's files. */
struct blob {
    const uint8_t *data;
    size_t bytes;
};

static mf_err open_files(const char *path, struct import *import, struct mf_why *why);
static mf_err import_oci(struct import *import, const struct blob *index, struct oci_config *config,
                         struct mf_why *why);
static mf_err import_docker(struct import *import, const struct blob *list, struct oci_config *config,
                            struct mf_why *why);
static bool find_blob(const struct import *import, const char *name, struct blob *blob);

mf_err oci_import(const char *path, struct root_tree *tree, const struct root_ears *ears,
                  struct oci_config *config, struct mf_why *why)
{
    struct import import = {
        .tree = tree, .ears = ears, .room = {MF_OCI_BYTES_MAX, MF_OCI_ENTRIES_MAX}};
    struct blob first;
    *config = (struct oci_config){0};
    mf_err err = root_tree_open(&import.files, why);
    if (!err)
        err = open_files(path, &import, why);
    if (!err && find_blob(&import, "/index.json", &first))
        err = import_oci(&import, &first, config, why);
    else if (!err && find_blob(&import, "/manifest.json", &first))
        err = import_docker(&import, &first, config, why);
    else if (!err)
        err = refuse(why, "neither index.json (OCI) nor manifest.json (docker) is in it: no container image; a "
                     "root file system is unpacked, and its folder given with --rootfs");
    root_tree_close(&import.files);
    if (err)
        oci_config_close(config);
    return err;
}

static mf_err open_archive(int fd, const struct stat *status, struct import *import,
                           struct mf_why *why)
{
    struct oci_room room = {MF_OCI_BYTES_MAX, MF_OCI_ENTRIES_MAX};
    if (!S_ISREG(status->st_mode) || status->st_size <= 0)
        return refuse(why, "neither a folder nor an archive");
    size_t bytes = (size_t)status->st_size;
    void *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot read it: %s", strerror(errno));
    mf_err err = oci_layer_add(&import->files, data, bytes, &room, import->ears, why);
    (void)munmap(data, bytes);
    return err;
}

static mf_err open_files(const char *path, struct import *import, struct mf_why *why)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        mf_err err = mf_why(why, mf_err_from_errno(errno), "%s", strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return err;
    }
    mf_err err = S_ISDIR(status.st_mode) ? root_add_folder(&import->files, path, import->ears, why)
                                         : open_archive(fd, &status, import, why);
    (void)close(fd);
    return err ? err : root_tree_contents(&import->files, why);
}

static bool find_blob(const struct import *import, const char *name, struct blob *blob)
{
    const struct root_node *node = root_tree_find(&import->files, name);
    if (!node || (node->mode & MF_ROOT_TYPE) != MF_ROOT_FILE || node->bytes == 0)
        return false;
    *blob = (struct blob){import->files.store + node->content_at, node->bytes};
    return true;
}

static bool is_digest(const char *digest)
{
    size_t prefix = strlen(DIGEST_PREFIX);
    return digest && strncmp(digest, DIGEST_PREFIX, prefix) == 0 &&
           strlen(digest + prefix) == DIGEST_HEX &&
           strspn(digest + prefix, "0123456789abcdef") == DIGEST_HEX;
}

static bool digest_holds(const struct blob *blob, const char *hex)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[DIGEST_HEX + 1];
    (void)crypto_hash_sha256(hash, blob->data, blob->bytes);
    return strcmp(sodium_bin2hex(text, sizeof text, hash, sizeof hash), hex) == 0;
}

/* What a descriptor names, checked (descriptor.md). what: for the sentence. */
static mf_err follow(const struct import *import, const json_t *descriptor, const char *what,
                     struct blob *blob, struct mf_why *why)
{
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));
    if (!is_digest(digest))
        return refuse(why, "%s has no digest of the kind sha256", what);
    char name[sizeof "/blobs/sha256/" + DIGEST_HEX];
    const char *hex = digest + strlen(DIGEST_PREFIX);
    (void)snprintf(name, sizeof name, "/blobs/sha256/%s", hex);
    if (!find_blob(import, name, blob))
        return refuse(why, "%s, %s, is not in it", what, digest);
    if (!digest_holds(blob, hex))
        return refuse(why, "%s is not what its digest says, %s: damaged or changed", what, digest);
    return MF_OK;
}

static mf_err load(const struct blob *blob, const char *what, json_t **document, struct mf_why *why)
{
    *document = NULL;
    if (blob->bytes > MF_OCI_JSON_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "%s has %zu bytes; %u are allowed", what, blob->bytes,
                      MF_OCI_JSON_BYTES_MAX);
    *document = json_loadb((const char *)blob->data, blob->bytes, JSON_REJECT_DUPLICATES, NULL);
    return *document ? MF_OK : refuse(why, "%s is no JSON", what);
}

static bool is_for_us(const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *machine = json_string_value(json_object_get(platform, "architecture"));
    const char *system = json_string_value(json_object_get(platform, "os"));
    return (!machine || strcmp(machine, IMAGE_OCI_ARCHITECTURE) == 0) &&
           (!system || strcmp(system, "linux") == 0);
}

/* The one manifest for this machine, of an index and of those that it names (image-index.md); it may
 * be named more than once, as under two tags. */
static mf_err choose(struct import *import, const struct blob *index, unsigned deep,
                     struct blob *chosen, struct mf_why *why)
{
    json_t *document, *descriptor;
    size_t i;
    mf_err err = load(index, "an index", &document, why);
    if (!err && deep == INDEXES_DEEP_MAX)
        err = refuse(why, "indexes that name indexes, more than %u deep", INDEXES_DEEP_MAX);
    json_array_foreach (json_object_get(document, "manifests"), i, descriptor) {
        const char *type = json_string_value(json_object_get(descriptor, "mediaType"));
        struct blob blob;
        if (err || !is_for_us(descriptor))
            continue;
        bool is_index = type && (strstr(type, ".index.") || strstr(type, ".list."));
        if (import->descriptors++ == DESCRIPTORS_MAX)
            err = refuse(why, "its indexes name more than %u images for this machine", DESCRIPTORS_MAX);
        if (!err)
            err = follow(import, descriptor, "a manifest", &blob, why);
        if (!err && is_index)
            err = choose(import, &blob, deep + 1, chosen, why);
        else if (!err && chosen->data && chosen->data != blob.data)
            err = refuse(why, "it holds more than one image for this machine; save one by itself");
        else if (!err)
            *chosen = blob;
    }
    json_decref(document);
    return err;
}

static mf_err add_layer(struct import *import, const json_t *descriptor, struct mf_why *why)
{
    const char *type = json_string_value(json_object_get(descriptor, "mediaType"));
    struct blob blob;
    if (!type || !strstr(type, ".tar"))
        return refuse(why, "a layer of the type \"%.80s\"; tar, gzip and zstd are taken", type ? type : "");
    mf_err err = follow(import, descriptor, "a layer", &blob, why);
    return err ? err : oci_layer_add(import->tree, blob.data, blob.bytes, &import->room, import->ears, why);
}

static mf_err check_layer_count(size_t count, struct mf_why *why)
{
    if (count > MF_OCI_LAYERS_MAX)
        return mf_why(why, MF_ETOOBIG, "%zu layers; %u are allowed", count, MF_OCI_LAYERS_MAX);
    return MF_OK;
}

static mf_err import_oci(struct import *import, const struct blob *index, struct oci_config *config,
                         struct mf_why *why)
{
    struct blob manifest = {0}, blob;
    json_t *document = NULL, *layer;
    size_t i;
    mf_err err = choose(import, index, 0, &manifest, why);
    if (!err && !manifest.data)
        err = refuse(why, "it holds no image for linux/" IMAGE_OCI_ARCHITECTURE);
    if (!err)
        err = load(&manifest, "the manifest", &document, why);
    if (!err)
        err = follow(import, json_object_get(document, "config"), "the configuration", &blob, why);
    if (!err && blob.bytes > MF_OCI_JSON_BYTES_MAX)
        err = mf_why(why, MF_ETOOBIG, "the configuration has %zu bytes", blob.bytes);
    if (!err)
        err = oci_config_parse((const char *)blob.data, blob.bytes, config, why);
    const json_t *layers = json_object_get(document, "layers");
    if (!err)
        err = check_layer_count(json_array_size(layers), why);
    json_array_foreach (layers, i, layer)
        if (!err)
            err = add_layer(import, layer, why);
    json_decref(document);
    return err;
}

/* A file of a docker archive, whose digest another file of it says: DIGEST_PREFIX may be left out. */
static mf_err follow_name(const struct import *import, const json_t *name, const char *digest,
                          const char *what, struct blob *blob, struct mf_why *why)
{
    const char *text = json_string_value(name);
    char path[MF_ROOT_TARGET_MAX + 1];
    if (!text || (size_t)snprintf(path, sizeof path, "/%s", text) >= sizeof path ||
        !find_blob(import, path, blob))
        return refuse(why, "%s, \"%.200s\", is not in it", what, text ? text : "");
    if (!is_digest(digest) || !digest_holds(blob, digest + strlen(DIGEST_PREFIX)))
        return refuse(why, "%s is not what its digest says: damaged or changed", what);
    return MF_OK;
}

static mf_err import_layers(struct import *import, const json_t *image, const json_t *digests,
                            struct mf_why *why)
{
    const json_t *layers = json_object_get(image, "Layers");
    struct blob blob;
    size_t i;
    json_t *name;
    mf_err err = check_layer_count(json_array_size(layers), why);
    if (!err && json_array_size(layers) != json_array_size(digests))
        err = refuse(why, "%zu layers, but the configuration names %zu", json_array_size(layers),
                     json_array_size(digests));
    json_array_foreach (layers, i, name) {
        const char *digest = json_string_value(json_array_get(digests, i));
        if (!err)
            err = follow_name(import, name, digest, "a layer", &blob, why);
        if (!err)
            err = oci_layer_add(import->tree, blob.data, blob.bytes, &import->room, import->ears, why);
    }
    return err;
}

/* manifest.json: [{"Config": "HEX.json", "Layers": ["…/layer.tar", …]}]; the configuration's name is
 * its digest, and it names those of the layers. */
static mf_err import_docker(struct import *import, const struct blob *list, struct oci_config *config,
                            struct mf_why *why)
{
    struct blob blob;
    json_t *document, *settings = NULL;
    char digest[sizeof DIGEST_PREFIX + DIGEST_HEX];
    mf_err err = load(list, "manifest.json", &document, why);
    if (!err && json_object_get(document, "schemaVersion"))
        err = refuse(why, "of the kind dir:, without a layout; write it as oci:, oci-archive: or docker-archive:");
    if (!err && json_array_size(document) != 1)
        err = refuse(why, "it holds %zu images; save one by itself", json_array_size(document));
    const json_t *image = json_array_get(document, 0), *name = json_object_get(image, "Config");
    const char *text = json_string_value(name);
    const char *base = text && strrchr(text, '/') ? strrchr(text, '/') + 1 : text;
    (void)snprintf(digest, sizeof digest, DIGEST_PREFIX "%.*s", (int)DIGEST_HEX, base ? base : "");
    if (!err)
        err = follow_name(import, name, digest, "the configuration", &blob, why);
    if (!err)
        err = load(&blob, "the configuration", &settings, why);
    if (!err)
        err = oci_config_parse((const char *)blob.data, blob.bytes, config, why);
    if (!err)
        err = import_layers(import, image,
                            json_object_get(json_object_get(settings, "rootfs"), "diff_ids"), why);
    json_decref(settings);
    json_decref(document);
    return err;
}
