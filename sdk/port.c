/* port.c: tries the library OS, and from the first refusal on stays local. */
#include "sdk/port.h"

#include <errno.h>
#include <sys/auxv.h>

#include "abi/image.h"
#include "call.h"
#include "sdk/local.h"

/* By this a packer knows a program of the SDK's (abi/image.h). */
#define NOTE(owner, type) NOTE_TEXT(owner, type)
#define NOTE_TEXT(owner, type)                                                                   \
    __asm__(".pushsection .note.mayfly, \"a\", @note\n.balign 4\n.long 7, 0, " #type "\n.asciz " #owner \
            "\n.balign 4\n.popsection")
NOTE(MF_NOTE_OWNER, 0x4d460002);
_Static_assert(MF_NOTE_SDK == 0x4d460002u && sizeof MF_NOTE_OWNER == 7, "as above");

static bool outside;

#define ARG(x) ((long)(x))

/* A call of the library OS's: a jump where it says where to, else as any system call. */
static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    static unsigned long entry;
    if (!entry)
        entry = getauxval(MF_AUX_SYSCALL);
    return entry ? jump6(entry, nr, a, b, c, d, e, f) : call6(nr, a, b, c, d, e, f);
}

/* Some containers' filters answer unknown calls with EPERM, Linux with ENOSYS. */
static bool refused(long result)
{
    if (result == -ENOSYS || result == -EPERM)
        outside = true;
    return outside;
}

long port_next(struct mf_call_event *event, void *buffer, size_t capacity)
{
    if (!outside) {
        long r = call(MF_CALL_next, ARG(event), ARG(buffer), ARG(capacity), 0, 0, 0);
        if (!refused(r))
            return r;
    }
    return local_next(event, buffer, capacity);
}

long port_body(void *buffer, size_t capacity)
{
    if (outside)
        return local_body(buffer, capacity);
    return call(MF_CALL_body, ARG(buffer), ARG(capacity), 0, 0, 0, 0);
}

long port_reply(unsigned status, const void *fields, size_t field_bytes, const void *data,
                size_t bytes, unsigned flags)
{
    if (outside)
        return local_reply(status, fields, field_bytes, data, bytes, flags);
    return call(MF_CALL_reply, ARG(status), ARG(fields), ARG(field_bytes), ARG(data), ARG(bytes),
                ARG(flags));
}

long port_write(const void *data, size_t bytes, unsigned flags)
{
    if (outside)
        return local_write(data, bytes, flags);
    return call(MF_CALL_write, ARG(data), ARG(bytes), ARG(flags), 0, 0, 0);
}

long port_fail(const char *message, size_t bytes)
{
    if (outside)
        return local_fail(message, bytes);
    return call(MF_CALL_fail, ARG(message), ARG(bytes), 0, 0, 0, 0);
}

long port_log(unsigned level, const char *text, size_t bytes)
{
    if (!outside) {
        long r = call(MF_CALL_log, ARG(level), ARG(text), ARG(bytes), 0, 0, 0);
        if (!refused(r))
            return r;
    }
    return local_log(level, text, bytes);
}

bool port_cancelled(void)
{
    return !outside && call(MF_CALL_cancelled, 0, 0, 0, 0, 0, 0) > 0;
}

long port_operation(const struct port_request *request, struct mf_call_result *result)
{
    if (outside)
        return local_operation(request, result);
    return call(MF_CALL_operation, ARG(request->operation), ARG(request->head),
                ARG(request->head_bytes), ARG(request->data), ARG(request->data_bytes), ARG(result));
}

long port_result(void *buffer, size_t capacity)
{
    if (outside)
        return local_result(buffer, capacity);
    return call(MF_CALL_result, ARG(buffer), ARG(capacity), 0, 0, 0, 0);
}
