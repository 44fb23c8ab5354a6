/* Random numbers for those who ask the C library: the kernel's entropy pool. arc4random() of newlib
 * comes here too. */
#include <errno.h>
#include <unistd.h>

#include "kernel/entropy.h"

#define GETENTROPY_MAX 256

int getentropy(void *data, size_t len)
{
    int err = len > GETENTROPY_MAX ? -EIO : entropy_get(data, len);

    if (err == 0)
        return 0;
    errno = -err;
    return -1;
}
