/* SHA-256 (FIPS 180-4): compares disk contents with the host, and mixes randomness. */
#ifndef KERNEL_SHA256_H
#define KERNEL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN      32
#define SHA256_TEXT_LEN 65 /* hexadecimal with NUL */

struct sha256 {
    uint32_t state[8];
    uint64_t len; /* bytes so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *ctx);
void sha256_update(struct sha256 *ctx, const void *data, size_t len);
void sha256_final(struct sha256 *ctx, uint8_t digest[SHA256_LEN]);

/* The digest in hexadecimal. */
void sha256_final_text(struct sha256 *ctx, char text[SHA256_TEXT_LEN]);

#endif
