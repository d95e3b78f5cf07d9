/* err.c: codes and their words. Any thread. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *mf_err_words(mf_err err)
{
    switch (err) {
    case MF_OK:
        return "no error";
#define WORDS(nr, NAME, words) \
    case MF_##NAME:            \
        return words;
        MF_ERRORS(WORDS)
#undef WORDS
    }
    return "unknown error";
}

mf_err mf_err_from_errno(int error)
{
    switch (error) {
    case 0:
        return MF_OK;
    case EINVAL:
        return MF_EINVAL;
    case ENOMEM:
        return MF_ENOMEM;
    case EAGAIN:
    case EINTR:
        return MF_EAGAIN;
    case ENOENT:
    case ESRCH:
        return MF_ENOENT;
    case EEXIST:
        return MF_EEXIST;
    case E2BIG:
    case EFBIG:
    case EMSGSIZE:
    case ENAMETOOLONG:
        return MF_ETOOBIG;
    case EPERM:
    case EACCES:
        return MF_EDENIED;
    case EPIPE:
    case ECONNRESET:
        return MF_EDEAD;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return MF_EFULL;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
        return MF_EUNSUPPORTED;
    case ETIMEDOUT:
        return MF_ETIMEDOUT;
    default:
        return MF_EIO;
    }
}

mf_err mf_why(struct mf_why *why, mf_err err, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return err;
}

const char *mf_why_text(const struct mf_why *why, mf_err err)
{
    return why && why->text[0] ? why->text : mf_err_words(err);
}

_Noreturn void mf_assert_failed(const char *fact, const char *file, int line)
{
    fprintf(stderr, "mayfly: %s:%d: broken rule: %s\n", file, line, fact);
    abort();
}
