/*
 * floor_vm.h: the smallest VM that runs code in ring 3, for the floor programs: a window over
 * one slot, tables, code and TSS low in it, the exit by a port. Ends the program where the
 * machine refuses (floor.h). One VM at a time.
 */
#ifndef MF_BENCH_FLOOR_VM_H
#define MF_BENCH_FLOOR_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOOR_DATA 0x800000u        /* from here on the window is the program's */
#define FLOOR_LIST 0x200000u        /* and a piece of it, below                 */
#define FLOOR_PORT_OUT "mov $0x3fa, %edx\n out %al, (%dx)\n" /* the guest's way to leave */

/* Code: read rcx pages, then write rsi, whose addresses stand at rdi, 32 bits each; leave. */
#define FLOOR_PAGES_CODE     \
    "1:  test %rcx, %rcx\n"  \
    "    jz 2f\n"            \
    "    mov (%rdi), %eax\n" \
    "    movb (%rax), %bl\n" \
    "    add $4, %rdi\n"     \
    "    dec %rcx\n"         \
    "    jmp 1b\n"           \
    "2:  test %rsi, %rsi\n"  \
    "    jz 3f\n"            \
    "    mov (%rdi), %eax\n" \
    "    incb (%rax)\n"      \
    "    add $4, %rdi\n"     \
    "    dec %rsi\n"         \
    "    jmp 2b\n"           \
    "3:  " FLOOR_PORT_OUT

struct floor_vm {
    int kvm, file, vm, vcpu;
    uint8_t *image;  /* the file, shared: what the window holds after floor_vm_restore() */
    uint8_t *window;
    struct kvm_run *run;
    size_t run_bytes;
};

/* /dev/kvm, and the file with code in it; its content up to content_bytes is not zero.
 * small: pages of 4 KiB in the tables, not of 2 MiB. */
void floor_vm_init(struct floor_vm *at, const uint8_t *code, size_t code_bytes,
                   size_t content_bytes, bool small);

/* VM, slot, vCPU, its registers; and away with them. */
void floor_vm_open(struct floor_vm *at);
void floor_vm_close(struct floor_vm *at);

/* Map [from, to) of the file over the window, private. */
void floor_vm_restore(struct floor_vm *at, size_t from, size_t to);

/* The registers that it runs with. */
struct kvm_regs floor_vm_first(uint64_t rdi, uint64_t rsi, uint64_t rcx);

/* Run the code from its beginning until it leaves by the port. */
void floor_vm_run(struct floor_vm *at, uint64_t rdi, uint64_t rsi, uint64_t rcx);

#endif
