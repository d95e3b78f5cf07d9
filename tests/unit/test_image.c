/* test_image.c: the image parser: a good image passes; each refusal, by changing one
 * thing of a good image and asking for the sentence; limits at and past. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "elf_sample.h"
#include "image/image.h"
#include "image/pack.h"

/* Program headers of the sample image, in their order. */
enum { NOTE, KERNEL_TEXT, KERNEL_DATA, PROGRAM_HEAD, PROGRAM_TEXT, PROGRAM_DATA, STACK };

static mf_err parse(const struct mf_buf *file, struct image *image, struct mf_why *why)
{
    *why = (struct mf_why){{0}};
    return image_parse(file->data, file->bytes, image, why);
}

static void expect(const struct mf_buf *file, mf_err expected, const char *sentence)
{
    struct image image;
    struct mf_why why;
    mf_err err = parse(file, &image, &why);
    if (err != expected || !strstr(why.text, sentence))
        fail_msg("got %d \"%s\", expected %d \"%s\"", err, why.text, expected, sentence);
}

/* A case that changes the good image by `change` and expects a refusal. */
#define REFUSED(name, change, sentence)                                      \
    static void parse_refuses_##name(void **state)                           \
    {                                                                        \
        (void)state;                                                         \
        struct mf_buf file = {0};                                            \
        sample_image(&file);                                                 \
        Elf64_Ehdr *header = sample_header(&file);                           \
        Elf64_Phdr *segment = sample_segment(&file, 0);                      \
        sample_info *info = sample_note(&file);                              \
        (void)header, (void)segment, (void)info;                             \
        change;                                                              \
        expect(&file, MF_EFORMAT, sentence);                                 \
        mf_buf_close(&file);                                                 \
    }

/* The same, where the changed image still passes. */
#define TAKEN(name, change)                                                  \
    static void parse_takes_##name(void **state)                             \
    {                                                                        \
        (void)state;                                                         \
        struct mf_buf file = {0};                                            \
        sample_image(&file);                                                 \
        Elf64_Phdr *segment = sample_segment(&file, 0);                      \
        sample_info *info = sample_note(&file);                              \
        (void)segment, (void)info;                                           \
        change;                                                              \
        expect(&file, MF_OK, "");                                            \
        mf_buf_close(&file);                                                 \
    }

/* X(name, change, sentence) */
#define REFUSALS(X)                                                                              \
    X(an_empty_file, file.bytes = 0, "not an ELF file (0 bytes)")                                \
    X(half_a_header, file.bytes = 63, "not an ELF file (63 bytes)")                              \
    X(another_magic, header->e_ident[0] = 'M', "not an ELF file")                                \
    X(class_32, header->e_ident[EI_CLASS] = ELFCLASS32, "class 1, data 1")                       \
    X(big_endian, header->e_ident[EI_DATA] = ELFDATA2MSB, "class 2, data 2")                     \
    X(ident_version_2, header->e_ident[EI_VERSION] = 2, "versions 2 and 1")                      \
    X(version_2, header->e_version = 2, "versions 1 and 2")                                      \
    X(another_machine, header->e_machine = EM_AARCH64, "for ELF machine 183; this build runs")   \
    X(another_os_abi, header->e_ident[EI_OSABI] = ELFOSABI_GNU, "OS ABI 3")                      \
    X(ident_padding, header->e_ident[15] = 1, "padding or flags")                                \
    X(flags, header->e_flags = 1, "flags 0x1")                                                   \
    X(type_dyn, header->e_type = ET_DYN, "ELF type 3; an image is of type 2")                    \
    X(header_size, header->e_ehsize = 63, "ELF header of 63 bytes")                              \
    X(program_header_size, header->e_phentsize = 57, "program headers of 57")                    \
    X(no_program_headers, header->e_phnum = 0, "0 program headers; 1 to 34 are allowed")         \
    X(program_headers_past_limit, header->e_phnum = 35, "35 program headers")                    \
    X(program_headers_elsewhere, header->e_phoff = 72, "program headers at 0x48; in an image")   \
    X(program_headers_past_end, header->e_phoff = UINT64_MAX - 8, "lie past the file's end")     \
    X(another_entry, header->e_entry++, "ELF entry 0x100001 is not the kernel's, 0x100000")      \
    X(unknown_program_header, segment[STACK].p_type = PT_DYNAMIC, "a program header of type 0x2") \
    X(thread_storage, segment[STACK].p_type = PT_TLS, "a program header of type 0x7")            \
    X(an_interpreter, segment[STACK].p_type = PT_INTERP, "a program header of type 0x3")         \
    X(an_executable_stack, segment[STACK].p_flags |= PF_X, "asks for an executable stack")       \
    X(two_stacks, segment[NOTE] = segment[STACK], "a second PT_GNU_STACK")                       \
    X(two_notes, segment[STACK] = segment[NOTE], "a second note segment")                        \
    X(no_note, { segment[NOTE] = segment[STACK]; header->e_phnum--; }, "no mayfly note")         \
    X(an_unaligned_address, segment[PROGRAM_TEXT].p_vaddr += 8,                                  \
      "segment 3: address 0x401008, offset 0x4000, file 0x1000, memory 0x1000: not all")         \
    X(an_unaligned_offset, segment[PROGRAM_TEXT].p_offset += 8, "not all multiples of a page")   \
    X(unaligned_file_bytes, segment[PROGRAM_TEXT].p_filesz -= 8, "not all multiples of a page")  \
    X(unaligned_memory_bytes, segment[PROGRAM_TEXT].p_memsz += 8, "not all multiples of a page") \
    X(a_segment_of_nothing, segment[PROGRAM_TEXT].p_filesz = segment[PROGRAM_TEXT].p_memsz = 0,  \
      "segment 3: 0x0 bytes of memory for 0x0 of the file")                                      \
    X(more_file_than_memory, segment[PROGRAM_TEXT].p_filesz += 0x1000,                           \
      "segment 3: 0x1000 bytes of memory for 0x2000 of the file")                                \
    X(a_segment_below_the_kernel, segment[KERNEL_TEXT].p_vaddr = MF_KERNEL_BASE - 0x1000,        \
      "segment 0: 0x1000 bytes at 0xff000 lie outside any window")                               \
    X(a_segment_at_zero, segment[KERNEL_TEXT].p_vaddr = 0, "at 0x0 lie outside any window")      \
    X(a_segment_past_any_window, segment[PROGRAM_DATA].p_vaddr = MF_WINDOW_MAX,                  \
      "at 0x80000000 lie outside any window")                                                    \
    X(a_segment_into_nowhere, segment[PROGRAM_DATA].p_memsz = MF_WINDOW_MAX,                     \
      "segment 4: 0x80000000 bytes at 0x402000 lie outside any window")                          \
    X(a_segment_that_wraps, segment[PROGRAM_DATA].p_memsz = UINT64_MAX - 0xfff,                  \
      "segment 4: 0xfffffffffffff000 bytes at 0x402000 lie outside")                             \
    X(a_segment_across_the_ranges, segment[KERNEL_DATA].p_memsz = 0x300000,                      \
      "segment 1: 0x101000..0x401000 runs from the kernel's range into the program's")           \
    X(write_and_execute, segment[PROGRAM_TEXT].p_flags |= PF_W,                                  \
      "segment 3: 0x401000..0x402000 is both writable and executable")                           \
    X(execute_only, segment[PROGRAM_TEXT].p_flags = PF_X, "segment 3: 0x401000..0x402000 has f") \
    X(no_access, segment[PROGRAM_TEXT].p_flags = 0, "has flags 0x0; R, RW or RX")                \
    X(unknown_flags, segment[PROGRAM_TEXT].p_flags |= 8, "has flags 0xd")                        \
    X(descending_segments, segment[PROGRAM_TEXT].p_vaddr = 0x300000,                             \
      "segment 3: at 0x300000, below segment 2 at 0x400000; they must ascend")                   \
    X(overlapping_segments, segment[PROGRAM_HEAD].p_memsz = 0x2000,                              \
      "segment 3: 0x401000..0x402000 overlaps segment 2, 0x400000..0x402000")                    \
    X(a_segment_twice, segment[PROGRAM_TEXT].p_vaddr = 0x400000, "overlaps segment 2")           \
    X(segments_sharing_file, segment[PROGRAM_TEXT].p_offset -= 0x1000,                           \
      "segment 3: at 0x3000 of the file, inside what ends at 0x4000")                            \
    X(a_segment_of_headers, segment[KERNEL_TEXT].p_offset = 0,                                   \
      "segment 0: at 0x0 of the file, inside what ends at")                                      \
    X(a_note_of_headers, segment[NOTE].p_offset = 64, "the note: at 0x40 of the file, inside")   \
    X(a_truncated_file, file.bytes = 0x6000,                                                     \
      "segment 4: 0x2000 bytes at 0x5000 of the file, which has 0x6000; it is cut short")        \
    X(an_offset_past_end, segment[PROGRAM_DATA].p_offset = UINT64_MAX - 0xfff, "it is cut short") \
    X(an_unaligned_note, { segment[NOTE].p_offset += 2; segment[NOTE].p_filesz -= 4; },          \
      "the note: 0xc4 bytes at 0x1ca; an image's is aligned to 4")                               \
    X(a_short_note, segment[NOTE].p_filesz = 147, "the note: 0x93 bytes at 0x1c8")               \
    X(a_long_note, segment[NOTE].p_filesz = 148 + 65537, "the note:")                            \
    X(another_owner, file.data[segment[NOTE].p_offset + 12] = 'M', "not of owner \"mayfly\"")     \
    X(owner_padding, file.data[segment[NOTE].p_offset + 19] = 1, "not of owner \"mayfly\"")       \
    X(owner_length, file.data[segment[NOTE].p_offset] = 8, "not of owner \"mayfly\"")             \
    X(another_note_type, file.data[segment[NOTE].p_offset + 8] ^= 1, "and type 0x4d460001")      \
    X(another_abi, info->abi_version++, "build it again")                                        \
    X(info_bytes, info->info_bytes++, "the note: sizes disagree")                                \
    X(info_flags, info->flags = 2, "flags 0x2)")                                                 \
    X(manifest_bytes, info->manifest_bytes++, "the note: sizes disagree")                        \
    X(endless_manifest, info->manifest_bytes = UINT32_MAX, "the note: sizes disagree")           \
    X(descriptor_bytes, file.data[segment[NOTE].p_offset + 4]++, "the note: sizes disagree")     \
    X(two_notes_in_one, { segment[NOTE].p_filesz += 4; }, "the note: sizes disagree")            \
    X(kernel_end, info->kernel_end += 0x1000, "the note says that the kernel ends at 0x105000")  \
    X(program_end, info->program_end -= 1, "and the program at 0x403fff; their segments end")    \
    X(a_large_kernel, { segment[KERNEL_DATA].p_memsz = 0x20000; info->kernel_end = 0x121000; },  \
      "the kernel fills 0x21000 bytes of memory; 0x20000 are allowed")                           \
    X(a_large_kernel_for_linux, { info->flags = MF_IMAGE_LINUX; segment[KERNEL_DATA].p_memsz = 0x80000; \
                                  info->kernel_end = 0x181000; },                                \
      "the kernel fills 0x81000 bytes of memory; 0x80000 are allowed")                           \
    X(no_program, { segment[PROGRAM_HEAD] = segment[STACK]; header->e_phnum = 4; },              \
      "no segment of the program")                                                               \
    X(no_kernel, { segment[KERNEL_TEXT] = segment[STACK]; header->e_phnum = 5;                   \
                   memmove(&segment[KERNEL_DATA], &segment[PROGRAM_HEAD], 3 * sizeof *segment); }, \
      "no segment of the kernel")                                                                \
    X(an_odd_window, info->window_bytes += 4096, "a window of 0x1001000 bytes; multiples of")    \
    X(a_small_window, info->window_bytes = MF_WINDOW_MIN - MF_WINDOW_STEP, "a window of 0x7000") \
    X(a_large_window, info->window_bytes = MF_WINDOW_MAX + MF_WINDOW_STEP, "a window of 0x8010") \
    X(a_program_without_room,                                                                    \
      { segment[PROGRAM_DATA].p_memsz = ROOM_END - 0x402000 + 0x1000;                            \
        info->program_end = ROOM_END + 0x1000; },                                                \
      "the program ends at 0xdea000, past 0xde9000: a window of 16 MiB leaves it no heap")       \
    X(kernel_entry_in_data, info->kernel_entry = header->e_entry = 0x101000,                     \
      "kernel_entry 0x101000 is not in an executable segment of the kernel")                     \
    X(kernel_entry_in_program, info->kernel_entry = header->e_entry = 0x401000,                  \
      "kernel_entry 0x401000 is not in an executable segment of the kernel")                     \
    X(kernel_entry_nowhere, info->kernel_entry = header->e_entry = UINT64_MAX,                   \
      "kernel_entry 0xffffffffffffffff is not")                                                  \
    X(kernel_syscall, info->kernel_syscall = 0, "kernel_syscall 0x0 is not in an executable")    \
    X(kernel_exception, info->kernel_exception = 0x20000, "kernel_exception 0x20000 is not in")  \
    X(program_entry_in_kernel, info->program_entry = 0x100000,                                   \
      "program_entry 0x100000 is not in an executable segment of the program")                   \
    X(program_entry_in_data, info->program_entry = 0x402000, "program_entry 0x402000 is not")    \
    X(an_unaligned_trap_stack, info->trap_stack_top -= 8, "trap_stack_top 0x103ff8 is not 16-")  \
    X(a_short_trap_stack, info->trap_stack_top = 0x101ff0, "trap_stack_top 0x101ff0 is not")     \
    X(a_trap_stack_past_end, info->trap_stack_top += 16, "trap_stack_top 0x104010 is not")       \
    X(a_trap_stack_at_zero, info->trap_stack_top = 0, "trap_stack_top 0x0 is not")               \
    X(a_trap_stack_in_text, info->trap_stack_top = 0x101000, "trap_stack_top 0x101000 is not")   \
    X(a_trap_stack_in_program, info->trap_stack_top = 0x403000, "trap_stack_top 0x403000 is")    \
    X(no_headers_somewhere, info->program_phnum = 0, "0 program headers of 56 bytes")            \
    X(too_many_headers, info->program_phnum = 65, "65 program headers of 56 bytes")              \
    X(odd_headers, info->program_phent = 32, "3 program headers of 32 bytes in the program")     \
    X(unaligned_headers, info->program_phdr += 4, "3 at 0x400044, are not 8-aligned")            \
    X(headers_past_end, info->program_phdr = 0x403ff8, "3 at 0x403ff8, are not 8-aligned in a")  \
    X(headers_nowhere, info->program_phdr = UINT64_MAX - 7, "are not 8-aligned in a segment")    \
    X(headers_in_kernel, info->program_phdr = 0x100000, "are not 8-aligned in a segment of")     \
    X(a_writable_root, { info->root_base = 0x402000; info->root_bytes = 0x2000; },               \
      "0x2000 bytes at 0x402000, is not the last segment, wholly of the file and read-only")     \
    X(a_root_before_the_end, { segment[PROGRAM_HEAD].p_flags = PF_R;                             \
        info->root_base = 0x400000; info->root_bytes = 0x1000; }, "is not the last segment")     \
    X(half_a_root, { segment[PROGRAM_DATA].p_flags = PF_R; info->root_base = 0x402000;           \
        info->root_bytes = 0x1000; }, "is not the last segment")                                 \
    X(a_root_of_no_file, { segment[PROGRAM_DATA].p_flags = PF_R;                                 \
        segment[PROGRAM_DATA].p_filesz = 0; info->root_base = 0x402000;                          \
        info->root_bytes = 0x2000; }, "is not the last segment")                                 \
    X(a_root_nowhere, info->root_bytes = 1, "0x1 bytes at 0x0, is not the last segment")

/* Where the program may end in the sample's window of 16 MiB. */
#define ROOM_END ((16ull << 20) - MF_CHANNEL_BYTES - MF_PROGRAM_ROOM_MIN)

REFUSALS(REFUSED)

/* X(name, change): at the limits. */
#define LIMITS(X)                                                                                \
    X(a_good_image, )                                                                            \
    X(a_kernel_at_the_limit, { segment[KERNEL_DATA].p_memsz = 0x1f000;                           \
                               info->kernel_end = 0x120000; })                                   \
    X(a_kernel_for_linux_at_the_limit, { info->flags = MF_IMAGE_LINUX;                           \
                                         segment[KERNEL_DATA].p_memsz = 0x7f000;                 \
                                         info->kernel_end = 0x180000; })                         \
    X(a_program_that_fills_its_room, { segment[PROGRAM_DATA].p_memsz = ROOM_END - 0x402000;      \
                                       info->program_end = ROOM_END; })                          \
    X(the_smallest_window, info->window_bytes = MF_WINDOW_MIN)                                   \
    X(the_largest_window, info->window_bytes = MF_WINDOW_MAX)                                    \
    X(the_lowest_trap_stack, info->trap_stack_top = 0x102000)                                    \
    X(the_highest_trap_stack, info->trap_stack_top = 0x104000)                                   \
    X(an_entry_at_the_last_byte, info->kernel_syscall = 0x100fff)                                \
    X(a_program_without_headers, info->program_phdr = info->program_phnum =                      \
                                     info->program_phent = 0)                                    \
    X(sixty_four_headers, { info->program_phdr = 0x402000; info->program_phnum = 64; })          \
    X(a_root, { segment[PROGRAM_DATA].p_flags = PF_R; info->root_base = 0x402000;                \
                info->root_bytes = 0x2000; })                                                    \
    X(no_sections, { sample_header(&file)->e_shoff = UINT64_MAX; })                              \
    X(an_image_cut_after_its_segments, file.bytes = segment[PROGRAM_DATA].p_offset +             \
                                                    segment[PROGRAM_DATA].p_filesz)

LIMITS(TAKEN)

static void parse_says_what_is_in_it(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    struct image image;
    struct mf_why why;
    sample_image(&file);
    assert_int_equal(parse(&file, &image, &why), MF_OK);
    assert_int_equal(image.segment_count, 5);
    assert_int_equal(image.info.kernel_entry, 0x100000);
    assert_int_equal(image.info.kernel_end, 0x104000);
    assert_int_equal(image.info.program_end, 0x404000);
    assert_int_equal(image.info.program_phdr, 0x400040);
    assert_int_equal(image.info.program_phnum, 3);
    assert_int_equal(image.info.window_bytes, 16 << 20);
    assert_true(image_segment_is_kernel(&image.segment[1]));
    assert_false(image_segment_is_kernel(&image.segment[2]));
    const struct image_segment *data = &image.segment[4];
    assert_int_equal(data->address, 0x402000);
    assert_int_equal(data->memory_bytes, 0x2000);
    assert_int_equal(data->file_bytes, 0x2000);
    assert_memory_equal(file.data + data->file_offset + 0xff0, "data", 4);
    assert_memory_equal(file.data + image.manifest_offset, "{\"memory_mib\":16", 16);
    mf_buf_close(&file);
}

static void parse_counts_segments_up_to_the_limit(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    sample_image(&file);
    /* Room for 32 more program headers between note and first segment: move the note. */
    Elf64_Phdr note = *sample_segment(&file, NOTE);
    uint64_t to = 0x800;
    memmove(file.data + to, file.data + note.p_offset, note.p_filesz);
    sample_segment(&file, NOTE)->p_offset = to;
    Elf64_Phdr data = *sample_segment(&file, PROGRAM_DATA);
    for (uint32_t i = 5; i < MF_IMAGE_SEGMENTS_MAX + 1; i++) { /* the 6th and on, of zeros */
        Elf64_Phdr *segment = sample_segment(&file, i + 1);
        *segment = data;
        segment->p_vaddr = 0x500000 + i * 0x1000;
        segment->p_offset = data.p_offset + data.p_filesz;
        segment->p_filesz = 0;
        segment->p_memsz = 0x1000;
    }
    sample_note(&file)->program_end = 0x500000 + MF_IMAGE_SEGMENTS_MAX * 0x1000;
    sample_header(&file)->e_phnum = 1 + MF_IMAGE_SEGMENTS_MAX;
    expect(&file, MF_OK, "");
    sample_header(&file)->e_phnum = 2 + MF_IMAGE_SEGMENTS_MAX;
    expect(&file, MF_EFORMAT, "more than 32 segments");
    mf_buf_close(&file);
}

static void parse_refuses_a_file_past_the_limit_unread(void **state)
{
    (void)state;
    struct image image;
    struct mf_why why = {{0}};
    assert_int_equal(image_parse((const uint8_t *)"", MF_IMAGE_BYTES_MAX + 1, &image, &why),
                     MF_ETOOBIG);
    assert_non_null(strstr(why.text, "536870913 bytes"));
}

static void fits_asks_for_room_in_the_window_given(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    struct image image;
    struct mf_why why;
    sample_image(&file);
    assert_int_equal(parse(&file, &image, &why), MF_OK);
    assert_int_equal(image_fits(&image, MF_WINDOW_MIN, &why), MF_OK);
    image.info.program_end = MF_WINDOW_MIN - MF_CHANNEL_BYTES - MF_PROGRAM_ROOM_MIN;
    assert_int_equal(image_fits(&image, MF_WINDOW_MIN, &why), MF_OK);
    image.info.program_end++;
    assert_int_equal(image_fits(&image, MF_WINDOW_MIN, &why), MF_EFORMAT);
    assert_int_equal(image_fits(&image, MF_WINDOW_MIN + MF_WINDOW_STEP, &why), MF_OK);
    assert_int_equal(image_fits(&image, 0, &why), MF_EFORMAT);
    mf_buf_close(&file);
}

static void hash_covers_every_byte(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    struct image image;
    struct mf_why why;
    sample_image(&file);
    assert_int_equal(parse(&file, &image, &why), MF_OK);
    assert_int_equal(image_verify_hash(file.data, file.bytes, &image, &why), MF_OK);
    size_t places[] = {image.manifest_offset, image.segment[0].file_offset,
                       image.segment[4].file_offset + 0x1fff, image.hash_offset - 1,
                       image.hash_offset + MF_IMAGE_HASH_BYTES, file.bytes - 1, 0};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        file.data[places[i]] ^= 1;
        assert_int_equal(image_verify_hash(file.data, file.bytes, &image, &why), MF_EFORMAT);
        assert_non_null(strstr(why.text, "damaged or changed"));
        file.data[places[i]] ^= 1;
    }
    assert_int_equal(image_verify_hash(file.data, file.bytes - 1, &image, &why), MF_EFORMAT);
    assert_int_equal(image_verify_hash(file.data, image.hash_offset, &image, &why), MF_EFORMAT);
    image.info.hash[0] ^= 1;
    assert_int_equal(image_verify_hash(file.data, file.bytes, &image, &why), MF_EFORMAT);
    mf_buf_close(&file);
}

static void open_maps_checks_and_closes(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    struct image_file open;
    struct mf_why why = {{0}};
    sample_image(&file);
    int fd = memfd_create("image", MFD_CLOEXEC);
    assert_int_equal(image_open(fd, true, &open, &why), MF_EFORMAT); /* empty */
    assert_null(open.data);
    assert_int_equal(write(fd, file.data, file.bytes), file.bytes);
    assert_int_equal(image_open(fd, true, &open, &why), MF_OK);
    assert_memory_equal(open.data, file.data, file.bytes);
    image_close(&open);
    assert_null(open.data);
    assert_int_equal(pwrite(fd, "x", 1, (off_t)file.bytes - 1), 1);
    assert_int_equal(image_open(fd, false, &open, &why), MF_OK);
    image_close(&open);
    assert_int_equal(image_open(fd, true, &open, &why), MF_EFORMAT);
    assert_int_equal(ftruncate(fd, (off_t)MF_IMAGE_BYTES_MAX + 1), 0);
    assert_int_equal(image_open(fd, false, &open, &why), MF_ETOOBIG);
    assert_int_equal(image_open(-1, true, &open, &why), MF_EIO);
    close(fd);
    mf_buf_close(&file);
}

/* An ABI that has moved on would leave the fuzzers at the first check. */
static void the_fuzzers_sample_is_still_an_image(void **state)
{
    (void)state;
    struct mf_buf file = {0};
    struct mf_why why = {{0}};
    assert_int_equal(pack_read_file(MF_FUZZ_SAMPLE, MF_IMAGE_BYTES_MAX, &file, &why), MF_OK);
    expect(&file, MF_OK, "");
    mf_buf_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define REFUSED_TEST(name, change, sentence) cmocka_unit_test(parse_refuses_##name),
        REFUSALS(REFUSED_TEST)
#define TAKEN_TEST(name, change) cmocka_unit_test(parse_takes_##name),
        LIMITS(TAKEN_TEST)
        cmocka_unit_test(parse_says_what_is_in_it),
        cmocka_unit_test(parse_counts_segments_up_to_the_limit),
        cmocka_unit_test(parse_refuses_a_file_past_the_limit_unread),
        cmocka_unit_test(fits_asks_for_room_in_the_window_given),
        cmocka_unit_test(hash_covers_every_byte),
        cmocka_unit_test(open_maps_checks_and_closes),
        cmocka_unit_test(the_fuzzers_sample_is_still_an_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
