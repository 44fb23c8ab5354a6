/* The smallest appliance: says hello and ends, with status 0. */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("Hello from %s, on bare virtio.\n", argc > 0 ? argv[0] : "vring0");
    return 0;
}
