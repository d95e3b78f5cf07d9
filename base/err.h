/*
 * err.h: how a function says that it failed, and why.
 *
 * A fallible function returns mf_err: 0, or a negative value of the list below.
 * Results go through the last parameter. Where a person has to learn more than
 * the code tells, a function takes a struct mf_why and fills it at the place
 * that knows: what was wrong, where, and what to do. Callers pass both on; only
 * the edge (CLI, API, log) turns them into words.
 */
#ifndef MF_BASE_ERR_H
#define MF_BASE_ERR_H

#define MF_CHECKED __attribute__((warn_unused_result))

/* X(number, NAME, words) */
#define MF_ERRORS(X)                                          \
    X(1, EINVAL, "invalid argument or content")               \
    X(2, ENOMEM, "out of memory")                             \
    X(3, EAGAIN, "nothing there now, or no room now")         \
    X(4, EIO, "input or output failed")                       \
    X(5, ENOENT, "no such thing")                             \
    X(6, EEXIST, "exists already")                            \
    X(7, ETOOBIG, "past a limit")                             \
    X(8, EDENIED, "not permitted")                            \
    X(9, EPROTO, "the peer broke the protocol")               \
    X(10, ETIMEDOUT, "the deadline passed")                   \
    X(11, EDEAD, "the peer is gone")                          \
    X(12, EUNSUPPORTED, "this machine or build cannot do it") \
    X(13, EFORMAT, "the file is not what it should be")       \
    X(14, EFULL, "no space or slot left")

#define MF_ERR_ENUM(nr, NAME, words) MF_##NAME = -(nr),
typedef enum { MF_OK = 0, MF_ERRORS(MF_ERR_ENUM) } mf_err;

/* "invalid argument or content" and so on; never NULL. */
const char *mf_err_words(mf_err err);

/* The mf_err nearest to a Linux errno (positive); MF_EIO where none is near. */
mf_err mf_err_from_errno(int error);

#define MF_WHY_BYTES 512

/* The caller's storage. Empty text means that the code says it all. */
struct mf_why {
    char text[MF_WHY_BYTES];
};

/* Put a sentence into why (may be NULL), cut at its end if too long, and return
 * err, so that a refusal is one line: return mf_why(why, MF_EFORMAT, "…", …); */
mf_err mf_why(struct mf_why *why, mf_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The sentence, or the code's words where there is none. */
const char *mf_why_text(const struct mf_why *why, mf_err err);

/* A broken rule of our own code: say where, abort. Stays on in release; never for
 * what a guest, client, file or peer did. */
#define mf_assert(fact) ((fact) ? (void)0 : mf_assert_failed(#fact, __FILE__, __LINE__))
_Noreturn void mf_assert_failed(const char *fact, const char *file, int line);

#endif
