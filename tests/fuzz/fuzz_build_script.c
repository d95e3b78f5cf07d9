/* fuzz_build_script.c: a program of a root file system, which may be a script: up to three files' contents,
 * separated by NUL, of which the first is started. /usr/bin/env is there, and a small ELF program. What is found
 * is a file of the root; its arguments end with those that were given. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build_root.h"
#include "cli/command.h"
#include "image/pack_loaded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void add_file(struct root_tree *tree, const char *path, const void *text, size_t bytes)
{
    struct root_node *node;
    if (root_tree_file(tree, path, 0755, 0, &node, NULL) != MF_OK ||
        root_tree_append(tree, node, text, bytes, NULL) != MF_OK)
        abort();
}

/* As far as pack_interpreter() looks: a header, and one program header, of nothing. */
static void add_programs(struct root_tree *tree)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr nothing;
    } program = {.header = {.e_ident = ELFMAG,
                            .e_machine = EM_X86_64,
                            .e_version = EV_CURRENT,
                            .e_phoff = sizeof(Elf64_Ehdr),
                            .e_ehsize = sizeof(Elf64_Ehdr),
                            .e_phentsize = sizeof(Elf64_Phdr),
                            .e_phnum = 1}};
    char loader[MF_ROOT_TARGET_MAX + 1];
    program.header.e_ident[EI_CLASS] = ELFCLASS64;
    program.header.e_ident[EI_DATA] = ELFDATA2LSB;
    program.header.e_ident[EI_VERSION] = EV_CURRENT;
    mf_assert(pack_interpreter((const uint8_t *)&program, sizeof program, loader, NULL) == MF_OK);
    add_file(tree, "bin/p", &program, sizeof program);
    add_file(tree, "usr/bin/env", &program, sizeof program);
}

static void add_scripts(struct root_tree *tree, const uint8_t *data, size_t bytes)
{
    static const char *const path[] = {"s", "bin/t", "bin/u"};
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        const uint8_t *end = bytes && i < 2 ? memchr(data, '\0', bytes) : NULL;
        size_t length = end ? (size_t)(end - data) : bytes, used = length + (end != NULL);
        if (length)
            add_file(tree, path[i], data, length);
        data += used;
        bytes -= used;
    }
}

static void check(const struct build_root *root, const struct mf_buf *executable)
{
    const json_t *list = json_object_get(root->command, "args");
    const char *program = json_string_value(json_object_get(root->command, "program"));
    size_t count = json_array_size(list);
    mf_assert(program && root_tree_find(&root->tree, program) && executable->bytes);
    mf_assert(count >= 1 && strcmp(json_string_value(json_array_get(list, count - 1)), "last") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct build_root root = {.is_open = true};
    struct mf_buf executable = {0};
    json_t *arguments = json_pack("[s]", "last");
    mf_assert(arguments && root_tree_open(&root.tree, NULL) == MF_OK);
    add_programs(&root.tree);
    add_scripts(&root.tree, data, bytes);
    if (build_root_find(&root, "/s", "/bin", NULL, arguments, &executable) == CLI_OK)
        check(&root, &executable);
    mf_buf_close(&executable);
    json_decref(arguments);
    build_root_close(&root);
    return 0;
}
