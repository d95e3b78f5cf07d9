/*
 * exec.c: execve and execveat: another program in the place of this one.
 * Guarantees: all that can be refused is, before anything is changed; from then on an error ends the instance,
 * as Linux kills a process then. Nothing becomes executable: the program and its loader are where the image has
 * them (fs/executable.h), as libraries are.
 * Leaves to others: pages (core/space.c), where files are in memory (map.c), threads (task/), signals.
 * Owns what is told of the program.
 */
#include "kernel/linux/files/exec.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "abi/log.h"
#include "kernel/core/heap.h"
#include "kernel/core/memory.h"
#include "kernel/core/start.h"
#include "kernel/core/string.h"
#include "kernel/core/text.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/file/descriptor.h"
#include "kernel/fs/executable.h"
#include "kernel/fs/open.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/many/timer.h"
#include "kernel/linux/map.h"
#include "kernel/task/task.h"

#define STACK_SHARE_OF_STRINGS 4       /* arguments and environment: a part of so many of the stack, as Linux */
#define STRING_BYTES_MAX (32u * 4096u) /* one of them; Linux's MAX_ARG_STRLEN */
#define PART_BYTES 256u                /* is read in one go */
#define HEADER_BYTES 56u               /* of ELF64's program headers */

struct exec exec_now;

/* What the call asks for. */
struct asked {
    struct sheet name; /* AT_EXECFN; with its NUL */
    struct sheet text; /* arguments, then variables */
    uint32_t arguments, variables;
    uint64_t variables_from; /* in text */
    bool vanishes;      /* its name leads nowhere when descriptors have been closed */
    bool by_descriptor; /* it has no name */
    struct executable executable;
};

static int64_t execute(struct frame *frame, struct walked *walked, struct asked *asked, uint64_t argv, uint64_t envp);

static void close_asked(struct asked *asked)
{
    sheet_close(&asked->name);
    sheet_close(&asked->text);
    executable_close(&asked->executable);
}

int64_t linux_execve(struct frame *frame)
{
    const char *path;
    struct asked asked = {0};
    struct walked walked;
    int64_t error = files_path(frame_argument(frame, 0), &path);
    if (error)
        return error;
    sheet_bytes(&asked.name, path, strlen(path) + 1);
    error = files_walk((uint64_t)AT_FDCWD, frame_argument(frame, 0), 0, &walked);
    if (!error)
        error = execute(frame, &walked, &asked, frame_argument(frame, 1), frame_argument(frame, 2));
    close_asked(&asked);
    return error;
}

/* The file of a descriptor, as if it had been walked to. */
static int walk_to(struct file *file, struct walked *walked)
{
    const struct opened *opened = open_opened(file);
    if (!opened)
        return -EACCES;
    *walked = (struct walked){.place = opened->place, .folder = opened->folder};
    if (opened->name_bytes <= NAME_BYTES_MAX) {
        memcpy(walked->name, opened->name, opened->name_bytes);
        walked->name_bytes = opened->name_bytes;
    }
    return 0;
}

/* By what name a script finds itself: "/dev/fd/NUMBER", and a path from there on. */
static void name_of(struct sheet *name, uint64_t fd, const char *path)
{
    if (*path != '/' && (int32_t)fd != AT_FDCWD) {
        sheet_add(name, "/dev/fd/");
        sheet_decimal(name, (uint32_t)fd);
        sheet_add(name, *path ? "/" : "");
    }
    sheet_bytes(name, path, strlen(path) + 1);
}

int64_t linux_execveat(struct frame *frame)
{
    const uint64_t fd = frame_argument(frame, 0);
    const uint32_t flags = (uint32_t)frame_argument(frame, 4);
    const char *path;
    struct asked asked = {0};
    struct walked walked;
    struct file *file;
    bool closes = false;
    if (flags & ~(uint32_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    int64_t error = files_path(frame_argument(frame, 1), &path);
    if (error)
        return error;
    asked.by_descriptor = !*path;
    asked.vanishes = *path != '/' && descriptor_flag(fd, &closes) && closes;
    name_of(&asked.name, fd, path);
    error = files_walk_at(fd, frame_argument(frame, 1), flags, &walked, &file);
    if (!error && file)
        error = walk_to(file, &walked);
    if (!error && place_type(&walked.place) == S_IFLNK)
        error = -ELOOP;
    if (!error)
        error = execute(frame, &walked, &asked, frame_argument(frame, 2), frame_argument(frame, 3));
    close_asked(&asked);
    return error;
}

/* In parts that end where a page may. */
static int take_string(struct sheet *text, uint64_t at)
{
    char part[PART_BYTES];
    for (uint64_t taken = 0; taken < STRING_BYTES_MAX;) {
        const uint64_t bytes = PART_BYTES - (at + taken) % PART_BYTES;
        if (user_read(part, at + taken, bytes) != 0)
            return -EFAULT;
        uint64_t used = 0;
        while (used < bytes && part[used])
            used++;
        const bool ended = used < bytes;
        taken += used + ended;
        if (taken > STRING_BYTES_MAX)
            return -E2BIG;
        sheet_bytes(text, part, used + ended);
        if (text->torn)
            return -ENOMEM;
        if (ended)
            return 0;
    }
    return -E2BIG;
}

/* An array's strings from a number on; NULL: it has none. */
static int take_strings(struct asked *asked, uint64_t array, uint32_t first, uint32_t *count)
{
    const uint64_t most = memory_stack_bytes() / STACK_SHARE_OF_STRINGS;
    for (uint32_t i = 0; array; i++) {
        uint64_t at;
        if (user_read(&at, array + i * sizeof at, sizeof at) != 0)
            return -EFAULT;
        if (!at)
            break;
        int error = i < first ? 0 : take_string(&asked->text, at);
        if (error)
            return error;
        *count += i >= first;
        const uint64_t pointers = (asked->arguments + asked->variables + 2ull) * sizeof at;
        if (pointers > most || asked->text.bytes > most - pointers)
            return -E2BIG;
    }
    return 0;
}

/* A program has a first argument, be it empty. */
static int take_all_strings(struct asked *asked, uint64_t argv, uint64_t envp)
{
    const struct executable *executable = &asked->executable;
    asked->arguments = executable->front_count;
    if (executable->front.bytes)
        sheet_bytes(&asked->text, executable->front.data, executable->front.bytes);
    int error = take_strings(asked, argv, executable->front_count ? 1 : 0, &asked->arguments);
    if (!error && asked->arguments == 0) {
        sheet_bytes(&asked->text, "", 1);
        asked->arguments = 1;
    }
    asked->variables_from = asked->text.bytes;
    if (!error)
        error = take_strings(asked, envp, 0, &asked->variables);
    return error ? error : asked->text.torn || asked->name.torn ? -ENOMEM : 0;
}

static void tell_refused(const char *name)
{
    static bool told;
    struct text line = {.bytes = 0};
    text_add(&line, "execve is refused (EACCES) for what the image does not have as loaded (docs/LINUX.md): ");
    text_add(&line, name);
    if (!told)
        output_kernel(MF_LOG_WARN, line.data, line.bytes);
    told = true;
}

/* Its path, without links; NULL: no memory for it. */
static char *path_of(const struct executable *executable)
{
    char *path = heap_take(PATH_BYTES_MAX);
    if (path && image_path(&executable->place, path) < 0)
        path[0] = 0;
    return path;
}

static uint64_t bias_of(const struct executable_file *file)
{
    return file->loaded.address - file->program.low;
}

/* All of the old one goes, and the new one stands where it is to be: where its first instruction is. 0: it could
 * not be. */
static uint64_t replace(const struct asked *asked, const struct start_strings *strings, const char *path)
{
    const struct executable_file *file = &asked->executable.file, *loader = &asked->executable.loader;
    timer_end_all();
    task_renew(asked->by_descriptor ? path : asked->name.data);
    signal_renew();
    descriptor_execute();
    int error = map_renew() ? memory_renew(start_again_bytes(strings)) : -ENOMEM;
    if (!error)
        error = map_program(&file->loaded, bias_of(file));
    if (!error && loader->loaded.content)
        error = map_program(&loader->loaded, bias_of(loader));
    if (error)
        return 0;
    const struct executable_file *first = loader->loaded.content ? loader : file;
    return first->program.entry + bias_of(first);
}

/* The stack, and what is told of it from now on: where it begins. */
static uint64_t put_stack(const struct asked *asked, const struct start_strings *strings)
{
    const struct executable_file *file = &asked->executable.file, *loader = &asked->executable.loader;
    const struct elf_program *elf = &file->program;
    const struct start_program program = {
        .entry = elf->entry + bias_of(file),
        .headers = elf->headers ? elf->headers + bias_of(file) : 0,
        .header_count = elf->header_count,
        .header_bytes = HEADER_BYTES,
        .base = loader->loaded.content ? bias_of(loader) : 0,
    };
    uint64_t sp = start_again(&program, strings, memory_stack_top(), &exec_now.arguments_at);
    exec_now.variables_at = exec_now.arguments_at + asked->variables_from;
    exec_now.end_at = exec_now.arguments_at + asked->text.bytes;
    return sp;
}

static int64_t execute(struct frame *frame, struct walked *walked, struct asked *asked, uint64_t argv, uint64_t envp)
{
    struct executable *executable = &asked->executable;
    int error = executable_find(executable, walked, asked->name.data);
    if (!error && asked->vanishes && executable->front_count)
        error = -ENOENT;
    if (error && executable->is_refused)
        tell_refused(asked->name.data);
    if (!error)
        error = take_all_strings(asked, argv, envp);
    if (!error)
        error = task_renew_prepare();
    char *path = error ? NULL : path_of(executable);
    if (error || !path)
        return error ? error : -ENOMEM;

    const struct start_strings strings = {asked->name.data, asked->text.data, asked->text.bytes,
                                          asked->arguments, asked->variables};
    const uint64_t entry = replace(asked, &strings, path);
    if (!entry)
        signal_die(frame, SIGKILL);
    heap_give(exec_now.path, PATH_BYTES_MAX);
    exec_now.path = path;
    *frame = (struct frame){
        .call = LINUX_NR_execve,
        .trap = {.rip = entry, .cs = MF_CS, .rflags = 2, .rsp = put_stack(asked, &strings), .ss = MF_SS},
    };
    return 0;
}
