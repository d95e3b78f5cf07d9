/*
 * oci_layer.c: see oci_layer.h. libarchive unpacks: first what is compressed, with a bound, then tar
 * in its dialects. Whiteouts are of the layers below whatever their place in the archive, so the
 * archive is read for them first.
 */
#include "image/oci_layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536u
#define TAR_BLOCK_BYTES 512u
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define SET_ID_BITS (S_ISUID | S_ISGID)

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)

/* A layer's tar archive: its own bytes, or what they unpack to. */
struct unpacked {
    const uint8_t *data;
    size_t bytes;
    bool mapped;
};

/* The archive, then zeros to a whole block, which some tools leave out. */
struct feed {
    const struct unpacked *from;
    unsigned calls;
};

struct unpacking {
    struct root_tree *tree;
    struct archive *archive;
    struct archive_entry *entry;
    const char *path; /* of the entry, borrowed from it */
    uint32_t entries_left;
    const struct root_ears *ears;
};

typedef mf_err take_entry(struct unpacking *unpacking, struct mf_why *why);

static mf_err unpack(const uint8_t *layer, size_t bytes, struct oci_room *room,
                     struct unpacked *unpacked, struct mf_why *why);
static mf_err for_each(struct unpacking *unpacking, const struct unpacked *from, take_entry *take,
                       struct mf_why *why);
static mf_err take_whiteout(struct unpacking *unpacking, struct mf_why *why);
static mf_err take_addition(struct unpacking *unpacking, struct mf_why *why);

mf_err oci_layer_add(struct root_tree *tree, const uint8_t *layer, size_t bytes,
                     struct oci_room *room, const struct root_ears *ears, struct mf_why *why)
{
    struct unpacked unpacked;
    mf_err err = unpack(layer, bytes, room, &unpacked, why);
    if (err)
        return err;
    struct unpacking unpacking = {.tree = tree, .ears = ears, .entries_left = room->entries};
    err = for_each(&unpacking, &unpacked, take_whiteout, why);
    unpacking.entries_left = room->entries;
    if (!err)
        err = for_each(&unpacking, &unpacked, take_addition, why);
    room->entries = unpacking.entries_left;
    if (unpacked.mapped)
        (void)munmap((void *)(uintptr_t)unpacked.data, unpacked.bytes);
    return err;
}

/* Text of a stranger, for a message. */
static const char *shown(const char *path)
{
    for (const char *c = path; *c; c++)
        if (*c < ' ' || *c > '~')
            return "(a name that is not printable)";
    return path;
}

static mf_err broken(struct archive *archive, struct mf_why *why)
{
    const char *text = archive_error_string(archive);
    return refuse(why, "a layer is no archive, or cut short: %.200s", text ? shown(text) : "?");
}

/* All that comes out, to a file without a name. */
static mf_err copy_out(struct archive *archive, int fd, uint64_t bytes_max, size_t *bytes,
                       struct mf_why *why)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    mf_err err = piece ? MF_OK : MF_ENOMEM;
    *bytes = 0;
    while (!err) {
        la_ssize_t got = archive_read_data(archive, piece, PIECE_BYTES);
        if (got == 0)
            break;
        if (got < 0)
            err = broken(archive, why);
        else if ((uint64_t)got > bytes_max - *bytes)
            err = mf_why(why, MF_ETOOBIG, "its layers unpack to more than %llu bytes", MF_OCI_BYTES_MAX);
        else if (pwrite(fd, piece, (size_t)got, (off_t)*bytes) != got)
            err = mf_why(why, MF_EIO, "cannot write a temporary file: %s", strerror(errno));
        else
            *bytes += (size_t)got;
    }
    free(piece);
    return err;
}

static mf_err decompress(struct archive *archive, const uint8_t *layer, size_t bytes, int fd,
                         uint64_t bytes_max, struct unpacked *unpacked, struct mf_why *why)
{
    struct archive_entry *entry;
    if (fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot make a temporary file: %s", strerror(errno));
    if (archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(archive) != ARCHIVE_OK)
        return mf_why(why, MF_EUNSUPPORTED, "libarchive here lacks gzip or zstd");
    if (archive_read_open_memory(archive, layer, bytes) != ARCHIVE_OK ||
        archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        return broken(archive, why);
    mf_err err = copy_out(archive, fd, bytes_max, &unpacked->bytes, why);
    if (err || unpacked->bytes == 0)
        return err;
    void *data = mmap(NULL, unpacked->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot map a temporary file: %s", strerror(errno));
    unpacked->data = data;
    unpacked->mapped = true;
    return MF_OK;
}

static bool begins(const uint8_t *layer, size_t bytes, const char *magic, size_t magic_bytes)
{
    return bytes >= magic_bytes && memcmp(layer, magic, magic_bytes) == 0;
}

/* How it is packed, if that is not taken: xz and bzip2 want memory, or time, that a hostile archive chooses. */
static mf_err check_packing(const uint8_t *layer, size_t bytes, struct mf_why *why)
{
    const char *packing = begins(layer, bytes, "\xfd" "7zXZ", 5) ? "xz"
                          : begins(layer, bytes, "BZh", 3)       ? "bzip2"
                                                                 : NULL;
    return packing ? refuse(why, "it, or a layer of it, is compressed by %s; unpack it: plain tar, gzip and zstd "
                            "are taken", packing)
                   : MF_OK;
}

static mf_err unpack(const uint8_t *layer, size_t bytes, struct oci_room *room,
                     struct unpacked *unpacked, struct mf_why *why)
{
    *unpacked = (struct unpacked){.data = layer, .bytes = bytes};
    mf_err err = check_packing(layer, bytes, why);
    if (err)
        return err;
    if (begins(layer, bytes, "\x1f\x8b", 2) || begins(layer, bytes, "\x28\xb5\x2f\xfd", 4)) {
        struct archive *archive = archive_read_new();
        int fd = root_store_open();
        err = archive ? decompress(archive, layer, bytes, fd, room->bytes, unpacked, why) : MF_ENOMEM;
        if (archive)
            (void)archive_read_free(archive);
        if (fd >= 0)
            (void)close(fd);
    }
    if (!err && unpacked->bytes > room->bytes)
        err = mf_why(why, MF_ETOOBIG, "its layers unpack to more than %llu bytes", MF_OCI_BYTES_MAX);
    if (!err)
        room->bytes -= unpacked->bytes;
    return err;
}

static la_ssize_t read_feed(struct archive *archive, void *context, const void **piece)
{
    static const uint8_t zeros[TAR_BLOCK_BYTES];
    struct feed *feed = context;
    (void)archive;
    switch (feed->calls++) {
    case 0:
        *piece = feed->from->data;
        return (la_ssize_t)feed->from->bytes;
    case 1:
        *piece = zeros;
        return (la_ssize_t)(-feed->from->bytes % TAR_BLOCK_BYTES);
    default:
        return 0;
    }
}

static mf_err next_entry(struct unpacking *unpacking, bool *end, struct mf_why *why)
{
    int got = archive_read_next_header(unpacking->archive, &unpacking->entry);
    *end = got == ARCHIVE_EOF;
    if (*end)
        return MF_OK;
    if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
        return broken(unpacking->archive, why);
    if (unpacking->entries_left == 0)
        return mf_why(why, MF_ETOOBIG, "its layers have more than %u entries", MF_OCI_ENTRIES_MAX);
    unpacking->entries_left--;
    unpacking->path = archive_entry_pathname(unpacking->entry);
    return unpacking->path ? MF_OK : refuse(why, "a layer has an entry without a name");
}

static mf_err for_each(struct unpacking *unpacking, const struct unpacked *from, take_entry *take,
                       struct mf_why *why)
{
    struct feed feed = {.from = from};
    bool end = false;
    if (from->bytes == 0)
        return MF_OK; /* nothing in it */
    unpacking->archive = archive_read_new();
    if (!unpacking->archive)
        return MF_ENOMEM;
    mf_err err = MF_OK;
    if (archive_read_support_format_tar(unpacking->archive) != ARCHIVE_OK ||
        archive_read_open(unpacking->archive, &feed, NULL, read_feed, NULL) != ARCHIVE_OK)
        err = broken(unpacking->archive, why);
    while (!err && !end) {
        err = next_entry(unpacking, &end, why);
        if (!err && !end)
            err = take(unpacking, why);
    }
    (void)archive_read_free(unpacking->archive);
    unpacking->archive = NULL;
    return err;
}

/* The part after the last slash, of a path that does not end with one. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_whiteout(const char *path)
{
    return strncmp(last_part(path), WHITEOUT, strlen(WHITEOUT)) == 0;
}

/* ".wh.NAME": no NAME of the layers below. ".wh..wh..opq": nothing of theirs in this folder. */
static mf_err take_whiteout(struct unpacking *unpacking, struct mf_why *why)
{
    if (!is_whiteout(unpacking->path))
        return MF_OK;
    char *path = strdup(unpacking->path);
    if (!path)
        return MF_ENOMEM;
    char *last = path + (last_part(path) - path);
    const char *name = last + strlen(WHITEOUT);
    mf_err err = MF_OK;
    if (strcmp(last, OPAQUE) == 0) {
        *last = '\0';
        err = root_tree_empty(unpacking->tree, path, why);
    } else if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0) { /* else notes of other tools */
        memmove(last, name, strlen(name) + 1);
        bool named = *last && strcmp(last, ".") != 0; /* which is the folder that it stands in */
        err = named ? root_tree_remove(unpacking->tree, path, why)
                    : refuse(why, "%.200s: a whiteout of no name", shown(unpacking->path));
    }
    free(path);
    return err;
}

static void leave_out(struct unpacking *unpacking, const char *what)
{
    char sentence[MF_ROOT_TARGET_MAX + 64];
    (void)snprintf(sentence, sizeof sentence, "/%s: %s", shown(unpacking->path), what);
    unpacking->ears->left_out(unpacking->ears->context, sentence);
}

static mf_err add_file(struct unpacking *unpacking, uint32_t mode, struct mf_why *why)
{
    struct root_node *node;
    mf_err err = root_tree_file(unpacking->tree, unpacking->path, mode,
                                archive_entry_mtime(unpacking->entry), &node, why);
    uint8_t *piece = malloc(PIECE_BYTES);
    if (!err && !piece)
        err = MF_ENOMEM;
    while (!err) {
        la_ssize_t got = archive_read_data(unpacking->archive, piece, PIECE_BYTES);
        if (got == 0)
            break;
        err = got < 0 ? broken(unpacking->archive, why)
                      : root_tree_append(unpacking->tree, node, piece, (size_t)got, why);
    }
    free(piece);
    if (!err && (mode & SET_ID_BITS))
        leave_out(unpacking, "its set-id bits are left out: a guest has one user");
    return err;
}

/* /dev/null and the like, of whole systems: a guest has its own. What was there makes room all the same. */
static mf_err take_special(struct unpacking *unpacking, struct mf_why *why)
{
    mf_err err = root_tree_remove(unpacking->tree, unpacking->path, why);
    if (!err)
        leave_out(unpacking, "left out: no regular file, folder or link");
    return err;
}

static mf_err take_addition(struct unpacking *unpacking, struct mf_why *why)
{
    struct archive_entry *entry = unpacking->entry;
    const char *hard = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
    uint32_t mode = archive_entry_perm(entry);
    if (is_whiteout(unpacking->path))
        return MF_OK;
    if (hard)
        return root_tree_another(unpacking->tree, unpacking->path, hard, why);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return add_file(unpacking, mode, why);
    case AE_IFDIR:
        return root_tree_folder(unpacking->tree, unpacking->path, mode, why);
    case AE_IFLNK:
        if (soft)
            return root_tree_link(unpacking->tree, unpacking->path, soft, why);
        return refuse(why, "%.200s: a link to nowhere", shown(unpacking->path));
    default:
        return take_special(unpacking, why);
    }
}
