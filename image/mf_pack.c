/* mf_pack.c: mf-pack KERNEL PROGRAM MANIFEST OUT, the packer by itself, for building
 * the examples and the test guests. Users have `mayfly build`. */
#include <stdio.h>

#include "abi/image.h"
#include "image/pack.h"

static mf_err pack_files(char **path, struct mf_why *why)
{
    struct mf_buf kernel = {0}, program = {0}, manifest = {0}, image = {0};
    mf_err err = pack_read_file(path[0], MF_IMAGE_BYTES_MAX, &kernel, why);
    if (!err)
        err = pack_read_file(path[1], MF_IMAGE_BYTES_MAX, &program, why);
    if (!err)
        err = pack_read_file(path[2], MF_MANIFEST_BYTES_MAX, &manifest, why);
    if (!err) {
        struct pack_input input = {
            .kernel = kernel.data,
            .kernel_bytes = kernel.bytes,
            .program = program.data,
            .program_bytes = program.bytes,
            .manifest = (const char *)manifest.data,
            .manifest_bytes = manifest.bytes,
        };
        err = pack_image(&input, &image, why);
    }
    if (!err)
        err = pack_write_file(path[3], &image, why);
    mf_buf_close(&kernel);
    mf_buf_close(&program);
    mf_buf_close(&manifest);
    mf_buf_close(&image);
    return err;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: mf-pack KERNEL PROGRAM MANIFEST OUT\n");
        return 2;
    }
    struct mf_why why = {0};
    mf_err err = pack_files(argv + 1, &why);
    if (err)
        fprintf(stderr, "mf-pack: %s\n", mf_why_text(&why, err));
    return err ? 1 : 0;
}
