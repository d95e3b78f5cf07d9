/* parts.h: what a contract is, for contract.c, which asks the one that the function's
 * settings name (abi/program.h). */
#ifndef KERNEL_CONTRACT_PARTS_H
#define KERNEL_CONTRACT_PARTS_H

#include <stdbool.h>

struct contract {
    const char *name;
    void (*start)(void); /* once, before anything else; NULL: nothing to do  */
    bool (*turn)(void);  /* true: something moved, so a task may be able to run */
    bool (*may_freeze)(void);
};

extern const struct contract contract_sdk, contract_http;

#endif
