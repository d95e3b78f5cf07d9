/*
 * secret.h: the folder of the function's secrets (docs/adr/0008-secrets.md): /var/openfaas/secrets,
 * to which /run/secrets leads. Nothing of them is in the instance before the program opens one,
 * while an event is handled: then the node is asked, and says which there are for it.
 */
#ifndef KERNEL_FS_SECRET_H
#define KERNEL_FS_SECRET_H

#include "kernel/fs/place.h"

#define SECRET_PATH "/var/openfaas/secrets"

struct place secret_root(void);

#endif
