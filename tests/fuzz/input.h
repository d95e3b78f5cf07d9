/* input.h: a fuzzer's input as a little program: numbers, read one after the other; 0 behind its end. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t bytes;
};

/* Of so many bytes, at most 8, or of those that are left. */
static inline uint64_t number(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    if (bytes > input->bytes)
        bytes = input->bytes;
    memcpy(&value, input->data, bytes);
    input->data += bytes;
    input->bytes -= bytes;
    return value;
}

#endif
