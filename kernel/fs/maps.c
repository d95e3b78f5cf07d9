/*
 * maps.c: /proc/self/maps (process_texts.h): who owns which pages; those of files that the image has as
 * loaded, by their names and with their places there. Owns a buffer for paths.
 */
#include <linux/stat.h>

#include "abi/hypercall.h"
#include "kernel/core/bss.h"
#include "kernel/core/space.h"
#include "kernel/fs/elf.h"
#include "kernel/fs/image.h"
#include "kernel/fs/process_texts.h"
#include "kernel/fs/walk.h"

/* A part of a region: of a file, or not. */
struct piece {
    uint64_t end;
    struct place file; /* fs NULL: none */
    uint64_t offset;
    bool of_program;   /* though no file is known */
};

/* What the monitor has started: the program, or its loader. */
struct started {
    struct place place;
    struct image_loaded file; /* content NULL: it is none of the image's */
};

static char path[PATH_BYTES_MAX] BSS_LARGE;

static bool find_file(const char *name, struct started *started)
{
    const struct place root = walk_root();
    struct walked walked;
    if (walk(&root, name, 0, &walked) != 0 || !image_file(&walked.place, &started->file))
        return false;
    started->place = walked.place;
    return true;
}

/* A program that the image has as loaded was not started, but its loader. */
static struct started find_started(uint64_t address)
{
    struct started started = {0};
    struct sheet name = {0};
    text_program(&name);
    sheet_bytes(&name, "", 1);
    if (!name.torn && find_file(name.data, &started) && started.file.address) {
        const char *loader = elf_loader(started.file.content, started.file.bytes);
        if (!loader || !find_file(loader, &started))
            started.file.content = NULL;
    }
    sheet_close(&name);
    started.file.address = address;
    return started;
}

/* Of one file, from there on. */
static struct piece piece_of(uint64_t from, uint64_t end, const struct place *place,
                             const struct image_loaded *file)
{
    struct piece piece = {.end = end};
    uint64_t part = 0;
    if (elf_piece(file->content, file->bytes, from - file->address, &part, &piece.offset))
        piece.file = *place;
    if (part > from - file->address && part < end - file->address)
        piece.end = file->address + part;
    return piece;
}

static struct piece piece_at(uint64_t from, uint64_t end, const struct started *started)
{
    struct image_loaded loaded;
    struct place place;
    uint64_t next;
    if (image_loaded_at(from, &place, &loaded, &next))
        return piece_of(from, end, &place, &loaded);
    end = next > from && next < end ? next : end;
    if (started->file.content)
        return piece_of(from, end, &started->place, &started->file);
    return (struct piece){.end = end, .of_program = true};
}

static void add_file(struct sheet *sheet, const struct piece *piece)
{
    struct file_stat stat = {0};
    if (piece->file.fs)
        (void)piece->file.fs->stat(&piece->file, &stat);
    sheet_hex(sheet, piece->offset, 8);
    sheet_add(sheet, " 00:");
    sheet_hex(sheet, stat.device, 2);
    sheet_add(sheet, " ");
    sheet_decimal(sheet, stat.number);
    sheet_add(sheet, " ");
    if (piece->file.fs && image_path(&piece->file, path) > 0) {
        sheet_add(sheet, " ");
        sheet_add(sheet, path);
    } else if (piece->of_program) {
        sheet_add(sheet, " ");
        text_program(sheet);
    }
}

static void add_line(struct sheet *sheet, const struct region *region, uint64_t from,
                     const struct piece *piece)
{
    sheet_hex(sheet, from, 8);
    sheet_add(sheet, "-");
    sheet_hex(sheet, piece->end, 8);
    sheet_add(sheet, region->prot & MF_PROT_READ ? " r" : " -");
    sheet_add(sheet, region->prot & MF_PROT_WRITE ? "w" : "-");
    sheet_add(sheet, region->prot & (REGION_TEXT | MF_PROT_EXECUTE) ? "xp " : "-p ");
    add_file(sheet, piece);
    if (region->kind == REGION_STACK)
        sheet_add(sheet, " [stack]");
    if (region->kind == REGION_HEAP)
        sheet_add(sheet, " [heap]");
    sheet_add(sheet, "\n");
}

void text_maps(struct sheet *sheet)
{
    struct started started = {0};
    bool found = false;
    for (uint32_t i = 0; i < space.regions.count; i++) {
        const struct region *region = &space.regions.region[i];
        if (region->kind == REGION_PROGRAM && !found) { /* the lowest one */
            started = find_started(address_of(region->start));
            found = true;
        }
        if (region->kind == REGION_SPARE || region->kind == REGION_GUARD || region->kind == REGION_KERNEL)
            continue;
        for (uint64_t from = address_of(region->start), end = address_of(region->end); from < end;) {
            const struct piece piece =
                region->kind == REGION_PROGRAM ? piece_at(from, end, &started) : (struct piece){.end = end};
            add_line(sheet, region, from, &piece);
            from = piece.end;
        }
    }
}
