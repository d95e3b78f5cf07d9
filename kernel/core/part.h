/*
 * part.h: the build includes it in front of every file of the kernel, so that an image tells
 * which parts its kernel has (`mayfly inspect`): the file's name (KERNEL_PART, of the build's) in
 * a section that is not loaded.
 */
#ifdef __ASSEMBLER__
.pushsection .parts, "", @progbits
.string KERNEL_PART
.popsection
#else
__asm__(".pushsection .parts, \"\", @progbits\n.string \"" KERNEL_PART "\"\n.popsection");
#endif
