/*
 * root_facts.h: how much is in an image's root file system (abi/root.h), for people. The bytes are
 * hostile. Leaves most of that header's rules to the guest's own reader: nobody else believes them.
 */
#ifndef MF_IMAGE_ROOT_FACTS_H
#define MF_IMAGE_ROOT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct root_facts {
    uint64_t content_bytes; /* as its inodes say, of all files */
    uint32_t folders, files, links;
    uint32_t loaded;        /* files whose segments the image has */
};

/* False: no root file system, its tables are not within bytes. */
bool root_facts(const uint8_t *root, uint64_t bytes, struct root_facts *facts);

#endif
