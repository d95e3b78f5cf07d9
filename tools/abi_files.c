/* abi_files.c: what is kept: images, their root file systems, snapshots, touched pages. */
#include "abi/image.h"
#include "abi/root.h"
#include "abi/snapshot.h"
#include "abi/touched.h"
#include "tools/abi_print.h"

void print_image(void)
{
    printf("## Image (`abi/image.h`)\n\n");
    abi_print_opening("image.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_NOTE_IMAGE)
    NUMBER(MF_IMAGE_BYTES_MAX)
    NUMBER(MF_IMAGE_SEGMENTS_MAX)
    NUMBER(MF_MANIFEST_BYTES_MAX)
    NUMBER(MF_KERNEL_BYTES_MAX)
    NUMBER(MF_KERNEL_LINUX_BYTES_MAX)
    printf("\n");
#define M(name) MEMBER(mf_image_info, name)
    STRUCT("image.h", mf_image_info, M(abi_version) M(info_bytes)
        M(kernel_entry) M(kernel_syscall) M(kernel_exception)
        M(trap_stack_top) M(kernel_end) M(program_entry)
        M(program_phdr) M(program_phnum) M(program_phent)
        M(program_end) M(window_bytes) M(root_base) M(root_bytes)
        M(manifest_bytes) M(flags) M(hash));
#undef M
}

void print_root(void)
{
    printf("## Root file system (`abi/root.h`)\n\n");
    abi_print_opening("root.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_ROOT_MAGIC)
    NUMBER(MF_ROOT_INODES_MAX)
    NUMBER(MF_ROOT_ENTRIES_MAX)
    NUMBER(MF_ROOT_NAME_MAX)
    NUMBER(MF_ROOT_TARGET_MAX)
    NUMBER(MF_ROOT_TYPE)
    NUMBER(MF_ROOT_FOLDER)
    NUMBER(MF_ROOT_FILE)
    NUMBER(MF_ROOT_LINK)
    NUMBER(MF_ROOT_PERMISSIONS)
    printf("\n");
#define M(name) MEMBER(mf_root, name)
    STRUCT("root.h", mf_root, M(magic) M(root_bytes) M(contents_at) M(inode_count) M(entry_count)
        M(name_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_root_inode, name)
    STRUCT("root.h", mf_root_inode, M(mode) M(links) M(bytes) M(at) M(modified_s) M(loaded_at)
        M(parent) M(reserved));
#undef M
#define M(name) MEMBER(mf_root_entry, name)
    STRUCT("root.h", mf_root_entry, M(inode) M(name_at) M(name_bytes));
#undef M
}

void print_snapshot(void)
{
    printf("## Snapshot (`abi/snapshot.h`)\n\n");
    abi_print_opening("snapshot.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_SNAPSHOT_MAGIC)
    NUMBER(MF_SNAPSHOT_HEAD_BYTES_MAX)
    NUMBER(MF_SNAPSHOT_RANGES_MAX)
    NUMBER(MF_SNAPSHOT_RUNS_MAX)
    NUMBER(MF_RUN_COPY)
    printf("\n");
#define H(name) MEMBER(mf_snapshot, name)
    STRUCT("snapshot.h", mf_snapshot, H(magic) H(abi_version) H(head_bytes) H(window_bytes)
        H(file_bytes) H(made_at_ns) H(range_count) H(run_count) H(key) H(image) H(digest));
#undef H
#define R(name) MEMBER(mf_range, name)
    STRUCT("snapshot.h", mf_range, R(page) R(pages) R(prot));
#undef R
#define R(name) MEMBER(mf_run, name)
    STRUCT("snapshot.h", mf_run, R(page) R(pages) R(prot) R(flags));
#undef R
}

void print_touched(void)
{
    printf("## Touched pages (`abi/touched.h`)\n\n");
    abi_print_opening("touched.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_TOUCHED_MAGIC)
    NUMBER(MF_TOUCHED_RUNS_MAX)
    NUMBER(MF_TOUCHED_PAGES_MAX)
    NUMBER(MF_TOUCHED_SAMPLES)
    printf("\n");
#define H(name) MEMBER(mf_touched, name)
    STRUCT("touched.h", mf_touched, H(magic) H(abi_version) H(run_count) H(samples) H(reserved)
        H(window_bytes) H(snapshot) H(digest));
#undef H
#define R(name) MEMBER(mf_touched_run, name)
    STRUCT("touched.h", mf_touched_run, R(page) R(pages));
#undef R
}
