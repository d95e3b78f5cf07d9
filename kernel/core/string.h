/* string.h: what the kernel has of C's string.h. */
#ifndef KERNEL_CORE_STRING_H
#define KERNEL_CORE_STRING_H

#include "base/freestanding/string.h"

#endif
