/* The ChaCha20 block function (RFC 8439, 2.3). */
#include "kernel/chacha20.h"

#include <string.h>

#define WORDS         (CHACHA20_BLOCK_LEN / 4)
#define DOUBLE_ROUNDS 10

/* The state is little-endian words, as the processor's are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are copied as they are");

static inline uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static inline void quarter_round(uint32_t s[WORDS], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 7);
}

void chacha20_block(const uint8_t key[CHACHA20_KEY_LEN], uint32_t counter,
                    const uint8_t nonce[CHACHA20_NONCE_LEN], uint8_t block[CHACHA20_BLOCK_LEN])
{
    uint32_t start[WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t s[WORDS];

    memcpy(&start[4], key, CHACHA20_KEY_LEN);
    start[12] = counter;
    memcpy(&start[13], nonce, CHACHA20_NONCE_LEN);
    memcpy(s, start, sizeof(s));
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        for (unsigned column = 0; column < 4; column++)
            quarter_round(s, column, 4 + column, 8 + column, 12 + column);
        for (unsigned column = 0; column < 4; column++)
            quarter_round(s, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4,
                          12 + (column + 3) % 4);
    }
    for (unsigned i = 0; i < WORDS; i++)
        s[i] += start[i];
    memcpy(block, s, sizeof(s));
}
