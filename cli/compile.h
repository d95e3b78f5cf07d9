/* compile.h: run the guest compiler and linker on a project's sources. */
#ifndef MF_CLI_COMPILE_H
#define MF_CLI_COMPILE_H

struct compile {
    const char *compiler; /* "musl-gcc", or what --compiler says        */
    const char *folder;   /* to run in; names of sources are relative   */
    char *const *source;  /* NULL-terminated                            */
    char *const *cflag;   /* the project's own, NULL-terminated or NULL */
    const char *out;      /* absolute path of the executable to write   */
};

/* Returns a cli_exit. The compiler's messages go where ours go. */
int compile_program(const struct compile *compile);

#endif
