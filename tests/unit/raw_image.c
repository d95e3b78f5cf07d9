/* raw_image.c: an image by hand: headers and note, kernel text, program text. */
#include "raw_image.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/image.h"
#include "abi/layout.h"

#define MANIFEST "{}"
#define PAGE MF_PAGE_BYTES

extern const char raw_text[], raw_text_end[], raw_wrong[], raw_program[], raw_program_end[];

struct __attribute__((packed)) note {
    Elf64_Nhdr head;
    char owner[8];
    struct mf_image_info info;
    char manifest[4]; /* padded to 4 */
};

struct first_page {
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdr[5];
    struct note note;
};
_Static_assert(sizeof(struct first_page) <= PAGE, "one page");

static uint64_t loaded(const char *label)
{
    return MF_KERNEL_BASE + (uint64_t)((label ? label : raw_wrong) - raw_text);
}

static Elf64_Phdr segment(uint32_t flags, uint64_t offset, uint64_t address, uint64_t file_bytes,
                          uint64_t memory_bytes)
{
    return (Elf64_Phdr){.p_type = PT_LOAD,
                        .p_flags = flags,
                        .p_offset = offset,
                        .p_vaddr = address,
                        .p_paddr = address,
                        .p_filesz = file_bytes,
                        .p_memsz = memory_bytes,
                        .p_align = PAGE};
}

static void fill_headers(struct first_page *page, const struct raw_entries *entries)
{
    page->ehdr = (Elf64_Ehdr){.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                          ELFDATA2LSB, EV_CURRENT},
                              .e_type = ET_EXEC,
                              .e_machine = EM_X86_64,
                              .e_version = EV_CURRENT,
                              .e_entry = loaded(entries->entry),
                              .e_phoff = offsetof(struct first_page, phdr),
                              .e_ehsize = sizeof(Elf64_Ehdr),
                              .e_phentsize = sizeof(Elf64_Phdr),
                              .e_phnum = 5,
                              .e_shentsize = sizeof(Elf64_Shdr)};
    page->phdr[0] = (Elf64_Phdr){.p_type = PT_NOTE,
                                 .p_flags = PF_R,
                                 .p_offset = offsetof(struct first_page, note),
                                 .p_filesz = sizeof(struct note),
                                 .p_align = 4};
    page->phdr[1] = segment(PF_R | PF_X, PAGE, MF_KERNEL_BASE, PAGE, PAGE);
    page->phdr[2] = segment(PF_R | PF_W, 2 * PAGE, RAW_DATA, 0, RAW_DATA_END - RAW_DATA);
    page->phdr[3] = segment(PF_R | PF_X, 2 * PAGE, MF_PROGRAM_BASE, PAGE, PAGE);
    page->phdr[4] = segment(PF_R | PF_W, 3 * PAGE, MF_PROGRAM_BASE + PAGE, 0, PAGE);
}

void raw_image_write(const struct raw_entries *entries, unsigned char *file)
{
    struct first_page page = {0};
    fill_headers(&page, entries);
    page.note.head = (Elf64_Nhdr){.n_namesz = sizeof MF_NOTE_OWNER,
                                  .n_descsz = sizeof(struct mf_image_info) + sizeof MANIFEST - 1,
                                  .n_type = MF_NOTE_IMAGE};
    memcpy(page.note.owner, MF_NOTE_OWNER, sizeof MF_NOTE_OWNER);
    page.note.info = (struct mf_image_info){.abi_version = MF_ABI_VERSION,
                                            .info_bytes = sizeof(struct mf_image_info),
                                            .kernel_entry = loaded(entries->entry),
                                            .kernel_syscall = loaded(entries->syscall),
                                            .kernel_exception = loaded(entries->exception),
                                            .trap_stack_top = RAW_TRAP_TOP,
                                            .kernel_end = RAW_DATA_END,
                                            .program_entry = MF_PROGRAM_BASE,
                                            .program_end = RAW_BSS_END,
                                            .window_bytes = MF_WINDOW_MIN,
                                            .manifest_bytes = sizeof MANIFEST - 1};
    memcpy(page.note.manifest, MANIFEST, sizeof MANIFEST - 1);
    memset(file, 0, RAW_IMAGE_BYTES);
    memcpy(file, &page, sizeof page);
    memcpy(file + PAGE, raw_text, (size_t)(raw_text_end - raw_text));
    memset(file + 2 * PAGE, 0xcc, PAGE);
    memcpy(file + 2 * PAGE, raw_program, (size_t)(raw_program_end - raw_program));
}

int raw_image(const struct raw_entries *entries)
{
    return raw_image_flagged(entries, 0);
}

int raw_image_flagged(const struct raw_entries *entries, uint32_t flags)
{
    static unsigned char file[RAW_IMAGE_BYTES];
    raw_image_write(entries, file);
    memcpy(file + offsetof(struct first_page, note.info.flags), &flags, sizeof flags);
    int fd = memfd_create("raw-image", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, file, sizeof file) != (ssize_t)sizeof file) {
        (void)close(fd);
        return -1;
    }
    return fd;
}
