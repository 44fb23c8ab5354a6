/* newlib's heap over the kernel's break. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/heap.h"

void *sbrk(ptrdiff_t incr)
{
    void *old = heap_sbrk(incr);

    if (old == NULL) {
        errno = ENOMEM;
        return (void *)-1;
    }
    return old;
}

/* newlib declares it but 3.3 to 4.5 have it for other targets only. */
int posix_memalign(void **result, size_t align, size_t size)
{
    void *block;

    if (align < sizeof(void *) || (align & (align - 1)) != 0)
        return EINVAL;
    block = memalign(align, size);
    if (block == NULL)
        return ENOMEM;
    *result = block;
    return 0;
}
