/* fuzz_root.c: a root file system as the kernel reads it: what is not refused can be read wholly,
 * and every folder's way up ends. Input: the segment; its end is filled to a page. */
#include <stdlib.h>
#include <string.h>

#include "kernel/fs/elf.h"
#include "kernel/fs/root.h"
#include "kernel/fs/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t sum; /* of all that can be read */

static void read_all(const void *from, size_t bytes)
{
    const uint8_t *at = from;
    for (size_t i = 0; i < bytes; i++)
        sum += at[i];
}

/* What of it would be executed lies within it, and within what it spans. */
static void execute(const uint8_t *content, uint64_t bytes, uint64_t span)
{
    struct elf_program program;
    struct elf_segment segment;
    const char *loader = elf_loader(content, bytes);
    sum += loader ? strlen(loader) : 0;
    if (!elf_program(content, bytes, &program))
        return;
    if (program.low % MF_PAGE_BYTES || program.entry - program.low >= span ||
        (program.headers && program.headers - program.low >= span))
        abort();
    for (uint32_t number = 0; elf_segment(content, bytes, &number, &segment);) {
        read_all(content + segment.offset, segment.file_bytes);
        if (segment.address - program.low > span || segment.memory_bytes > span ||
            segment.file_bytes > segment.memory_bytes)
            abort();
    }
}

static void be_script(const uint8_t *content, uint64_t bytes)
{
    char text[SCRIPT_BYTES + 1] = "", *argument = NULL;
    memcpy(text, content, bytes < SCRIPT_BYTES ? bytes : SCRIPT_BYTES);
    const char *interpreter = script_read(text, &argument);
    if (interpreter && (interpreter < text + 2 || *interpreter == 0 || interpreter + strlen(interpreter) > text + SCRIPT_BYTES))
        abort();
    if (interpreter && argument && (argument <= interpreter || argument + strlen(argument) > text + SCRIPT_BYTES))
        abort();
}

/* And as an ELF file, which it may say that it is. */
static void read_file(const uint8_t *content, uint64_t bytes)
{
    uint64_t span = 0;
    read_all(content, bytes);
    if (elf_span(content, bytes, &span) && span % MF_PAGE_BYTES)
        abort();
    execute(content, bytes, span);
    be_script(content, bytes);
    for (uint64_t at = 0; at < span && at < 1 << 20; at += MF_PAGE_BYTES)
        sum += elf_holds(content, bytes, at, at, MF_PAGE_BYTES);
}

static void read_folder(const struct root *root, uint32_t folder)
{
    uint32_t deep = 0, found;
    size_t bytes;
    for (uint64_t i = 0; i < root->inodes[folder].bytes; i++) {
        const struct mf_root_entry *entry = root_entry(root, folder, i);
        if (!root_find(root, folder, root->names + entry->name_at, entry->name_bytes, &found) ||
            found != entry->inode)
            abort();
    }
    for (uint32_t at = folder; at; at = root->inodes[at].parent) {
        read_all(root_name(root, at, &bytes), bytes);
        if (++deep > root->inode_count)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct root root;
    size_t whole = (bytes + MF_PAGE_BYTES - 1) & ~(size_t)(MF_PAGE_BYTES - 1);
    if (bytes < sizeof(struct mf_root) || bytes > 1u << 20)
        return 0;
    uint8_t *base = aligned_alloc(MF_PAGE_BYTES, whole);
    if (!base)
        return 0;
    memcpy(base, data, bytes);
    memset(base + bytes, 0, whole - bytes);
    struct mf_root *head = (struct mf_root *)(void *)base;
    head->magic = MF_ROOT_MAGIC; /* else nothing would ever be decoded */
    head->root_bytes = whole;
    if (!root_open(&root, base, whole))
        for (uint32_t i = 0; i < root.inode_count; i++) {
            const struct mf_root_inode *inode = &root.inodes[i];
            if (root_type(inode) == MF_ROOT_FOLDER)
                read_folder(&root, i);
            else if (root_type(inode) == MF_ROOT_LINK)
                read_all(root_target(&root, inode), inode->bytes);
            else
                read_file(root_content(&root, inode), inode->bytes);
        }
    free(base);
    return 0;
}
