/* sheet.c: see sheet.h. Owns the memory of each. */
#include "kernel/fs/sheet.h"

#include "kernel/core/heap.h"
#include "kernel/core/string.h"

#define FIRST_BYTES 512u
#define DIGITS_MAX 20u

void sheet_bytes(struct sheet *sheet, const void *data, size_t bytes)
{
    size_t room = sheet->room ? sheet->room : FIRST_BYTES;
    while (room - sheet->bytes < bytes)
        room *= 2;
    if (room != sheet->room) {
        char *larger = heap_take(room);
        if (!larger) {
            sheet->torn = true;
            return;
        }
        if (sheet->data)
            memcpy(larger, sheet->data, sheet->bytes);
        heap_give(sheet->data, sheet->room);
        sheet->data = larger;
        sheet->room = room;
    }
    memcpy(sheet->data + sheet->bytes, data, bytes);
    sheet->bytes += bytes;
}

void sheet_add(struct sheet *sheet, const char *text)
{
    sheet_bytes(sheet, text, strlen(text));
}

static void number(struct sheet *sheet, uint64_t value, unsigned base, unsigned digits)
{
    char text[DIGITS_MAX];
    unsigned at = sizeof text;
    while (value || sizeof text - at < digits) {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    }
    sheet_bytes(sheet, text + at, sizeof text - at);
}

void sheet_decimal(struct sheet *sheet, uint64_t value)
{
    number(sheet, value, 10, 1);
}

void sheet_hex(struct sheet *sheet, uint64_t value, unsigned digits)
{
    number(sheet, value, 16, digits);
}

void sheet_close(struct sheet *sheet)
{
    heap_give(sheet->data, sheet->room);
    *sheet = (struct sheet){0};
}

void sheet_zeros(struct sheet *sheet, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sheet_add(sheet, " 0");
}

void sheet_line(struct sheet *sheet, const char *what, uint64_t number)
{
    sheet_add(sheet, what);
    sheet_decimal(sheet, number);
    sheet_add(sheet, "\n");
}

void sheet_line_kib(struct sheet *sheet, const char *what, uint64_t bytes)
{
    sheet_add(sheet, what);
    sheet_decimal(sheet, bytes >> 10);
    sheet_add(sheet, " kB\n");
}
