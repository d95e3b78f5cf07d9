/* test_oci.c: container images: layers over one another, what hostile ones are refused for, and
 * what a configuration says. Archives are libarchive's, whose damage is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <sodium.h>

#include "image/oci.h"
#include "image/oci_layer.h"

#define LAYER_BYTES_MAX (256u << 10)

/* An archive in the making. */
struct layer {
    struct archive *archive;
    uint8_t data[LAYER_BYTES_MAX];
    size_t bytes;
};

static struct layer layer;
static unsigned told;

static void hear(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;
    told++;
}

static const struct root_ears ears = {.left_out = hear};

static void begin(bool gzip)
{
    layer.archive = archive_write_new();
    assert_int_equal(archive_write_set_format_pax_restricted(layer.archive), ARCHIVE_OK);
    if (gzip)
        assert_int_equal(archive_write_add_filter_gzip(layer.archive), ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(layer.archive, layer.data, sizeof layer.data, &layer.bytes),
                     ARCHIVE_OK);
}

/* link: of a link, or the name that a hard link shares. */
static void add(unsigned type, const char *path, const char *link, const char *text)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_perm(entry, 04755);
    archive_entry_set_mtime(entry, 77, 0);
    archive_entry_set_filetype(entry, type == AE_IFMT ? AE_IFREG : type);
    if (type == AE_IFMT)
        archive_entry_set_hardlink(entry, link);
    else if (link)
        archive_entry_set_symlink(entry, link);
    size_t bytes = text ? strlen(text) : 0;
    archive_entry_set_size(entry, (la_int64_t)bytes);
    assert_int_equal(archive_write_header(layer.archive, entry), ARCHIVE_OK);
    if (bytes)
        assert_int_equal(archive_write_data(layer.archive, text, bytes), bytes);
    archive_entry_free(entry);
}
#define HARD_LINK AE_IFMT /* of no type that an entry has */

static void end(void)
{
    assert_int_equal(archive_write_close(layer.archive), ARCHIVE_OK);
    archive_write_free(layer.archive);
}

static mf_err over(struct root_tree *tree, struct mf_why *why)
{
    struct oci_room room = {MF_OCI_BYTES_MAX, MF_OCI_ENTRIES_MAX};
    return oci_layer_add(tree, layer.data, layer.bytes, &room, &ears, why);
}

static void take(struct root_tree *tree)
{
    struct mf_why why = {{0}};
    if (over(tree, &why) != MF_OK)
        fail_msg("%s", why.text);
}

static int setup(void **state)
{
    static struct root_tree tree;
    *state = &tree;
    told = 0;
    return root_tree_open(&tree, NULL);
}

static int teardown(void **state)
{
    root_tree_close(*state);
    return 0;
}

static void a_layer_adds_what_is_in_it(void **state)
{
    struct root_tree *tree = *state;
    for (int gzip = 0; gzip < 2; gzip++) {
        begin(gzip);
        add(AE_IFDIR, "./", NULL, NULL);
        add(AE_IFREG, "./usr/bin/a", NULL, "text");
        add(HARD_LINK, "usr/bin/b", "usr/bin/a", NULL);
        add(AE_IFLNK, "bin", "usr/bin", NULL);
        end();
        take(tree);
        assert_int_equal(root_tree_find(tree, "/bin/a")->bytes, 4);
        assert_int_equal(root_tree_find(tree, "/bin/a")->modified_s, 77);
        assert_int_equal(root_tree_find(tree, "/bin/a")->mode, 0100755);
        assert_ptr_equal(root_tree_find(tree, "/bin/b"), root_tree_find(tree, "/bin/a"));
        assert_int_equal(told, gzip + 1); /* of its set-id bit */
    }
}

static void whiteouts_are_of_the_layers_below(void **state)
{
    struct root_tree *tree = *state;
    begin(false);
    add(AE_IFREG, "a/x", NULL, "1");
    add(AE_IFREG, "b/x", NULL, "1");
    add(AE_IFREG, "b/sub/y", NULL, "1");
    add(AE_IFREG, "c", NULL, "1");
    end();
    take(tree);
    begin(true);
    add(AE_IFREG, "b/sub/new", NULL, "2");
    add(AE_IFREG, "b/.wh..wh..opq", NULL, NULL); /* though it comes later */
    add(AE_IFREG, "a/x", NULL, "22");
    add(AE_IFREG, "a/.wh.x", NULL, NULL);
    add(AE_IFREG, ".wh.c", NULL, NULL);
    add(AE_IFREG, "no/.wh.thing", NULL, NULL);
    add(AE_IFREG, ".wh..wh.plnk", NULL, NULL);
    end();
    take(tree);
    assert_int_equal(root_tree_find(tree, "/a/x")->bytes, 2);
    assert_null(root_tree_find(tree, "/b/x"));
    assert_null(root_tree_find(tree, "/b/sub/y"));
    assert_non_null(root_tree_find(tree, "/b/sub/new"));
    assert_null(root_tree_find(tree, "/c"));
    assert_null(root_tree_find(tree, "/.wh..wh.plnk"));
}

static void an_archive_may_lack_its_last_zeros(void **state)
{
    struct root_tree *tree = *state;
    begin(false);
    add(AE_IFREG, "a", NULL, "text");
    end();
    layer.bytes = 512 + 4;
    take(tree);
    assert_int_equal(root_tree_find(tree, "/a")->bytes, 4);
    layer.bytes = 0;
    take(tree);
}

static void refuse(struct root_tree *tree, unsigned type, const char *path, const char *link,
                   const char *sentence)
{
    struct mf_why why = {{0}};
    begin(false);
    add(AE_IFREG, "etc/f", NULL, "f");
    add(AE_IFLNK, "lib", "/usr/lib", NULL);
    add(AE_IFLNK, "out", "../../..", NULL);
    add(type, path, link, NULL);
    end();
    if (over(tree, &why) != MF_EFORMAT || !strstr(why.text, sentence))
        fail_msg("%s: \"%s\", expected \"%s\"", path, why.text, sentence);
}

static void hostile_entries_are_refused(void **state)
{
    struct root_tree *tree = *state;
    refuse(tree, AE_IFREG, "../x", NULL, "leads out of the root file system (..)");
    refuse(tree, AE_IFREG, "a/../../x", NULL, "leads out of the root");
    refuse(tree, AE_IFREG, "/etc/passwd", NULL, "is an absolute path");
    refuse(tree, AE_IFDIR, "..", NULL, "leads out of the root");
    refuse(tree, AE_IFREG, "lib/x", NULL, "leads through \"lib\", which is a link");
    refuse(tree, AE_IFREG, "out/x", NULL, "leads through \"out\", which is a link");
    refuse(tree, AE_IFDIR, "lib/x", NULL, "leads through \"lib\", which is a link");
    refuse(tree, AE_IFREG, "etc/f/x", NULL, "leads through \"f\", which is a file");
    refuse(tree, HARD_LINK, "x", "/etc/shadow", "is an absolute path");
    refuse(tree, HARD_LINK, "x", "../../etc/shadow", "leads out of the root");
    refuse(tree, HARD_LINK, "x", "lib/x", "leads through \"lib\"");
    refuse(tree, HARD_LINK, "x", "none", "which is not there");
    refuse(tree, HARD_LINK, "x", "etc", "which is a folder");
    refuse(tree, AE_IFREG, "a/.wh.", NULL, "a whiteout of no name");
    refuse(tree, AE_IFREG, "etc/.wh..", NULL, "a whiteout of no name"); /* not etc itself */
    refuse(tree, AE_IFREG, "etc/.wh...", NULL, "leads out of the root");
    refuse(tree, AE_IFREG, "../.wh.x", NULL, "leads out of the root");
    refuse(tree, AE_IFREG, "../.wh..wh..opq", NULL, "leads out of the root");
    refuse(tree, AE_IFREG, "lib/.wh.x", NULL, "leads through \"lib\"");
}

static void devices_and_pipes_are_left_out(void **state)
{
    struct root_tree *tree = *state;
    begin(false);
    add(AE_IFREG, "dev/tty", NULL, "text");
    end();
    take(tree);
    told = 0;
    begin(false);
    add(AE_IFCHR, "dev/null", NULL, NULL);
    add(AE_IFBLK, "dev/sda", NULL, NULL);
    add(AE_IFIFO, "pipe", NULL, NULL);
    add(AE_IFCHR, "dev/tty", NULL, NULL);
    add(AE_IFDIR, "srv", NULL, NULL);
    end();
    take(tree);
    assert_int_equal(told, 4);
    assert_null(root_tree_find(tree, "/dev/null"));
    assert_null(root_tree_find(tree, "/dev/tty")); /* what was there makes room */
    assert_non_null(root_tree_find(tree, "/srv"));
    refuse(tree, AE_IFCHR, "../null", NULL, "leads out of the root");
}

static void other_packings_are_named(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    memcpy(layer.data, "\xfd" "7zXZ", 6);
    layer.bytes = 600;
    assert_int_equal(over(tree, &why), MF_EFORMAT);
    assert_non_null(strstr(why.text, "compressed by xz; unpack it: plain tar, gzip and zstd"));
    memcpy(layer.data, "BZh9", 4);
    assert_int_equal(over(tree, &why), MF_EFORMAT);
    assert_non_null(strstr(why.text, "compressed by bzip2"));
}

static void bombs_have_bounds(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    char *zeros = calloc(1, (8u << 20) + 1);
    memset(zeros, 'z', 8u << 20);
    begin(true);
    add(AE_IFREG, "large", NULL, zeros);
    end();
    free(zeros);
    assert_true(layer.bytes < 64u << 10);
    struct oci_room room = {8u << 20, 10};
    assert_int_equal(oci_layer_add(tree, layer.data, layer.bytes, &room, &ears, &why), MF_ETOOBIG);
    assert_non_null(strstr(why.text, "its layers unpack to more than"));
    room.bytes = 16u << 20;
    assert_int_equal(oci_layer_add(tree, layer.data, layer.bytes, &room, &ears, &why), MF_OK);
    assert_true(room.bytes < 8u << 20); /* what is left for the next */
    assert_int_equal(oci_layer_add(tree, layer.data, layer.bytes, &room, &ears, &why), MF_ETOOBIG);
    begin(false);
    for (int i = 0; i < 11; i++)
        add(AE_IFDIR, "a", NULL, NULL);
    end();
    room = (struct oci_room){1u << 20, 10};
    assert_int_equal(oci_layer_add(tree, layer.data, layer.bytes, &room, &ears, &why), MF_ETOOBIG);
    assert_non_null(strstr(why.text, "entries"));
}

static void damaged_layers_are_refused(void **state)
{
    struct root_tree *tree = *state;
    struct mf_why why = {{0}};
    for (int gzip = 0; gzip < 2; gzip++) {
        begin(gzip);
        for (int i = 0; i < 100; i++) {
            char name[16], text[200];
            (void)snprintf(name, sizeof name, "f%d", i * 7919);
            (void)snprintf(text, sizeof text, "%0150d", i * 104729);
            add(AE_IFREG, name, NULL, text);
        }
        end();
        layer.bytes = gzip ? layer.bytes / 3 : 33 * 1024 + 512; /* a head without its content */
        assert_int_equal(over(tree, &why), MF_EFORMAT);
        assert_non_null(strstr(why.text, "no archive, or cut short"));
    }
    memset(layer.data, 'x', 4096);
    layer.bytes = 4096;
    assert_int_equal(over(tree, &why), MF_EFORMAT);
}

static void config(const char *json, struct oci_config *into, const char *sentence)
{
    struct mf_why why = {{0}};
    mf_err err = oci_config_parse(json, strlen(json), into, &why);
    if (err != (*sentence ? MF_EFORMAT : MF_OK) || !strstr(why.text, sentence))
        fail_msg("%s: %d \"%s\", expected \"%s\"", json, err, why.text, sentence);
}

#define HERE "\"architecture\": \"amd64\", \"os\": \"linux\""

static void a_configuration_says_how_it_is_run(void **state)
{
    (void)state;
    struct oci_config it;
    config("{" HERE ", \"config\": {\"Entrypoint\": [\"/a\", \"b\"], \"Cmd\": [\"c\"], \"Env\": [\"A=1=2\", \"B=\"], "
           "\"WorkingDir\": \"/w\", \"User\": \"1000\", \"ExposedPorts\": {\"81/tcp\": {}, \"53/udp\": {}}}}", &it, "");
    assert_int_equal(json_array_size(it.command), 3);
    assert_string_equal(json_string_value(json_array_get(it.command, 2)), "c");
    assert_string_equal(json_string_value(json_object_get(it.environment, "A")), "1=2");
    assert_string_equal(it.folder, "/w");
    assert_string_equal(it.user, "1000");
    assert_int_equal(it.port, 81);
    oci_config_close(&it);
    config("{" HERE "}", &it, "");
    assert_int_equal(json_array_size(it.command), 0);
    assert_null(it.folder);
    oci_config_close(&it);
    config("{" HERE ", \"config\": {\"Cmd\": null, \"ExposedPorts\": {\"81/tcp\": {}, \"82/tcp\": {}}}}", &it, "");
    assert_int_equal(it.port, 0);
    oci_config_close(&it);
    config("{\"architecture\": \"arm64\", \"os\": \"linux\"}", &it, "it is for linux/arm64; this build runs");
    config("{}", &it, "names no architecture and os");
    config("[]", &it, "names no architecture");
    config("x", &it, "is no JSON");
    config("{" HERE ", \"config\": []}", &it, "config is no object");
    config("{" HERE ", \"config\": {\"Cmd\": \"sh\"}}", &it, "Cmd is no list");
    config("{" HERE ", \"config\": {\"Entrypoint\": [1]}}", &it, "Entrypoint has what is no string");
    config("{" HERE ", \"config\": {\"Env\": [\"A\"]}}", &it, "no NAME=value");
    config("{" HERE ", \"config\": {\"Env\": [\"=x\"]}}", &it, "no NAME=value");
    config("{" HERE ", \"config\": {\"WorkingDir\": 1}}", &it, "WorkingDir is no string");
}

/* ---- whole images, as files of a layout ---- */

static char place[64];

static void write_at(const char *name, const void *data, size_t bytes)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    fclose(file);
}

static const char *blob(const void *data, size_t bytes)
{
    static char digest[8][65];
    static unsigned next;
    unsigned char hash[crypto_hash_sha256_BYTES];
    char name[96], *hex = digest[next++ % 8];
    (void)crypto_hash_sha256(hash, data, bytes);
    (void)sodium_bin2hex(hex, 65, hash, sizeof hash);
    (void)snprintf(name, sizeof name, "blobs/sha256/%s", hex);
    write_at(name, data, bytes);
    return hex;
}

static const char *text_blob(const char *text)
{
    return blob(text, strlen(text));
}

static void import(struct root_tree *tree, mf_err want, const char *sentence)
{
    struct oci_config it;
    struct mf_why why = {{0}};
    mf_err err = oci_import(place, tree, &ears, &it, &why);
    if (err != want || !strstr(why.text, sentence))
        fail_msg("%d \"%s\", expected %d \"%s\"", err, why.text, want, sentence);
    oci_config_close(&it);
}

/* index.json, of which each of count entries names the same index, without a manifest. */
static void write_indexes(unsigned count)
{
    static char text[16384];
    const char *hex = text_blob("{\"manifests\": []}");
    int bytes = snprintf(text, sizeof text, "{\"manifests\": [");
    for (unsigned i = 0; i < count; i++)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes,
                          "%s{\"mediaType\": \"application/vnd.oci.image.index.v1+json\", "
                          "\"digest\": \"sha256:%s\"}", i ? ", " : "", hex);
    bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, "]}");
    assert_true((size_t)bytes < sizeof text);
    write_at("index.json", text, (size_t)bytes);
}

static void a_layout_is_followed_by_its_digests(void **state)
{
    struct root_tree *tree = *state;
    char manifest[512], index[1024], command[128];
    (void)snprintf(place, sizeof place, "/tmp/test-oci-XXXXXX");
    assert_non_null(mkdtemp(place));
    (void)snprintf(command, sizeof command, "mkdir -p %s/blobs/sha256", place);
    assert_int_equal(system(command), 0);
    import(tree, MF_EFORMAT, "neither index.json (OCI) nor manifest.json (docker)");
    begin(true);
    add(AE_IFREG, "bin/a", NULL, "text");
    end();
    const char *layer_hex = blob(layer.data, layer.bytes);
    const char *config_hex = text_blob("{" HERE ", \"config\": {\"Cmd\": [\"/bin/a\"]}}");
    (void)snprintf(manifest, sizeof manifest,
                   "{\"config\": {\"digest\": \"sha256:%s\"}, \"layers\": [{\"mediaType\": "
                   "\"application/vnd.oci.image.layer.v1.tar+gzip\", \"digest\": \"sha256:%s\"}]}", config_hex, layer_hex);
    const char *manifest_hex = text_blob(manifest);
    (void)snprintf(index, sizeof index,
                   "{\"manifests\": [{\"digest\": \"sha256:%s\"}, {\"digest\": \"sha256:%064d\", \"platform\": "
                   "{\"os\": \"linux\", \"architecture\": \"s390x\"}}]}", manifest_hex, 0);
    write_at("index.json", index, strlen(index));
    import(tree, MF_OK, "");
    assert_int_equal(root_tree_find(tree, "/bin/a")->bytes, 4);
    (void)snprintf(index, sizeof index, "{\"manifests\": [{\"digest\": \"sha256:%s\"}, {\"digest\": \"sha256:%s\"}]}",
                   manifest_hex, manifest_hex);
    write_at("index.json", index, strlen(index));
    import(tree, MF_OK, ""); /* one image, under two tags */
    (void)snprintf(index, sizeof index, "{\"manifests\": [{\"digest\": \"sha256:%s\"}, {\"digest\": \"sha256:%s\"}]}",
                   manifest_hex, text_blob("{}"));
    write_at("index.json", index, strlen(index));
    import(tree, MF_EFORMAT, "more than one image for this machine");
    write_at("index.json", "{\"manifests\": []}", 17);
    import(tree, MF_EFORMAT, "it holds no image for linux/amd64");
    write_indexes(64);
    import(tree, MF_EFORMAT, "it holds no image for linux/amd64");
    write_indexes(65);
    import(tree, MF_EFORMAT, "name more than 64 images");
    static const char escape[] = "{\"manifests\": [{\"digest\": \"sha256:../../../../etc/passwd\"}]}";
    write_at("index.json", escape, sizeof escape - 1);
    import(tree, MF_EFORMAT, "a manifest has no digest of the kind sha256");
    (void)snprintf(index, sizeof index, "{\"manifests\": [{\"digest\": \"sha256:%s\"}]}", manifest_hex);
    write_at("index.json", index, strlen(index));
    layer.data[layer.bytes - 1] ^= 1; /* under the same name */
    char name[96];
    (void)snprintf(name, sizeof name, "blobs/sha256/%s", layer_hex);
    write_at(name, layer.data, layer.bytes);
    import(tree, MF_EFORMAT, "a layer is not what its digest says");
    (void)snprintf(command, sizeof command, "rm -r %s", place);
    assert_int_equal(system(command), 0);
}

static void a_docker_archive_is_followed_too(void **state)
{
    struct root_tree *tree = *state;
    char config_text[512], name[96], list[512], command[128];
    (void)snprintf(place, sizeof place, "/tmp/test-oci-XXXXXX");
    assert_non_null(mkdtemp(place));
    (void)snprintf(command, sizeof command, "mkdir -p %s/blobs/sha256", place);
    assert_int_equal(system(command), 0);
    begin(false);
    add(AE_IFREG, "bin/a", NULL, "text");
    end();
    const char *layer_hex = blob(layer.data, layer.bytes);
    write_at("layer.tar", layer.data, layer.bytes);
    (void)snprintf(config_text, sizeof config_text,
                   "{" HERE ", \"rootfs\": {\"diff_ids\": [\"sha256:%s\"]}}", layer_hex);
    const char *config_hex = text_blob(config_text);
    (void)snprintf(name, sizeof name, "%s.json", config_hex);
    write_at(name, config_text, strlen(config_text));
    (void)snprintf(list, sizeof list, "[{\"Config\": \"%s\", \"Layers\": [\"layer.tar\"]}]", name);
    write_at("manifest.json", list, strlen(list));
    import(tree, MF_OK, "");
    assert_int_equal(root_tree_find(tree, "/bin/a")->bytes, 4);
    layer.data[513] ^= 1;
    write_at("layer.tar", layer.data, layer.bytes);
    import(tree, MF_EFORMAT, "a layer is not what its digest says");
    (void)snprintf(list, sizeof list, "[{\"Config\": \"%s\", \"Layers\": [\"../../etc/passwd\"]}]", name);
    write_at("manifest.json", list, strlen(list));
    import(tree, MF_EFORMAT, "is not in it");
    (void)snprintf(list, sizeof list, "[{\"Config\": \"%s\", \"Layers\": []}]", name);
    write_at("manifest.json", list, strlen(list));
    import(tree, MF_EFORMAT, "0 layers, but the configuration names 1");
    write_at("manifest.json", "[]", 2);
    import(tree, MF_EFORMAT, "it holds 0 images");
    write_at("manifest.json", "{\"schemaVersion\": 2}", 20);
    import(tree, MF_EFORMAT, "of the kind dir:, without a layout; write it as oci:");
    (void)snprintf(command, sizeof command, "rm -r %s", place);
    assert_int_equal(system(command), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_layer_adds_what_is_in_it),
        TEST(whiteouts_are_of_the_layers_below),
        TEST(an_archive_may_lack_its_last_zeros),
        TEST(hostile_entries_are_refused),
        TEST(devices_and_pipes_are_left_out),
        TEST(other_packings_are_named),
        TEST(bombs_have_bounds),
        TEST(damaged_layers_are_refused),
        TEST(a_configuration_says_how_it_is_run),
        TEST(a_layout_is_followed_by_its_digests),
        TEST(a_docker_archive_is_followed_too),
    };
    return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
