/* The internet checksum. */
#include <stdint.h>
#include <string.h>

#include "lwip/arch.h"

/*
 * Sum of 16-bit words as they stand in memory, folded, not inverted: lwIP stores its inverse
 * without swapping bytes. 32-bit pieces give the same sum, since 2^16 is 1 modulo 2^16 - 1.
 */
unsigned short net_checksum(const void *data, int len)
{
    const uint8_t *p = data;
    uint64_t sum = 0, odd = 0;
    uint64_t word;
    uint32_t last = 0;

    for (; len >= 16; len -= 16, p += 16) {
        memcpy(&word, p, 8);
        sum += (uint32_t)word;
        odd += word >> 32;
        memcpy(&word, p + 8, 8);
        sum += (uint32_t)word;
        odd += word >> 32;
    }
    sum += odd;
    for (; len >= 4; len -= 4, p += 4) {
        memcpy(&last, p, 4);
        sum += last;
    }
    last = 0;
    for (int i = 0; i < len; i++)
        last |= (uint32_t)p[i] << (8 * i);
    sum += last;
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned short)sum;
}
