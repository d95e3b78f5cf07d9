/*
 * pack_loaded.c: see pack_loaded.h. Guarantees: what is laid out lies within one window and does
 * not overlap. A file that cannot be laid out is no library, as far as the packer is concerned: it
 * stays a file.
 */
#include "image/pack_loaded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "image/elf.h"
#include "image/pack_part.h"

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)

/* What a file's PT_LOAD headers span, in whole pages of its own addresses. */
struct span {
    uint64_t low, high;
    Elf64_Half type;
    bool executes;
    bool is_program; /* says that it is a PIE; PT_INTERP says nothing: libc.so.6 has it */
};

static bool read_span(const uint8_t *file, uint64_t bytes, struct span *span);

mf_err pack_interpreter(const uint8_t *file, size_t bytes, char path[MF_ROOT_TARGET_MAX + 1],
                        struct mf_why *why)
{
    Elf64_Ehdr header;
    path[0] = '\0';
    mf_err err = elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &header, why);
    for (uint32_t i = 0; !err && i < header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &header, i, &phdr);
        if (phdr.p_type != PT_INTERP)
            continue;
        if (!elf_within(phdr.p_offset, phdr.p_filesz, bytes) || phdr.p_filesz < 2 ||
            phdr.p_filesz > MF_ROOT_TARGET_MAX || file[phdr.p_offset] != '/' ||
            memchr(file + phdr.p_offset, '\0', phdr.p_filesz) !=
                file + phdr.p_offset + phdr.p_filesz - 1)
            return refuse(why, "its loader (PT_INTERP) is no absolute path");
        memcpy(path, file + phdr.p_offset, phdr.p_filesz);
    }
    return err;
}

static const uint8_t *content(const struct root_tree *tree, const struct root_node *node)
{
    return tree->store + node->content_at;
}

static bool is_file(const struct root_node *node)
{
    return (node->mode & MF_ROOT_TYPE) == MF_ROOT_FILE && node->bytes > 0;
}

static mf_err take(struct loaded *loaded, struct root_node *node)
{
    struct root_node **grown =
        reallocarray(loaded->node, loaded->count + (size_t)1, sizeof(struct root_node *));
    if (!grown)
        return MF_ENOMEM;
    loaded->node = grown;
    loaded->node[loaded->count++] = node;
    return MF_OK;
}

mf_err loaded_fixed(const struct root_tree *tree, struct root_node *program, struct loaded *loaded,
                    struct mf_why *why)
{
    struct span span;
    *loaded = (struct loaded){0};
    if (!is_file(program) || !read_span(content(tree, program), program->bytes, &span))
        return refuse(why, "it cannot be laid out in memory");
    if (span.type != ET_EXEC)
        return MF_OK;
    if (span.low < MF_PROGRAM_BASE)
        return refuse(why, "it is linked at 0x%" PRIx64 ", outside the program's range; link it with "
                      "-Wl,-Ttext-segment=0x%x, or as position-independent", span.low, MF_PROGRAM_BASE);
    program->loaded_at = loaded->address = span.low;
    loaded->bytes = span.high - span.low;
    return take(loaded, program);
}

static bool fits_fixed(const struct root_tree *tree, const struct root_node *node, struct span *span)
{
    return is_file(node) && node->mode & 0111 && read_span(content(tree, node), node->bytes, span) &&
           span->type == ET_EXEC && span->executes && span->low >= MF_PROGRAM_BASE;
}

bool loaded_is_fixed(const struct root_tree *tree, const struct root_node *node)
{
    struct span span;
    return fits_fixed(tree, node, &span);
}

struct largest {
    const struct root_tree *tree;
    struct root_node *node; /* NULL: none yet */
};

/* As deep as a tree is (MF_ROOT_DEPTH_MAX). */
static mf_err find_largest(void *context, const struct root_name *name)
{
    struct largest *largest = context;
    struct root_node *node = name->node;
    if ((node->mode & MF_ROOT_TYPE) == MF_ROOT_FOLDER)
        return root_names_each(&node->folder, find_largest, largest);
    if (loaded_is_fixed(largest->tree, node) && (!largest->node || node->bytes > largest->node->bytes))
        largest->node = node;
    return MF_OK;
}

mf_err loaded_another(const struct root_tree *tree, struct root_node *wanted, struct loaded *loaded)
{
    struct largest largest = {.tree = tree, .node = wanted};
    struct span span;
    mf_err err = MF_OK;
    *loaded = (struct loaded){0};
    if (!wanted || !loaded_is_fixed(tree, wanted)) {
        largest.node = NULL;
        err = root_names_each(&tree->root->folder, find_largest, &largest);
    }
    struct root_node *node = largest.node;
    if (err || !node || !fits_fixed(tree, node, &span))
        return err;
    node->loaded_at = loaded->address = span.low;
    loaded->bytes = span.high - span.low;
    return take(loaded, node);
}

struct placing {
    const struct root_tree *tree;
    const struct root_node *program;
    bool programs; /* they are what is placed now */
    struct loaded *loaded;
    struct mf_why *why;
};

/* Programs that the image does not start have their turn when all else has its place. */
static bool has_turn(const struct placing *placing, const struct root_node *node, const struct span *span)
{
    bool is_other = span->is_program && node != placing->program;
    return is_other == placing->programs && (!is_other || node->mode & 0111);
}

/* A file with several names is placed at its first. */
static mf_err place(struct placing *placing, struct root_node *node, struct mf_why *why)
{
    struct loaded *loaded = placing->loaded;
    struct span span;
    if (!is_file(node) || node->loaded_at || !read_span(content(placing->tree, node), node->bytes, &span) ||
        span.type != ET_DYN || !span.executes || !has_turn(placing, node, &span))
        return MF_OK;
    uint64_t at = loaded->address + loaded->bytes, bytes = span.high - span.low;
    if (bytes > MF_WINDOW_MAX - at)
        return mf_why(why, MF_ETOOBIG, "the libraries of the root file system do not fit any window "
                      "(%llu MiB)", MF_WINDOW_MAX >> 20);
    node->loaded_at = at;
    loaded->bytes += bytes;
    return take(loaded, node);
}

/* As deep as a tree is (MF_ROOT_DEPTH_MAX). */
static mf_err place_name(void *context, const struct root_name *name)
{
    struct placing *placing = context;
    struct root_node *node = name->node;
    return (node->mode & MF_ROOT_TYPE) == MF_ROOT_FOLDER ? root_names_each(&node->folder, place_name, placing)
                                                         : place(placing, node, placing->why);
}

mf_err loaded_place(const struct root_tree *tree, const struct root_node *program, bool programs,
                    uint64_t address, struct loaded *loaded, struct mf_why *why)
{
    *loaded = (struct loaded){.address = address};
    struct placing placing = {.tree = tree, .program = program, .loaded = loaded, .why = why};
    mf_err err = root_names_each(&tree->root->folder, place_name, &placing);
    placing.programs = true;
    return !err && programs ? root_names_each(&tree->root->folder, place_name, &placing) : err;
}

/* One file's pages: its segments at their places, zeros between and behind. */
static mf_err add_pages(const uint8_t *file, uint64_t bytes, struct mf_buf *out, struct mf_why *why)
{
    struct span span;
    Elf64_Ehdr header;
    mf_assert(read_span(file, bytes, &span));
    size_t start = out->bytes;
    mf_err err = elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &header, why);
    if (!err)
        err = pack_add(out, 1, NULL, span.high - span.low, why);
    for (uint32_t i = 0; !err && i < header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &header, i, &phdr);
        if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0 || phdr.p_filesz == 0)
            continue;
        /* As mmap() has it: whole pages of the file, as far as it goes; behind the content of
         * memory that is written, zeros. */
        uint64_t lead = phdr.p_vaddr % MF_PAGE_BYTES, end = phdr.p_offset + phdr.p_filesz;
        uint64_t more = -end % MF_PAGE_BYTES;
        if (!(phdr.p_flags & PF_W))
            end = more < bytes - end ? end + more : bytes;
        memcpy(out->data + start + (phdr.p_vaddr - lead - span.low), file + phdr.p_offset - lead,
               end - (phdr.p_offset - lead));
    }
    return err;
}

mf_err loaded_add(const struct root_tree *tree, const struct loaded *loaded, struct mf_buf *out,
                  struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < loaded->count && !err; i++)
        err = add_pages(content(tree, loaded->node[i]), loaded->node[i]->bytes, out, why);
    return err;
}

static void file_text(const uint8_t *file, uint64_t bytes, uint64_t address, uint8_t *pages,
                      struct stubs *stubs)
{
    struct span span;
    struct stubs_file elf = {.data = file, .bytes = bytes};
    mf_assert(read_span(file, bytes, &span));
    if (elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &elf.header, NULL) != MF_OK)
        return;
    for (uint32_t i = 0; i < elf.header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &elf.header, i, &phdr);
        if (phdr.p_type == PT_LOAD && phdr.p_memsz > 0 && (phdr.p_flags & PF_X))
            stubs_text(stubs, &elf, phdr.p_vaddr, phdr.p_filesz, pages + (phdr.p_vaddr - span.low),
                       address + (phdr.p_vaddr - span.low));
    }
}

void loaded_text(const struct root_tree *tree, const struct loaded *loaded, uint8_t *pages,
                 struct stubs *stubs)
{
    for (uint32_t i = 0; i < loaded->count; i++) {
        const struct root_node *node = loaded->node[i];
        file_text(content(tree, node), node->bytes, node->loaded_at,
                  pages + (node->loaded_at - loaded->address), stubs);
    }
}

void loaded_align(uint8_t *file, uint64_t bytes)
{
    Elf64_Ehdr header;
    if (elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &header, NULL) != MF_OK)
        return;
    for (uint32_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &header, i, &phdr);
        if (phdr.p_type != PT_LOAD || phdr.p_align <= MF_PAGE_BYTES)
            continue;
        phdr.p_align = MF_PAGE_BYTES;
        memcpy(file + header.e_phoff + i * sizeof phdr, &phdr, sizeof phdr);
    }
}

void loaded_close(struct loaded *loaded)
{
    free(loaded->node);
    *loaded = (struct loaded){0};
}

/* DT_FLAGS_1 of its dynamic section says that it is a PIE. */
static bool says_pie(const uint8_t *file, uint64_t bytes, const Elf64_Phdr *dynamic)
{
    if (!elf_within(dynamic->p_offset, dynamic->p_filesz, bytes))
        return false;
    for (uint64_t i = 0; i < dynamic->p_filesz / sizeof(Elf64_Dyn); i++) {
        Elf64_Dyn entry;
        memcpy(&entry, file + dynamic->p_offset + i * sizeof entry, sizeof entry);
        if (entry.d_tag == DT_NULL)
            return false;
        if (entry.d_tag == DT_FLAGS_1)
            return entry.d_un.d_val & DF_1_PIE;
    }
    return false;
}

/* Within the file, ascending, each on pages of its own, none both writable and executable. */
static bool take_load(const Elf64_Phdr *phdr, uint64_t bytes, struct span *span)
{
    if (!elf_within(phdr->p_offset, phdr->p_filesz, bytes) || phdr->p_filesz > phdr->p_memsz ||
        phdr->p_vaddr >= MF_WINDOW_MAX || phdr->p_memsz > MF_WINDOW_MAX - phdr->p_vaddr ||
        phdr->p_offset % MF_PAGE_BYTES != phdr->p_vaddr % MF_PAGE_BYTES ||
        ((phdr->p_flags & PF_W) && (phdr->p_flags & PF_X)))
        return false;
    uint64_t low = phdr->p_vaddr / MF_PAGE_BYTES * MF_PAGE_BYTES;
    if (span->high == 0)
        span->low = low;
    else if (low < span->high)
        return false;
    span->high = (phdr->p_vaddr + phdr->p_memsz + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES * MF_PAGE_BYTES;
    span->executes = span->executes || (phdr->p_flags & PF_X);
    return true;
}

static bool read_span(const uint8_t *file, uint64_t bytes, struct span *span)
{
    Elf64_Ehdr header;
    *span = (struct span){0};
    if (elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &header, NULL) != MF_OK)
        return false;
    span->type = header.e_type;
    for (uint32_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &header, i, &phdr);
        if (phdr.p_type == PT_LOAD && phdr.p_memsz > 0 && !take_load(&phdr, bytes, span))
            return false;
        if (phdr.p_type == PT_DYNAMIC && says_pie(file, bytes, &phdr))
            span->is_program = true;
    }
    return span->high > span->low;
}
