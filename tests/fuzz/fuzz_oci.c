/* fuzz_oci.c: a container image's layer, its configuration, or all of its documents: the first byte
 * says which. What comes of a layer is a root file system whose tables are within it. Documents are
 * separated by NUL; "@0" to "@3" in one is the digest of an earlier one, which nobody would guess. */
#include <archive.h>
#include <archive_entry.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "image/oci.h"
#include "image/oci_layer.h"
#include "image/root_facts.h"
#include "image/root_write.h"

#define LAYER 1u
#define DOCUMENTS 2u
#define DOCKER 4u /* documents: the last one is a docker archive's list */

#define DOCUMENTS_MAX 5u
#define HEX_BYTES (2u * crypto_hash_sha256_BYTES)
#define ARCHIVE_BYTES_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void hear(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;
}

static void take_layer(const uint8_t *data, size_t bytes)
{
    static const struct root_ears ears = {.left_out = hear};
    struct oci_room room = {1u << 20, 1000};
    struct root_tree tree;
    struct mf_why why = {{0}};
    mf_assert(root_tree_open(&tree, &why) == MF_OK);
    mf_err err = oci_layer_add(&tree, data, bytes, &room, &ears, &why);
    mf_assert(!err || err == MF_ENOMEM || why.text[0]); /* every refusal has its sentence */
    struct mf_buf root = {0};
    struct root_facts facts;
    uint64_t root_bytes;
    if (tree.store_bytes < 1u << 20 && root_write(&tree, &root, &root_bytes, &why) == MF_OK)
        mf_assert(root_bytes == root.bytes && root_facts(root.data, root.bytes, &facts));
    mf_buf_close(&root);
    root_tree_close(&tree);
}

struct documents {
    char digest[DOCUMENTS_MAX][HEX_BYTES + 1];
    unsigned count;
};

/* One document with its digests. */
static void expand(const struct documents *documents, const uint8_t *text, size_t bytes, struct mf_buf *out)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned which = text[i] == '@' && i + 1 < bytes ? text[i + 1] - (unsigned)'0' : DOCUMENTS_MAX;
        bool known = which < documents->count;
        const void *part = known ? (const void *)documents->digest[which] : text + i;
        mf_assert(mf_buf_add(out, part, known ? HEX_BYTES : 1) == MF_OK);
        i += known;
    }
}

static bool add_file(struct archive *archive, const char *name, const struct mf_buf *content)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)content->bytes);
    bool added = archive_write_header(archive, entry) == ARCHIVE_OK &&
                 archive_write_data(archive, content->data, content->bytes) == (la_ssize_t)content->bytes;
    archive_entry_free(entry);
    return added;
}

/* All but the last are blobs. False: too large. */
static bool add_documents(struct archive *archive, const uint8_t *data, size_t bytes, const char *last)
{
    struct documents documents = {0};
    bool added = true;
    for (bool more = true; more && added;) {
        struct mf_buf text = {0};
        char name[sizeof "blobs/sha256/" + HEX_BYTES];
        unsigned char hash[crypto_hash_sha256_BYTES];
        const uint8_t *end = bytes ? memchr(data, '\0', bytes) : NULL;
        size_t used = end ? (size_t)(end - data) : bytes;
        more = end && documents.count + 1 < DOCUMENTS_MAX;
        expand(&documents, data, used, &text);
        (void)crypto_hash_sha256(hash, text.data, text.bytes);
        char *hex = documents.digest[documents.count++];
        (void)sodium_bin2hex(hex, HEX_BYTES + 1, hash, sizeof hash);
        (void)snprintf(name, sizeof name, "blobs/sha256/%s", hex);
        added = add_file(archive, more ? name : last, &text);
        mf_buf_close(&text);
        data += used + (end != NULL);
        bytes -= used + (end != NULL);
    }
    return added;
}

static void import(const uint8_t *archive, size_t bytes)
{
    static const struct root_ears ears = {.left_out = hear};
    struct oci_config config;
    struct root_tree tree;
    struct mf_why why = {{0}};
    char path[32];
    int fd = memfd_create("image", MFD_CLOEXEC);
    mf_assert(fd >= 0 && write(fd, archive, bytes) == (ssize_t)bytes);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    mf_assert(root_tree_open(&tree, &why) == MF_OK);
    mf_err err = oci_import(path, &tree, &ears, &config, &why);
    mf_assert(!err || err == MF_ENOMEM || why.text[0]);
    mf_assert(err || (json_is_array(config.command) && json_is_object(config.environment)));
    oci_config_close(&config);
    root_tree_close(&tree);
    (void)close(fd);
}

static void take_documents(const uint8_t *data, size_t bytes, const char *last)
{
    static uint8_t whole[ARCHIVE_BYTES_MAX];
    size_t used = 0;
    struct archive *archive = archive_write_new();
    mf_assert(archive && archive_write_set_format_ustar(archive) == ARCHIVE_OK &&
              archive_write_open_memory(archive, whole, sizeof whole, &used) == ARCHIVE_OK);
    bool added = add_documents(archive, data, bytes, last);
    added = archive_write_close(archive) == ARCHIVE_OK && added;
    (void)archive_write_free(archive);
    if (added)
        import(whole, used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct oci_config config;
    if (bytes == 0)
        return 0;
    if (data[0] & LAYER)
        take_layer(data + 1, bytes - 1);
    else if (data[0] & DOCUMENTS)
        take_documents(data + 1, bytes - 1, data[0] & DOCKER ? "manifest.json" : "index.json");
    else if (oci_config_parse((const char *)data + 1, bytes - 1, &config, NULL) == MF_OK)
        oci_config_close(&config);
    return 0;
}
