/* Names of error numbers. */
#include "kernel/error.h"

#include <errno.h>
#include <stddef.h>

#define NAME(err) [err] = #err

static const char *const names[] = {
    NAME(EPERM),
    NAME(ENOENT),
    NAME(ESRCH),
    NAME(EINTR),
    NAME(EIO),
    NAME(ENXIO),
    NAME(E2BIG),
    NAME(ENOEXEC),
    NAME(EBADF),
    NAME(ECHILD),
    NAME(EAGAIN),
    NAME(ENOMEM),
    NAME(EACCES),
    NAME(EFAULT),
    NAME(EBUSY),
    NAME(EEXIST),
    NAME(EXDEV),
    NAME(ENODEV),
    NAME(ENOTDIR),
    NAME(EISDIR),
    NAME(EINVAL),
    NAME(ENFILE),
    NAME(EMFILE),
    NAME(ENOTTY),
    NAME(EFBIG),
    NAME(ENOSPC),
    NAME(ESPIPE),
    NAME(EROFS),
    NAME(EMLINK),
    NAME(EPIPE),
    NAME(EDOM),
    NAME(ERANGE),
    NAME(EDEADLK),
    NAME(ENODATA),
    NAME(EPROTO),
    NAME(EBADMSG),
    NAME(ENOSYS),
    NAME(ENOTEMPTY),
    NAME(ENAMETOOLONG),
    NAME(ELOOP),
    NAME(EOPNOTSUPP),
    NAME(ECONNRESET),
    NAME(ENOBUFS),
    NAME(EAFNOSUPPORT),
    NAME(EPROTOTYPE),
    NAME(ENOTSOCK),
    NAME(ENOPROTOOPT),
    NAME(ECONNREFUSED),
    NAME(EADDRINUSE),
    NAME(ENETUNREACH),
    NAME(ENETDOWN),
    NAME(ETIMEDOUT),
    NAME(EHOSTUNREACH),
    NAME(EINPROGRESS),
    NAME(EALREADY),
    NAME(EDESTADDRREQ),
    NAME(EMSGSIZE),
    NAME(EISCONN),
    NAME(EPROTONOSUPPORT),
    NAME(EADDRNOTAVAIL),
    NAME(ENOTCONN),
    NAME(ECONNABORTED),
    NAME(EILSEQ),
    NAME(EOVERFLOW),
    NAME(ECANCELED),
#if ENOTSUP != EOPNOTSUPP
    NAME(ENOTSUP),
#endif
};

const char *error_name(int err)
{
    size_t number = err < 0 ? -(size_t)err : (size_t)err;

    if (number >= sizeof(names) / sizeof(names[0]) || names[number] == NULL)
        return "E?";
    return names[number];
}
