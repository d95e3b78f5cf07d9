/* root_facts.c: see root_facts.h. Guarantees: nothing is read past bytes. */
#include "image/root_facts.h"

#include <string.h>

#include "abi/root.h"

bool root_facts(const uint8_t *root, uint64_t bytes, struct root_facts *facts)
{
    struct mf_root head;
    *facts = (struct root_facts){0};
    if (bytes < sizeof head)
        return false;
    memcpy(&head, root, sizeof head);
    if (head.magic != MF_ROOT_MAGIC || head.root_bytes != bytes || head.inode_count == 0 ||
        head.inode_count > (bytes - sizeof head) / sizeof(struct mf_root_inode))
        return false;
    for (uint32_t i = 0; i < head.inode_count; i++) {
        struct mf_root_inode inode;
        memcpy(&inode, root + sizeof head + i * sizeof inode, sizeof inode);
        uint32_t type = inode.mode & MF_ROOT_TYPE;
        facts->folders += type == MF_ROOT_FOLDER;
        facts->links += type == MF_ROOT_LINK;
        facts->files += type == MF_ROOT_FILE;
        if (type != MF_ROOT_FILE)
            continue;
        facts->content_bytes += inode.bytes;
        facts->loaded += inode.loaded_at != 0;
    }
    return true;
}
