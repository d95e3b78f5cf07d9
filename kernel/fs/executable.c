/*
 * executable.c: see executable.h. What is refused is what Linux refuses (execve(2), and its binfmt_script, binfmt_elf).
 * Guarantees: no effect but what is found; reads nothing outside a file, whatever it says. Owns nothing.
 */
#include "kernel/fs/executable.h"

#include <asm/errno.h>
#include <linux/elf.h>
#include <linux/stat.h>

#include "kernel/core/string.h"
#include "kernel/fs/open.h"
#include "kernel/fs/script.h"

#define SCRIPTS_MAX 5u  /* that are each other's interpreters; Linux's, too */
#define ANY_EXECUTES (S_IXUSR | S_IXGRP | S_IXOTH)

/* What is looked at of a file, zeros behind its end. */
struct head {
    char text[SCRIPT_BYTES + 1];
};

static int check_mode(const struct walked *walked)
{
    struct file_stat stat = {0};
    int error = walked->place.fs->stat(&walked->place, &stat);
    return error ? error : (stat.mode & S_IFMT) == S_IFREG && stat.mode & ANY_EXECUTES ? 0 : -EACCES;
}

static int read_head(const struct walked *walked, struct head *head)
{
    struct file *file;
    struct io io;
    uint64_t at = 0;
    memset(head, 0, sizeof *head);
    int error = open_place(&walked->place, &walked->folder, (struct name){walked->name, walked->name_bytes}, 0, &file);
    if (error)
        return error;
    io_kernel(&io, head->text, SCRIPT_BYTES);
    int64_t bytes = file->operations->read(file, &io, &at);
    file_put(file);
    return bytes < 0 ? (int)bytes : 0;
}

/* The script's interpreter with its argument and the script's name come before the arguments, the first of
 * which goes. */
static int put_before(struct executable *executable, const char *interpreter, const char *argument, const char *name)
{
    const struct sheet old = executable->front;
    const size_t first = old.bytes ? strlen(old.data) + 1 : 0;
    struct sheet front = {0};
    sheet_bytes(&front, interpreter, strlen(interpreter) + 1);
    if (argument)
        sheet_bytes(&front, argument, strlen(argument) + 1);
    sheet_bytes(&front, name, strlen(name) + 1);
    if (first)
        sheet_bytes(&front, old.data + first, old.bytes - first);
    executable->front = front;
    executable->front_count += (argument ? 3u : 2u) - (first ? 1u : 0u);
    sheet_close((struct sheet *)&old);
    return front.torn ? -ENOMEM : 0;
}

static bool is_elf(const struct head *head)
{
    return memcmp(head->text, ELFMAG, SELFMAG) == 0;
}

/* An ELF file. wrong: what one that makes no sense is called. */
static int take_file(const struct walked *walked, int wrong, struct executable *executable,
                     struct executable_file *file)
{
    bool is_images = image_file(&walked->place, &file->loaded);
    if (is_images && !elf_program(file->loaded.content, file->loaded.bytes, &file->program))
        return wrong;
    if (!is_images || !file->loaded.address) {
        executable->is_refused = true;
        return -EACCES;
    }
    return file->program.moves || file->loaded.address == file->program.low ? 0 : wrong;
}

static int take_program(struct executable *executable, struct walked *walked)
{
    const struct place root = walk_root();
    int error = take_file(walked, -ENOEXEC, executable, &executable->file);
    executable->place = walked->place;
    const struct image_loaded *file = &executable->file.loaded;
    const char *loader = error ? NULL : elf_loader(file->content, file->bytes);
    if (!loader)
        return error;
    error = walk(&root, loader, 0, walked);
    if (!error)
        error = check_mode(walked);
    return error ? error : take_file(walked, -ELIBBAD, executable, &executable->loader);
}

int executable_find(struct executable *executable, struct walked *walked, const char *name)
{
    const struct place here = walk_here();
    for (uint32_t depth = 0; depth <= SCRIPTS_MAX; depth++) {
        struct head head;
        char *argument;
        int error = check_mode(walked);
        if (!error)
            error = read_head(walked, &head);
        if (error)
            return error;
        if (is_elf(&head))
            return take_program(executable, walked);
        const char *interpreter = script_read(head.text, &argument);
        if (!interpreter)
            return -ENOEXEC;
        error = put_before(executable, interpreter, argument, depth ? executable->front.data : name);
        if (!error)
            error = walk(&here, interpreter, 0, walked);
        if (error)
            return error;
    }
    return -ELOOP;
}

void executable_close(struct executable *executable)
{
    sheet_close(&executable->front);
}
