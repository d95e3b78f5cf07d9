/* compile.h: run the compiler and linker of a project's language on its sources. */
#ifndef MF_CLI_COMPILE_H
#define MF_CLI_COMPILE_H

struct compile {
    const char *compiler; /* "musl-gcc", or what --compiler says        */
    const char *package;  /* Debian's, that has it                      */
    const char *folder;   /* to run in; names of sources are relative   */
    char *const *source;  /* NULL-terminated                            */
    char *const *cflag;   /* the project's own, NULL-terminated or NULL */
    const char *out;      /* absolute path of the executable to write   */
};

/* Returns a cli_exit. The compiler's messages go where ours go. */
int compile_program(const struct compile *compile);

/* The same with `go build` of the package in folder, without cgo and without paths of this machine:
 * source and cflag are not looked at. */
int compile_go(const struct compile *compile);

#endif
