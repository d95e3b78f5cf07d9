/*
 * snippets.h: instructions that ring 3 has no business with, and some that it has.
 * X(name, text of the assembly); numbered in order. Run with rdi, rsi, rdx, rcx and
 * rax from the order's arguments 0 to 3 and 5; a snippet that goes on returns rax.
 */
#ifndef MF_TESTS_RAW_SNIPPETS_H
#define MF_TESTS_RAW_SNIPPETS_H

#define SNIPPETS(X)                                                                        \
    X(nop, "nop")                                                                          \
    X(cli, "cli")                                                                          \
    X(sti, "sti")                                                                          \
    X(hlt, "hlt")                                                                          \
    X(ud2, "ud2")                                                                          \
    X(int3, "int3")                                                                        \
    X(int1, ".byte 0xf1")                                                                  \
    X(rdmsr, "rdmsr")                                                                      \
    X(wrmsr, "wrmsr")                                                                      \
    X(rdpmc, "rdpmc")                                                                      \
    X(rdtsc, "rdtsc")                                                                      \
    X(cpuid, "push %rbx; cpuid; pop %rbx")                                                 \
    X(mov_from_cr0, "mov %cr0, %rax")                                                      \
    X(mov_from_cr3, "mov %cr3, %rax")                                                      \
    X(mov_from_cr4, "mov %cr4, %rax")                                                      \
    X(mov_to_cr0, "mov %rax, %cr0")                                                        \
    X(mov_to_cr3, "mov %rax, %cr3")                                                        \
    X(mov_to_cr4, "mov %rax, %cr4")                                                        \
    X(mov_to_cr8, "mov %rax, %cr8")                                                        \
    X(mov_from_dr0, "mov %dr0, %rax")                                                      \
    X(mov_from_dr7, "mov %dr7, %rax")                                                      \
    X(mov_to_dr0, "mov %rax, %dr0")                                                        \
    X(mov_to_dr7, "mov %rax, %dr7")                                                        \
    X(clts, "clts")                                                                        \
    X(invd, "invd")                                                                        \
    X(wbinvd, "wbinvd")                                                                    \
    X(invlpg, "invlpg 0x400000")                                                           \
    X(lgdt, "lgdt (%rdi)")                                                                 \
    X(lidt, "lidt (%rdi)")                                                                 \
    X(lldt, "lldt %ax")                                                                    \
    X(ltr, "ltr %ax")                                                                      \
    X(lmsw, "lmsw %ax")                                                                    \
    X(swapgs, "swapgs")                                                                    \
    X(sysretq, "sysretq")                                                                  \
    X(sysexit, "sysexitl")                                                                  \
    X(sysenter, "sysenter")                                                                \
    X(sysenter_framed, "mov %rsp, %rbp; sysenter") /* Linux reads a word at EBP first */    \
    X(int80, "int $0x80")                                                                  \
    X(vmcall, "vmcall")                                                                    \
    X(vmmcall, "vmmcall")                                                                  \
    X(vmrun, "vmrun %rax")                                                                 \
    X(vmxoff, "vmxoff")                                                                    \
    X(rsm, "rsm")                                                                          \
    X(monitor, "monitor")                                                                  \
    X(mwait, "mwait")                                                                      \
    X(xsetbv, "xsetbv")                                                                    \
    X(xgetbv, "xor %ecx, %ecx; xgetbv")                                                    \
    X(wrfsbase, "wrfsbase %rax; rdfsbase %rax; xor %ecx, %ecx; wrfsbase %rcx")             \
    X(wrgsbase, "wrgsbase %rax; rdgsbase %rax; xor %ecx, %ecx; wrgsbase %rcx")             \
    X(iopl, "pushf; pop %rax; or $0x3000, %rax; push %rax; popf; pushf; pop %rax")         \
    X(nested_task, "pushf; pop %rax; or $0x4000, %rax; push %rax; popf; pushf; pop %rax;"  \
                   "push $0x202; popf")                                                    \
    X(alignment, "pushf; orq $0x40000, (%rsp); popf; mov 1(%rsp), %rax; push $0x202; popf") \
    X(trap_flag, "pushf; orq $0x100, (%rsp); popf; nop; nop; push $0x202; popf")           \
    X(direction, "std; xor %eax, %eax; cld")                                               \
    X(iret_ring0, "mov %rsp, %rax; push $0; push %rax; push $0x202; push $0x10;"           \
                  "lea 9f(%rip), %rdx; push %rdx; iretq; 9:")                              \
    X(lret_gate, "push %rax; lea 9f(%rip), %rdx; push %rdx; lretq; 9:")                    \
    X(divide, "xor %ecx, %ecx; xor %edx, %edx; div %rcx")                                  \
    X(into_vsyscall, "mov $0xffffffffff600000, %rcx; call *%rcx")                          \
    X(rdrand, "rdrand %rax")                                                               \
    X(pause_long, "mov $1000000, %ecx; 9: pause; dec %ecx; jnz 9b; xor %eax, %eax")        \
    X(out8, "out %al, %dx")                                                                 \
    X(out16, "out %ax, %dx")                                                                \
    X(out32, "out %eax, %dx")                                                               \
    X(in8, "in %dx, %al")                                                                   \
    X(in16, "in %dx, %ax")                                                                  \
    X(in32, "in %dx, %eax")                                                                 \
    X(rep_out8, "rep outsb")                                                                \
    X(rep_out32, "rep outsl")                                                               \
    X(rep_in8, "rep insb")                                                                  \
    X(rep_in32, "rep insl")                                                                 \
    X(syscall_tf, "pushf; orq $0x100, (%rsp); popf; syscall; push $0x202; popf")           \
    X(protection_keys, "xor %ecx, %ecx; xor %edx, %edx; mov $-4, %eax; .byte 0x0f, 0x01, 0xef") \
    X(protection_keys_all, "xor %ecx, %ecx; xor %edx, %edx; mov $-1, %eax; .byte 0x0f, 0x01, 0xef") \
    X(split_lock, "mov $1000, %ecx; 9: lock incl 0x11c03d; dec %ecx; jnz 9b")              \
    X(umwait, "xor %edx, %edx; mov $1, %eax; xor %ecx, %ecx; .byte 0xf2, 0x0f, 0xae, 0xf1") \
    X(tpause, "xor %edx, %edx; mov $1, %eax; xor %ecx, %ecx; .byte 0x66, 0x0f, 0xae, 0xf1") \
    X(transaction, "xbegin 9f; 9: xor %eax, %eax")                                         \
    X(enclave, ".byte 0x0f, 0x01, 0xd7")                                                   \
    X(shadow_stack, "xor %eax, %eax; rdsspq %rax")

#define SNIPPET_ENUM(name, text) SNIPPET_##name,
enum snippet { SNIPPETS(SNIPPET_ENUM) SNIPPET_COUNT };

#endif
