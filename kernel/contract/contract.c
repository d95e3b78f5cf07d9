/*
 * contract.c: the contract that the function's settings name.
 * Guarantees: before the program goes on, the node knows of what a turn has sent, and of the
 * room that it has made. A name that is not known is as `sdk`.
 * Leaves to others: each contract (parts.h). Owns which one it is.
 */
#include "kernel/contract/contract.h"

#include <stddef.h>

#include "abi/program.h"
#include "kernel/contract/parts.h"
#include "kernel/core/boot.h"
#include "kernel/core/string.h"
#include "kernel/event/wire.h"

static const struct contract *const contracts[] = {&contract_sdk, &contract_http,
                                                  &contract_openwhisk, &contract_lambda,
                                                  &contract_stdio};

static const struct contract *contract = &contract_sdk;

static bool is_named(const struct contract *one, const char *name)
{
    return name && strlen(name) == strlen(one->name) &&
           memcmp(name, one->name, strlen(name)) == 0;
}

void contract_start(void)
{
    const char *name = boot_environment(MF_ENV_CONTRACT);
    for (size_t i = 0; i < sizeof contracts / sizeof contracts[0]; i++)
        if (is_named(contracts[i], name))
            contract = contracts[i];
    if (contract->start)
        contract->start();
}

void contract_end(uint32_t status)
{
    if (contract->end)
        contract->end(status);
}

bool contract_turn(void)
{
    bool moved = contract->turn();
    if (moved)
        wire_ring();
    return moved;
}

bool contract_may_freeze(void)
{
    return contract->may_freeze();
}
