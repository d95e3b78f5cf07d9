/* fuzz_oci.c: a container image's layer, and its configuration: the first byte says which. What
 * comes of a layer is a root file system whose tables are within it. */
#include "base/buf.h"
#include "image/oci.h"
#include "image/oci_layer.h"
#include "image/root_facts.h"
#include "image/root_write.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct oci_config config;
    if (bytes == 0)
        return 0;
    if (data[0] & 1)
        take_layer(data + 1, bytes - 1);
    else if (oci_config_parse((const char *)data + 1, bytes - 1, &config, NULL) == MF_OK)
        oci_config_close(&config);
    return 0;
}
