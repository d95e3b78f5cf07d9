/* test_image_symbol.c: names of addresses, from good symbol tables and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "elf_sample.h"
#include "image/image.h"

static Elf64_Shdr *section(struct mf_buf *file, uint32_t type)
{
    Elf64_Ehdr *header = sample_header(file);
    Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(file->data + header->e_shoff);
    for (uint32_t i = 0; i < header->e_shnum; i++)
        if (sections[i].sh_type == type)
            return &sections[i];
    fail_msg("no section of type %u", type);
    return NULL;
}

static Elf64_Sym *symbols(struct mf_buf *file)
{
    return (Elf64_Sym *)(void *)(file->data + section(file, SHT_SYMTAB)->sh_offset);
}

struct sample {
    struct mf_buf file;
    struct image_file open;
};

static int setup(void **state)
{
    static struct sample sample;
    sample = (struct sample){0};
    sample_image(&sample.file);
    sample.open.data = sample.file.data;
    sample.open.bytes = sample.file.bytes;
    *state = &sample;
    return image_parse(sample.file.data, sample.file.bytes, &sample.open.image, NULL);
}

static int teardown(void **state)
{
    struct sample *sample = *state;
    mf_buf_close(&sample->file);
    return 0;
}

static void expect_name(struct sample *sample, uint64_t address, const char *expected,
                        uint64_t distance)
{
    const char *name = NULL;
    uint64_t d = 0;
    if (!image_symbol(&sample->open, address, &name, &d))
        fail_msg("0x%llx has no name", (unsigned long long)address);
    assert_string_equal(name, expected);
    assert_int_equal(d, distance);
}

static void expect_none(struct sample *sample, uint64_t address)
{
    const char *name = NULL;
    uint64_t distance;
    if (image_symbol(&sample->open, address, &name, &distance))
        fail_msg("0x%llx is %s", (unsigned long long)address, name);
}

static void symbol_names_kernel_and_program(void **state)
{
    expect_name(*state, 0x100000, "kernel_start", 0);
    expect_name(*state, 0x10000f, "kernel_start", 15);
    expect_name(*state, 0x100010, "kernel_syscall", 0);
    expect_name(*state, 0x401006, "_start", 6);
    expect_name(*state, 0x401010, "kernel_start", 0);
    expect_name(*state, 0x403000, "table", 16);
}

static void symbol_without_size_reaches_to_the_segment_end(void **state)
{
    expect_name(*state, 0x100fff, "kernel_exception", 0xfdf);
    expect_none(*state, 0x101000);
    expect_none(*state, 0x104000); /* kernel_trap_stack_top: past the end */
}

static void symbol_finds_nothing_where_nothing_is(void **state)
{
    expect_none(*state, 0);
    expect_none(*state, 0xfffff);
    expect_none(*state, 0x401007); /* between _start and the next */
    expect_none(*state, 0x403010); /* behind table */
    expect_none(*state, UINT64_MAX);
}

static void symbol_survives_hostile_tables(void **state)
{
    struct sample *sample = *state;
    struct mf_buf *file = &sample->file;
    Elf64_Shdr *table = section(file, SHT_SYMTAB), good = *table;
    Elf64_Ehdr *header = sample_header(file), good_header = *header;
    const Elf64_Shdr changes[] = {
        {.sh_type = SHT_SYMTAB, .sh_offset = UINT64_MAX - 23, .sh_size = 48, .sh_link = good.sh_link},
        {.sh_type = SHT_SYMTAB, .sh_offset = good.sh_offset, .sh_size = UINT64_MAX, .sh_link = good.sh_link},
        {.sh_type = SHT_SYMTAB, .sh_offset = good.sh_offset, .sh_size = good.sh_size, .sh_link = 60000},
        {.sh_type = SHT_SYMTAB, .sh_offset = good.sh_offset, .sh_size = good.sh_size, .sh_link = 0},
        {.sh_type = SHT_SYMTAB, .sh_offset = good.sh_offset, .sh_size = 0, .sh_link = good.sh_link},
        {.sh_type = SHT_SYMTAB, .sh_offset = good.sh_offset, .sh_size = 23, .sh_link = good.sh_link},
        {.sh_type = SHT_NULL},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        *table = changes[i];
        expect_none(sample, 0x401000);
    }
    *table = good;
    table->sh_info = UINT32_MAX; /* "all are local": still one ascending run is found */
    (void)image_symbol(&sample->open, 0x401000, &(const char *){0}, &(uint64_t){0});
    *table = good;
    header->e_shoff = UINT64_MAX - 100;
    expect_none(sample, 0x401000);
    *header = good_header;
    header->e_shentsize = 63;
    expect_none(sample, 0x401000);
    *header = good_header;
    header->e_shnum = UINT16_MAX;
    expect_none(sample, 0x401000);
    *header = good_header;
    expect_name(sample, 0x401000, "_start", 0);
}

static void symbol_refuses_hostile_names(void **state)
{
    struct sample *sample = *state;
    struct mf_buf *file = &sample->file;
    const Elf64_Shdr *table = section(file, SHT_SYMTAB);
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    Elf64_Sym *symbol = NULL;
    for (uint64_t i = 1; i < count; i++)
        if (symbols(file)[i].st_value == 0x401000)
            symbol = &symbols(file)[i];
    assert_non_null(symbol);
    const Elf64_Shdr *strings =
        (Elf64_Shdr *)(void *)(file->data + sample_header(file)->e_shoff) + table->sh_link;
    char *name = (char *)file->data + strings->sh_offset + symbol->st_name;
    name[2] = '\n';
    expect_none(sample, 0x401000);
    name[2] = '\x1b';
    expect_none(sample, 0x401000);
    name[2] = (char)0xff;
    expect_none(sample, 0x401000);
    name[0] = '\0';
    expect_none(sample, 0x401000);
    memset(file->data + strings->sh_offset, 'x', strings->sh_size); /* no NUL at all */
    expect_none(sample, 0x401000);
    symbol->st_name = UINT32_MAX;
    expect_none(sample, 0x401000);
}

static void symbols_are_counted(void **state)
{
    struct sample *sample = *state;
    struct image_symbol_counts counts = image_count_symbols(&sample->open);
    assert_int_equal(counts.kernel, 4);
    assert_int_equal(counts.program, 3);
    struct image_file closed = {0};
    assert_int_equal(image_count_symbols(&closed).kernel, 0);
    assert_false(image_symbol(&closed, 0x401000, &(const char *){0}, &(uint64_t){0}));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(symbol_names_kernel_and_program),
        TEST(symbol_without_size_reaches_to_the_segment_end),
        TEST(symbol_finds_nothing_where_nothing_is),
        TEST(symbol_survives_hostile_tables),
        TEST(symbol_refuses_hostile_names),
        TEST(symbols_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
