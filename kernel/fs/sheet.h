/* sheet.h: a text that grows as it is written, in the kernel's own memory. */
#ifndef KERNEL_FS_SHEET_H
#define KERNEL_FS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero: empty. */
struct sheet {
    char *data;
    size_t bytes, room;
    bool torn; /* there was no memory: something is missing */
};

void sheet_bytes(struct sheet *sheet, const void *data, size_t bytes);
void sheet_add(struct sheet *sheet, const char *text);
void sheet_decimal(struct sheet *sheet, uint64_t value);
/* At least so many digits. */
void sheet_hex(struct sheet *sheet, uint64_t value, unsigned digits);
/* So many numbers that are not known, each with a blank before it. */
void sheet_zeros(struct sheet *sheet, unsigned count);
/* Lines of what, and a number; or bytes, told in KiB. */
void sheet_line(struct sheet *sheet, const char *what, uint64_t number);
void sheet_line_kib(struct sheet *sheet, const char *what, uint64_t bytes);
void sheet_close(struct sheet *sheet);

#endif
