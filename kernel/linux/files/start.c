/* start.c: what files there are when the program starts, and what its contract adds. Owns
 * nothing. */
#include "kernel/contract/contract.h"
#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/limits.h"
#include "kernel/fs/image.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/process.h"

const uint64_t process_descriptors_max = DESCRIPTORS_MAX;

void files_start(void)
{
    const struct mf_boot *boot = boot_page();
    const char *wrong = image_start(boot->root_base, boot->root_bytes);
    if (wrong)
        fault_words(MF_CAUSE_PROTOCOL, wrong);
    descriptor_start();
    contract_start();
}
