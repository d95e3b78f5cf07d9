/* linux_names.h: which list of Linux's system calls holds here. */
#include "abi/x86_64/linux_calls.h"
