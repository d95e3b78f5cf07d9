/* test_pack.c: the packer: what it makes, that it makes the same every time, and
 * what it refuses of kernel, program and manifest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_sample.h"
#include "image/image.h"
#include "image/pack.h"
#include "image/pack_loaded.h"
#include "image/pack_part.h"

struct inputs {
    struct mf_buf kernel, program;
    const char *manifest;
};

static mf_err pack(const struct inputs *inputs, struct mf_buf *out, struct mf_why *why)
{
    struct pack_input input = {
        .kernel = inputs->kernel.data, .kernel_bytes = inputs->kernel.bytes,
        .program = inputs->program.data, .program_bytes = inputs->program.bytes,
        .manifest = inputs->manifest, .manifest_bytes = strlen(inputs->manifest),
    };
    return pack_image(&input, out, why);
}

static void open_inputs(struct inputs *inputs)
{
    *inputs = (struct inputs){.manifest = SAMPLE_MANIFEST};
    sample_kernel(&inputs->kernel);
    sample_program(&inputs->program);
}

static void close_inputs(struct inputs *inputs)
{
    mf_buf_close(&inputs->kernel);
    mf_buf_close(&inputs->program);
}

static void expect_refused(struct inputs *inputs, const char *sentence)
{
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    mf_err err = pack(inputs, &out, &why);
    if (err == MF_OK || !strstr(why.text, sentence))
        fail_msg("got %d \"%s\", expected \"%s\"", err, why.text, sentence);
    assert_null(out.data);
}

/* The same program, position-independent, from address 0 on. */
static void make_pie(struct mf_buf *program)
{
    Elf64_Ehdr *header = sample_header(program);
    header->e_type = ET_DYN;
    header->e_entry -= MF_PROGRAM_BASE;
    for (uint32_t i = 0; i < 3; i++)
        sample_segment(program, i)->p_vaddr -= MF_PROGRAM_BASE;
    Elf64_Phdr *first = sample_segment(program, 0); /* it loads the headers, one more now */
    first->p_filesz = first->p_memsz += sizeof *first;
    *sample_segment(program, header->e_phnum++) = (Elf64_Phdr){.p_type = PT_DYNAMIC};
    Elf64_Shdr *section = (Elf64_Shdr *)(void *)(program->data + header->e_shoff);
    for (uint32_t i = 1; i < header->e_shnum; i++) {
        if (section[i].sh_flags & SHF_ALLOC)
            section[i].sh_addr -= MF_PROGRAM_BASE;
        Elf64_Sym *symbol = (Elf64_Sym *)(void *)(program->data + section[i].sh_offset);
        for (uint64_t k = 1; section[i].sh_type == SHT_SYMTAB && k < section[i].sh_size / sizeof *symbol; k++)
            symbol[k].st_value -= MF_PROGRAM_BASE;
    }
}

/* A case that changes one thing of good inputs and expects a refusal. */
#define REFUSED(name, change, sentence)                                      \
    static void pack_refuses_##name(void **state)                            \
    {                                                                        \
        (void)state;                                                         \
        struct inputs in;                                                    \
        open_inputs(&in);                                                    \
        Elf64_Ehdr *header = sample_header(&in.program);                     \
        Elf64_Phdr *segment = sample_segment(&in.program, 0);                \
        (void)header, (void)segment;                                         \
        change;                                                              \
        expect_refused(&in, sentence);                                       \
        close_inputs(&in);                                                   \
    }

/* X(name, change, sentence); segments: 0 headers, 1 text, 2 data */
#define REFUSALS(X)                                                                              \
    X(no_program, in.program.bytes = 0, "the program: not an ELF file (0 bytes)")                \
    X(a_script, memcpy(in.program.data, "#!/b", 4), "the program: not an ELF file")              \
    X(another_machine, header->e_machine = EM_AARCH64, "the program: for ELF machine 183")       \
    X(an_object_file, header->e_type = ET_REL, "the program: ELF type 1, not an executable")     \
    X(a_library, header->e_type = ET_DYN, "the program: ELF type 3, not an executable")          \
    X(a_dynamic_program, segment[0].p_type = PT_INTERP,                                          \
      "the program: dynamically linked, so it needs its loader and libraries")                   \
    X(a_dynamic_section, segment[0].p_type = PT_DYNAMIC, "a dynamic section, but no loader")     \
    X(a_pie_past_any_window, { make_pie(&in.program); segment[2].p_vaddr = MF_WINDOW_MAX; },     \
      "segment 2: 0x1010 bytes at 0x80400000, outside the program's range")                      \
    X(a_pie_that_wraps, { make_pie(&in.program); segment[1].p_vaddr = UINT64_MAX - 0x1000; },    \
      "outside the program's range")                                                             \
    X(a_contract_of_another_kernel, in.manifest = "{\"contract\": \"http\"}",                   \
      "contract: http, which is in the kernel for Linux programs")                               \
    X(an_executable_stack, { segment[0].p_type = PT_GNU_STACK; segment[0].p_flags = PF_X; },     \
      "executable stack; link it with -Wl,-z,noexecstack")                                       \
    X(too_many_headers, header->e_phnum = 65, "65 program headers; 1 to 64 are allowed")         \
    X(nothing_to_load, segment[0].p_type = segment[1].p_type = segment[2].p_type = PT_NOTE,      \
      "the program: nothing to load in it")                                                      \
    X(a_truncated_program, in.program.bytes = 0x1800, "it is cut short")                         \
    X(more_file_than_memory, segment[1].p_memsz = 1, "segment 1: 0x1 bytes of memory for 0x40")  \
    X(a_program_in_the_kernel, segment[0].p_vaddr = 0x200000,                                    \
      "segment 0: 0xe8 bytes at 0x200000, outside the program's range, 0x400000..0x80000000; "   \
      "link it with -Wl,-Ttext-segment=0x400000")                                                \
    X(a_program_past_any_window, segment[2].p_vaddr = MF_WINDOW_MAX - 0x1000, "outside the prog") \
    X(a_program_that_wraps, segment[2].p_memsz = UINT64_MAX - 64, "outside the program's range") \
    X(write_and_execute, segment[1].p_flags |= PF_W,                                             \
      "the program: segment 1: 0x401000..0x401040 is both writable and executable")              \
    X(a_shared_page, segment[2].p_vaddr = 0x401ff0,                                              \
      "segments 1 and 2 overlap or share a page at 0x401000; link it with -Wl,-z,separate-code") \
    X(an_entry_nowhere, header->e_entry = 0x500000, "program_entry 0x500000 is not in an exec")  \
    X(a_program_past_its_window, segment[2].p_memsz = 64 << 20, "leaves it no heap and stack")   \
    X(a_kernel_in_the_program, sample_segment(&in.kernel, 1)->p_vaddr = 0x400000,                \
      "the kernel: segment 1: 0x3000 bytes at 0x400000, outside the kernel's range")             \
    X(a_large_kernel, sample_segment(&in.kernel, 1)->p_memsz = 0x20000, "the kernel fills")      \
    X(a_kernel_without_symbols, sample_header(&in.kernel)->e_shnum = 0,                          \
      "the kernel: it has no symbol table, in which `kernel_start` was looked for")              \
    X(a_program_as_kernel, { mf_buf_close(&in.kernel); sample_program(&in.kernel); },            \
      "the kernel: segment 0: 0xe8 bytes at 0x400000, outside the kernel's range")               \
    X(an_unknown_key, in.manifest = "{\"memory\": 1}", "the manifest: \"memory\" is not a setting") \
    X(no_manifest, in.manifest = "", "the manifest: settings are not JSON")

REFUSALS(REFUSED)

static void pack_asks_for_each_kernel_symbol(void **state)
{
    (void)state;
    static const char *const names[] = {"kernel_start", "kernel_syscall", "kernel_exception",
                                        "kernel_trap_stack_top"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct inputs in;
        char sentence[128];
        open_inputs(&in);
        char *name = memmem(in.kernel.data, in.kernel.bytes, names[i], strlen(names[i]) + 1);
        assert_non_null(name);
        name[0] = 'K';
        (void)snprintf(sentence, sizeof sentence, "the kernel: it does not define the symbol `%s`",
                       names[i]);
        expect_refused(&in, sentence);
        close_inputs(&in);
    }
}

static void pack_counts_segments_of_both(void **state)
{
    (void)state;
    static const uint8_t text[16] = {0xc3};
    struct sample_segment segment[MF_IMAGE_SEGMENTS_MAX];
    for (uint32_t i = 0; i < MF_IMAGE_SEGMENTS_MAX; i++)
        segment[i] = (struct sample_segment){0x400000 + i * 0x1000, sizeof text, sizeof text,
                                             PF_R | PF_X, text};
    struct inputs in = {.manifest = "{}"};
    struct mf_buf out = {0};
    sample_kernel(&in.kernel); /* has two */
    sample_elf(&in.program, segment, MF_IMAGE_SEGMENTS_MAX - 2, NULL, 0, 0x400000);
    assert_int_equal(pack(&in, &out, NULL), MF_OK);
    mf_buf_close(&out);
    mf_buf_close(&in.program);
    sample_elf(&in.program, segment, MF_IMAGE_SEGMENTS_MAX - 1, NULL, 0, 0x400000);
    expect_refused(&in, "kernel and program together have 33 segments; 32 are allowed");
    close_inputs(&in);
}

static void equal_inputs_give_equal_bytes(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf first = {0}, second = {0};
    open_inputs(&in);
    assert_int_equal(pack(&in, &first, NULL), MF_OK);
    in.manifest = "{ \"memory_mib\" : 16,\n \"name\": \"sample\"}"; /* the same, written otherwise */
    assert_int_equal(pack(&in, &second, NULL), MF_OK);
    assert_int_equal(first.bytes, second.bytes);
    assert_memory_equal(first.data, second.data, first.bytes);
    mf_buf_close(&second);
    in.manifest = "{\"name\": \"other\"}";
    assert_int_equal(pack(&in, &second, NULL), MF_OK);
    assert_true(first.bytes != second.bytes || memcmp(first.data, second.data, first.bytes) != 0);
    mf_buf_close(&first);
    mf_buf_close(&second);
    close_inputs(&in);
}

static void manifest_keeps_only_what_was_given(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf out = {0};
    struct image image;
    open_inputs(&in);
    in.manifest = "{\"wait_ms\": 5, \"name\": \"a\"}";
    assert_int_equal(pack(&in, &out, NULL), MF_OK);
    assert_int_equal(image_parse(out.data, out.bytes, &image, NULL), MF_OK);
    static const char expected[] = "{\"name\":\"a\",\"wait_ms\":5}";
    assert_int_equal(image.info.manifest_bytes, sizeof expected - 1);
    assert_memory_equal(out.data + image.manifest_offset, expected, sizeof expected - 1);
    assert_int_equal(image.info.window_bytes, MF_WINDOW_DEFAULT);
    mf_buf_close(&out);
    close_inputs(&in);
}

static void memory_of_zeros_takes_no_file(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf out = {0};
    struct image image;
    open_inputs(&in);
    sample_segment(&in.program, 2)->p_memsz = 0x800000;
    assert_int_equal(pack(&in, &out, NULL), MF_OK);
    assert_int_equal(image_parse(out.data, out.bytes, &image, NULL), MF_OK);
    assert_int_equal(image.segment[4].memory_bytes, 0x801000);
    assert_int_equal(image.segment[4].file_bytes, 0x2000);
    assert_true(out.bytes < 0x9000);
    mf_buf_close(&out);
    close_inputs(&in);
}

/* So that a host can map large pages of the file. */
static void what_holds_a_large_page_stands_as_its_address_in_them(void **state)
{
    (void)state;
    for (uint64_t more = 0; more < 2; more++) {
        const struct sample_segment segment[] = {
            {0x400000, 0x1000, 0x1000, PF_R, NULL},
            {0x401000, 2 * MF_LARGE_PAGE_BYTES - MF_PAGE_BYTES * (2 - more), 2 * MF_LARGE_PAGE_BYTES,
             PF_R | PF_X, NULL},
        };
        struct inputs in;
        struct mf_buf out = {0};
        struct image image;
        open_inputs(&in);
        mf_buf_close(&in.program);
        sample_elf(&in.program, segment, 2, NULL, 0, 0x401000);
        assert_int_equal(pack(&in, &out, NULL), MF_OK);
        assert_int_equal(image_parse(out.data, out.bytes, &image, NULL), MF_OK);
        assert_int_equal(image.segment[3].address, 0x401000);
        bool stands = (image.segment[3].address - image.segment[3].file_offset) % MF_LARGE_PAGE_BYTES == 0;
        assert_int_equal(stands, more);
        mf_buf_close(&out);
        close_inputs(&in);
    }
}

static void headers_not_loaded_are_said_to_be_nowhere(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf out = {0};
    struct image image;
    open_inputs(&in);
    sample_segment(&in.program, 0)->p_type = PT_NOTE;
    assert_int_equal(pack(&in, &out, NULL), MF_OK);
    assert_int_equal(image_parse(out.data, out.bytes, &image, NULL), MF_OK);
    assert_int_equal(image.info.program_phdr, 0);
    assert_int_equal(image.info.program_phnum, 0);
    mf_buf_close(&out);
    close_inputs(&in);
}

static void hostile_sections_of_a_program_are_left_out(void **state)
{
    (void)state;
    struct inputs in;
    open_inputs(&in);
    Elf64_Ehdr *header = sample_header(&in.program);
    Elf64_Shdr *section = (Elf64_Shdr *)(void *)(in.program.data + header->e_shoff);
    const Elf64_Shdr good = section[2];
    for (size_t i = 0; i < 6; i++) {
        struct mf_buf out = {0};
        struct mf_why why = {{0}};
        section[2] = good;
        switch (i) {
        case 0: section[2].sh_size = UINT64_MAX; break;
        case 1: section[2].sh_addr = UINT64_MAX; break;
        case 2: section[2].sh_offset = UINT64_MAX; break;
        case 3: section[2].sh_name = UINT32_MAX; break;
        case 4: section[2].sh_type = SHT_NOBITS; break;
        default: header->e_shoff = UINT64_MAX; break;
        }
        mf_err err = pack(&in, &out, &why);
        if (err)
            fail_msg("case %zu: %s", i, mf_why_text(&why, err));
        mf_buf_close(&out);
    }
    close_inputs(&in);
}

static void an_image_cannot_grow_past_its_limit(void **state)
{
    (void)state;
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    assert_int_equal(pack_add(&out, 1, "x", 1, &why), MF_OK);
    assert_int_equal(pack_add(&out, 1, NULL, MF_IMAGE_BYTES_MAX, &why), MF_ETOOBIG);
    assert_int_equal(pack_add(&out, 1, NULL, UINT64_MAX, &why), MF_ETOOBIG);
    assert_int_equal(pack_add(&out, MF_PAGE_BYTES, NULL, MF_IMAGE_BYTES_MAX - 1, &why), MF_ETOOBIG);
    assert_string_equal(why.text, "the image would have more than 536870912 bytes");
    assert_int_equal(pack_add(&out, MF_PAGE_BYTES, "y", 1, &why), MF_OK);
    assert_int_equal(out.bytes, MF_PAGE_BYTES + 1);
    assert_int_equal(out.data[MF_PAGE_BYTES - 1], 0);
    mf_buf_close(&out);
}

static void files_are_replaced_whole_or_not_at_all(void **state)
{
    (void)state;
    char folder[] = "/tmp/mayfly-test-XXXXXX", path[64], missing[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/a.mf", folder);
    (void)snprintf(missing, sizeof missing, "%s/b/a.mf", folder);
    struct mf_buf content = {0}, back = {0};
    struct mf_why why = {{0}};
    assert_int_equal(mf_buf_add(&content, "first", 5), MF_OK);
    assert_int_equal(pack_write_file(path, &content, &why), MF_OK);
    assert_int_equal(pack_write_file(missing, &content, &why), MF_ENOENT);
    assert_non_null(strstr(why.text, "cannot create"));
    assert_int_equal(pack_read_file(path, 5, &back, &why), MF_OK);
    assert_string_equal(back.data, "first");
    mf_buf_close(&back);
    assert_int_equal(pack_read_file(path, 4, &back, &why), MF_ETOOBIG);
    assert_int_equal(pack_read_file(folder, 5, &back, &why), MF_EINVAL);
    assert_non_null(strstr(why.text, "is not a regular file"));
    assert_int_equal(pack_read_file(missing, 5, &back, &why), MF_ENOENT);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(pack_write_file(path, &content, &why), MF_OK);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    mode_t mask = umask(0);
    (void)umask(mask);
    assert_int_equal(status.st_mode & 0777, 0644 & ~mask);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    mf_buf_close(&content);
}

static void pack_puts_a_pie_at_the_programs_base(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf fixed = {0}, moved = {0};
    struct mf_why why = {{0}};
    struct image one;
    struct image_file other;
    open_inputs(&in);
    assert_int_equal(pack(&in, &fixed, &why), MF_OK);
    make_pie(&in.program);
    assert_int_equal(pack(&in, &moved, &why), MF_OK);
    assert_int_equal(image_parse(fixed.data, fixed.bytes, &one, &why), MF_OK);
    other = (struct image_file){.data = moved.data, .bytes = moved.bytes};
    assert_int_equal(image_parse(moved.data, moved.bytes, &other.image, &why), MF_OK);
    for (uint32_t i = 0; i < one.segment_count; i++)
        assert_int_equal(one.segment[i].address, other.image.segment[i].address);
    assert_int_equal(other.image.info.program_entry, one.info.program_entry);
    assert_int_equal(other.image.info.program_phdr, one.info.program_phdr);
    const char *name;
    uint64_t distance;
    assert_true(image_symbol(&other, MF_PROGRAM_BASE + 0x1002, &name, &distance));
    assert_string_equal(name, "_start");
    assert_int_equal(distance, 2);
    mf_buf_close(&fixed);
    mf_buf_close(&moved);
    close_inputs(&in);
}

static void an_image_says_which_kernel_it_has(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    struct image image;
    open_inputs(&in);
    assert_int_equal(pack(&in, &out, &why), MF_OK);
    assert_int_equal(image_parse(out.data, out.bytes, &image, &why), MF_OK);
    assert_int_equal(image.info.flags, 0);
    mf_buf_close(&out);
    mf_buf_close(&in.kernel);
    sample_kernel_linux(&in.kernel);
    in.manifest = "{\"contract\": \"http\"}";
    assert_int_equal(pack(&in, &out, &why), MF_OK);
    assert_int_equal(image_parse(out.data, out.bytes, &image, &why), MF_OK);
    assert_int_equal(image.info.flags, MF_IMAGE_LINUX);
    assert_int_equal(image.info.window_bytes, 1ull << 30);
    mf_buf_close(&out);
    close_inputs(&in);
}

/* A note, then ours: found wherever it is; what is cut short or of others is not it. */
static void the_sdks_programs_are_known(void **state)
{
    (void)state;
    static const struct {
        Elf64_Nhdr other;
        char word[4];
        Elf64_Nhdr own;
        char owner[8];
    } notes = {{4, 0, 1}, "GNU", {7, 0, MF_NOTE_SDK}, "mayfly"};
    struct inputs in;
    open_inputs(&in);
    uint32_t at = 0x800; /* between headers and text */
    memcpy(in.program.data + at, &notes, sizeof notes);
    assert_false(pack_program_is_sdk(in.program.data, in.program.bytes));
    Elf64_Phdr *segment = sample_segment(&in.program, sample_header(&in.program)->e_phnum++);
    *segment = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = at, .p_filesz = sizeof notes};
    assert_true(pack_program_is_sdk(in.program.data, in.program.bytes));
    segment->p_filesz -= 2;
    assert_false(pack_program_is_sdk(in.program.data, in.program.bytes));
    segment->p_filesz = UINT64_MAX;
    assert_false(pack_program_is_sdk(in.program.data, in.program.bytes));
    segment->p_filesz = sizeof notes;
    in.program.data[at] = 0xff; /* the first one's owner goes on for ever */
    in.program.data[at + 3] = 0xff;
    assert_false(pack_program_is_sdk(in.program.data, in.program.bytes));
    assert_false(pack_program_is_sdk(in.program.data, 40));
    close_inputs(&in);
}

static struct root_node *add_file(struct root_tree *tree, const char *path, const struct mf_buf *content)
{
    struct root_node *node;
    assert_int_equal(root_tree_file(tree, path, 0755, 0, &node, NULL), MF_OK);
    assert_int_equal(root_tree_append(tree, node, content->data, content->bytes, NULL), MF_OK);
    return node;
}

static void expect_segment(const struct image *image, uint32_t index, uint64_t address, uint64_t bytes,
                           uint32_t flags)
{
    assert_int_equal(image->segment[index].address, address);
    assert_int_equal(image->segment[index].memory_bytes, bytes);
    assert_int_equal(image->segment[index].flags, flags);
}

static void align_loads(struct mf_buf *file, uint64_t align)
{
    for (uint32_t i = 0; i < sample_header(file)->e_phnum; i++)
        if (sample_segment(file, i)->p_type == PT_LOAD)
            sample_segment(file, i)->p_align = align;
}

/* Is such a file in the root file system, which asks its loader for this alignment? */
static bool library_of(const uint8_t *root, uint64_t bytes, uint64_t loaded_at, uint64_t align)
{
    struct mf_root head;
    memcpy(&head, root, sizeof head);
    for (uint32_t i = 0; i < head.inode_count; i++) {
        struct mf_root_inode inode;
        memcpy(&inode, root + sizeof head + i * sizeof inode, sizeof inode);
        if ((inode.mode & MF_ROOT_TYPE) != MF_ROOT_FILE || inode.bytes != bytes || inode.loaded_at != loaded_at)
            continue;
        Elf64_Ehdr header;
        bool so = true;
        memcpy(&header, root + inode.at, sizeof header);
        for (uint32_t k = 0; k < header.e_phnum; k++) {
            Elf64_Phdr phdr;
            memcpy(&phdr, root + inode.at + header.e_phoff + k * sizeof phdr, sizeof phdr);
            so = so && (phdr.p_type != PT_LOAD || phdr.p_align == align);
        }
        if (so)
            return true;
    }
    return false;
}

/* A program at fixed addresses, its loader above it, then a library, a program that is none of
 * ours, and the root file system. */
static void pack_lays_out_what_a_loader_will_map(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf fixed = {0}, text = {0}, out = {0};
    struct root_tree tree;
    struct image image;
    struct mf_why why = {{0}};
    open_inputs(&in);
    sample_program(&fixed);
    make_pie(&in.program);
    align_loads(&in.program, 0x200000);
    assert_int_equal(mf_buf_add(&text, "#!/bin/sh", 9), MF_OK);
    assert_int_equal(root_tree_open(&tree, &why), MF_OK);
    struct root_node *program = add_file(&tree, "bin/p", &fixed);
    struct root_node *other = add_file(&tree, "bin/q", &fixed);
    struct root_node *loader = add_file(&tree, "lib/ld.so", &in.program);
    struct root_node *library = add_file(&tree, "lib/x.so", &in.program);
    struct root_node *script = add_file(&tree, "lib/script", &text);
    assert_int_equal(root_tree_another(&tree, "lib/y.so", "lib/x.so", &why), MF_OK);
    struct pack_input input = {
        .kernel = in.kernel.data, .kernel_bytes = in.kernel.bytes,
        .program = in.program.data, .program_bytes = in.program.bytes,
        .root = &tree, .dynamic = program, .started = loader,
        .manifest = in.manifest, .manifest_bytes = strlen(in.manifest),
    };
    if (pack_image(&input, &out, &why) != MF_OK)
        fail_msg("%s", why.text);
    assert_int_equal(image_parse(out.data, out.bytes, &image, &why), MF_OK);
    assert_int_equal(image.segment_count, 8);
    expect_segment(&image, 2, 0x400000, 0x4000, PF_R | PF_X);
    expect_segment(&image, 3, 0x404000, 0x1000, PF_R);
    expect_segment(&image, 4, 0x405000, 0x1000, PF_R | PF_X);
    expect_segment(&image, 5, 0x406000, 0x2000, PF_R | PF_W);
    expect_segment(&image, 6, 0x408000, 0x4000, PF_R | PF_X);
    assert_int_equal(image.segment[7].address, 0x40c000);
    assert_int_equal(image.info.root_base, 0x40c000);
    assert_int_equal(image.info.program_entry, 0x405000);
    assert_int_equal(program->loaded_at, 0x400000);
    assert_int_equal(library->loaded_at, 0x408000);
    assert_int_equal(loader->loaded_at, 0x404000); /* where it is started */
    assert_int_equal(script->loaded_at | other->loaded_at, 0);
    const uint8_t *pages = out.data + image.segment[6].file_offset;
    assert_memory_equal(pages, in.program.data, 0x2000); /* headers, text */
    assert_memory_equal(pages + 0x2ff0, "data", 5);
    for (size_t i = 0x2ff0 + 32; i < 0x4000; i++) /* as the loader would leave it: zeros */
        assert_int_equal(pages[i], 0);
    const uint8_t *root = out.data + image.segment[7].file_offset;
    assert_true(library_of(root, loader->bytes, loader->loaded_at, MF_PAGE_BYTES));
    assert_true(library_of(root, library->bytes, library->loaded_at, MF_PAGE_BYTES));
    struct mf_buf again = {0};
    program->loaded_at = library->loaded_at = 0;
    assert_int_equal(pack_image(&input, &again, &why), MF_OK);
    assert_int_equal(again.bytes, out.bytes);
    assert_memory_equal(again.data, out.data, out.bytes);
    root_tree_close(&tree);
    mf_buf_close(&fixed);
    mf_buf_close(&text);
    mf_buf_close(&out);
    mf_buf_close(&again);
    close_inputs(&in);
}

/* Where what is started is there to become another program, one of fixed addresses has them. */
static void pack_lays_out_what_may_be_executed(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_buf fixed = {0};
    struct root_tree tree;
    struct mf_why why = {{0}};
    open_inputs(&in);
    sample_program(&fixed);
    make_pie(&in.program);
    assert_int_equal(root_tree_open(&tree, &why), MF_OK);
    struct root_node *first = add_file(&tree, "bin/a", &fixed);
    struct root_node *wanted = add_file(&tree, "bin/b", &fixed);
    struct root_node *started = add_file(&tree, "bin/sh", &in.program);
    struct root_node *data = add_file(&tree, "data", &fixed);
    data->mode &= ~0111u;
    struct pack_input input = {
        .kernel = in.kernel.data, .kernel_bytes = in.kernel.bytes,
        .program = in.program.data, .program_bytes = in.program.bytes,
        .root = &tree, .started = started,
        .manifest = in.manifest, .manifest_bytes = strlen(in.manifest),
    };
    for (int i = 0; i < 4; i++) { /* none, the first that is the largest, the wanted one, one that is none */
        struct mf_buf out = {0};
        first->loaded_at = wanted->loaded_at = started->loaded_at = 0;
        input.programs = i > 0;
        input.wanted = i == 2 ? wanted : i == 3 ? data : NULL;
        if (pack_image(&input, &out, &why) != MF_OK)
            fail_msg("%s", why.text);
        assert_int_equal(first->loaded_at, i == 1 || i == 3 ? 0x400000 : 0);
        assert_int_equal(wanted->loaded_at, i == 2 ? 0x400000 : 0);
        assert_int_equal(started->loaded_at, i ? 0x404000 : 0x400000);
        assert_int_equal(data->loaded_at, 0);
        mf_buf_close(&out);
    }
    root_tree_close(&tree);
    mf_buf_close(&fixed);
    close_inputs(&in);
}

static void a_loader_is_an_absolute_path(void **state)
{
    (void)state;
    struct inputs in;
    struct mf_why why = {{0}};
    char path[MF_ROOT_TARGET_MAX + 1];
    open_inputs(&in);
    assert_int_equal(pack_interpreter(in.program.data, in.program.bytes, path, &why), MF_OK);
    assert_string_equal(path, "");
    Elf64_Phdr *segment = sample_segment(&in.program, sample_header(&in.program)->e_phnum++);
    *segment = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x800, .p_filesz = 7};
    memcpy(in.program.data + 0x800, "/ld.so", 7);
    assert_int_equal(pack_interpreter(in.program.data, in.program.bytes, path, &why), MF_OK);
    assert_string_equal(path, "/ld.so");
    segment->p_filesz = 6; /* no NUL at its end */
    assert_int_equal(pack_interpreter(in.program.data, in.program.bytes, path, &why), MF_EFORMAT);
    segment->p_filesz = 8; /* two of them */
    assert_int_equal(pack_interpreter(in.program.data, in.program.bytes, path, &why), MF_EFORMAT);
    segment->p_filesz = UINT64_MAX - 8;
    assert_int_equal(pack_interpreter(in.program.data, in.program.bytes, path, &why), MF_EFORMAT);
    segment->p_filesz = 7;
    in.program.data[0x800] = 'l';
    assert_int_equal(pack_interpreter(in.program.data, in.program.bytes, path, &why), MF_EFORMAT);
    close_inputs(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define REFUSED_TEST(name, change, sentence) cmocka_unit_test(pack_refuses_##name),
        REFUSALS(REFUSED_TEST)
        cmocka_unit_test(pack_asks_for_each_kernel_symbol),
        cmocka_unit_test(pack_counts_segments_of_both),
        cmocka_unit_test(equal_inputs_give_equal_bytes),
        cmocka_unit_test(manifest_keeps_only_what_was_given),
        cmocka_unit_test(memory_of_zeros_takes_no_file),
        cmocka_unit_test(what_holds_a_large_page_stands_as_its_address_in_them),
        cmocka_unit_test(headers_not_loaded_are_said_to_be_nowhere),
        cmocka_unit_test(hostile_sections_of_a_program_are_left_out),
        cmocka_unit_test(an_image_cannot_grow_past_its_limit),
        cmocka_unit_test(files_are_replaced_whole_or_not_at_all),
        cmocka_unit_test(pack_puts_a_pie_at_the_programs_base),
        cmocka_unit_test(an_image_says_which_kernel_it_has),
        cmocka_unit_test(the_sdks_programs_are_known),
        cmocka_unit_test(pack_lays_out_what_a_loader_will_map),
        cmocka_unit_test(pack_lays_out_what_may_be_executed),
        cmocka_unit_test(a_loader_is_an_absolute_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
