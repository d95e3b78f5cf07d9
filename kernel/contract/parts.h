/* parts.h: what a contract is, for contract.c, which asks the one that the function's
 * settings name (abi/program.h). */
#ifndef KERNEL_CONTRACT_PARTS_H
#define KERNEL_CONTRACT_PARTS_H

#include <stdbool.h>
#include <stdint.h>

struct contract {
    const char *name;
    void (*start)(void); /* before the program; NULL: nothing to do */
    bool (*turn)(void);  /* true: something moved, so a task may be able to run */
    bool (*may_freeze)(void);
    void (*end)(uint32_t status); /* the program's; NULL: that is no answer */
};

extern const struct contract contract_sdk, contract_http, contract_openwhisk,
    contract_lambda, contract_stdio;

#endif
