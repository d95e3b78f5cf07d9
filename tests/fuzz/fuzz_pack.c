/* fuzz_pack.c: a hostile program for the packer. What it accepts must be an image. */
#include <stdlib.h>
#include <string.h>

#include "elf_sample.h"
#include "image/image.h"
#include "image/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct mf_buf kernel;
    if (!kernel.data)
        sample_kernel(&kernel);
    struct pack_input input = {
        .kernel = kernel.data, .kernel_bytes = kernel.bytes,
        .program = data, .program_bytes = bytes,
        .manifest = "{}", .manifest_bytes = 2,
    };
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    if (pack_image(&input, &out, &why) == MF_OK) {
        struct image image;
        mf_assert(image_parse(out.data, out.bytes, &image, &why) == MF_OK);
        mf_assert(image_verify_hash(out.data, out.bytes, &image, &why) == MF_OK);
    } else {
        mf_assert(why.text[0] && !out.data);
    }
    mf_buf_close(&out);
    return 0;
}
