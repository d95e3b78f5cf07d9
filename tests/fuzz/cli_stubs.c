/* cli_stubs.c: what the command would say to a person; a fuzzer has no reader. */
#include "cli/command.h"

int cli_fail(enum cli_exit code, const char *format, ...)
{
    (void)format;
    return (int)code;
}

int cli_fail_why(const struct mf_why *why, mf_err err)
{
    (void)why;
    return err == MF_ENOENT ? CLI_NOT_FOUND : CLI_FAILED;
}

void cli_note(const char *format, ...)
{
    (void)format;
}
