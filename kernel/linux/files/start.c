/* start.c: what files there are when the program starts, and what its contract adds. Owns
 * nothing. */
#include <linux/stat.h>

#include "abi/program.h"
#include "kernel/contract/contract.h"
#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/limits.h"
#include "kernel/fs/image.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/process.h"

static void go_to_folder(void);

const uint64_t process_descriptors_max = DESCRIPTORS_MAX;

void files_start(void)
{
    const struct mf_boot *boot = boot_page();
    const char *wrong = image_start(boot->root_base, boot->root_bytes);
    if (wrong)
        fault_words(MF_CAUSE_PROTOCOL, wrong);
    descriptor_start();
    contract_start();
    go_to_folder();
}

/* The working folder that the settings name; one that is not there leaves it as it is. */
static void go_to_folder(void)
{
    struct walked walked;
    const struct place root = walk_root();
    const char *path = boot_environment(MF_ENV_FOLDER);
    if (path && walk(&root, path, 0, &walked) == 0 && place_type(&walked.place) == S_IFDIR)
        walk_go(&walked.place);
}
