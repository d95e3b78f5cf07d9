/* cmd_build.c: mayfly build. */
#include <stdio.h>

#include "cli/build.h"
#include "cli/command.h"

enum { KEY_PROGRAM = CLI_LONG + 1, KEY_COMPILER, KEY_CONTRACT, KEY_ROOTFS, KEY_OCI, KEY_NAME, KEY_JSON };

static const struct cli_option options[] = {
    {"output", 'o', "FILE", "the image to write (default: NAME.mf here)"},
    {"name", KEY_NAME, "NAME", "name of the function (default: as function.yml, or the first file)"},
    {"program", KEY_PROGRAM, "FILE", "pack this static Linux executable instead of compiling"},
    {"rootfs", KEY_ROOTFS, "DIR", "take this folder as the root file system; --program is a path in it"},
    {"oci", KEY_OCI, "PATH", "take a container image: a folder or archive of OCI's or docker's making"},
    {"contract", KEY_CONTRACT, "NAME", "how events reach it: sdk, http, lambda, openwhisk or stdio"},
    {"compiler", KEY_COMPILER, "PROGRAM", "compiler for musl (default: musl-gcc)"},
    {"json", KEY_JSON, NULL, "print what was built as JSON"},
    {0},
};

static int print(const struct built *built, bool json)
{
    char hash[2 * MF_IMAGE_HASH_BYTES + 1];
    for (size_t i = 0; i < MF_IMAGE_HASH_BYTES; i++)
        (void)snprintf(hash + 2 * i, 3, "%02x", built->hash[i]);
    if (json)
        return cli_print_json(json_pack("{s:s, s:s, s:I, s:s, s:s}", "name", built->name,
                                        "image", built->path, "bytes",
                                        (json_int_t)built->image_bytes, "hash", hash, "contract",
                                        built->contract));
    char bytes[16];
    printf("%s%s%s  %s  %.16s  contract: %s\n", cli_colour(CLI_BOLD), built->path,
           cli_colour(CLI_PLAIN), cli_bytes(built->image_bytes, bytes), hash, built->contract);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    struct build build = {0};
    bool json = false;
    int key;
    while ((key = cli_getopt(&cmd_build, argc, argv)) != -1) {
        if (key == 'o')
            build.out = optarg;
        else if (key == KEY_NAME)
            build.name = optarg;
        else if (key == KEY_PROGRAM)
            build.program = optarg;
        else if (key == KEY_OCI)
            build.oci = optarg;
        else if (key == KEY_ROOTFS)
            build.rootfs = optarg;
        else if (key == KEY_CONTRACT)
            build.contract = optarg;
        else if (key == KEY_COMPILER)
            build.compiler = optarg;
        else if (key == KEY_JSON)
            json = true;
    }
    build.input = argv + optind;
    build.input_count = (size_t)(argc - optind);
    struct built built;
    int code = build_image(&build, &built);
    return code == CLI_OK ? print(&built, json) : code;
}

const struct command cmd_build = {
    .name = "build",
    .arguments = "[DIR | FILE.c... | [--rootfs DIR] --program FILE [DIR] | --oci PATH [DIR]] [-o OUT] [--json]",
    .summary = "make an image of a C function, or of any Linux program",
    .details =
        "A folder is a project: its function.yml says what the function needs, and its\n"
        "sources (default: all C files there) are compiled with musl-gcc. Without an\n"
        "argument the folder is the one you are in. C files alone give a function with\n"
        "default settings, named after the first.\n\n"
        "A program that is not linked with the SDK is taken for a server of HTTP on $PORT\n"
        "(contract: http), if nothing else is said; it may be of any language, static, and\n"
        "position-independent or not. A dynamic one needs a root file system that has its\n"
        "loader and libraries (--rootfs), and so does one that reads files.\n\n"
        "The same input gives the same bytes. If the compiler refuses the program, its\n"
        "messages are shown and the exit code is 7.",
    .options = options,
    .run = run,
};
