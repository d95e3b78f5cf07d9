/*
 * abi_doc.c: writes docs/ABI.md from the headers of abi/: `abi_doc ABI_FOLDER`.
 * Lists come from their X-macros (abi_running.c, abi_files.c), the rest from the compiler and
 * from comments (abi_print.h). A member that is missing there stops it.
 */
#include "abi/layout.h"
#include "tools/abi_print.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: abi_doc ABI_FOLDER >docs/ABI.md\n");
        return 2;
    }
    abi_folder = argv[1];
    printf("# The ABI, version %u\n\n", MF_ABI_VERSION);
    printf("Between a guest (library OS and program) and what runs it (monitor and node). Made from\n"
           "`abi/*.h` by `tools/abi_doc.c`: change those, then\n"
           "`cmake --build build --target abi_doc && build/abi_doc abi >docs/ABI.md`. A test compares.\n\n");
    print_layout();
    print_hypercalls();
    print_boot();
    print_traps();
    print_channel();
    print_events();
    print_calls();
    print_operations();
    print_causes();
    print_image();
    print_root();
    print_snapshot();
    print_touched();
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
