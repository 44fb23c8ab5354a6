/* Calls that would change a file system: there is none, only the devices in /dev. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(void)
{
    errno = EROFS;
    return -1;
}

int unlink(const char *path)
{
    (void)path;
    return fail();
}

int link(const char *path1, const char *path2)
{
    (void)path1;
    (void)path2;
    return fail();
}

int mkdir(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    return fail();
}
