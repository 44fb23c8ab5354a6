/* TCP's behaviour where lwIP's own needs help: initial sequence numbers, closed windows. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "arch/clock.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "net/hooks.h"

unsigned net_random(void)
{
    unsigned value;

    getentropy(&value, sizeof(value));
    return value;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of whole words: short, and made for keyed hashes of short input. */
static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, unsigned cnt)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
                     key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};

    for (unsigned i = 0; i <= cnt; i++) {
        uint64_t word = i < cnt ? words[i] : (uint64_t)cnt << 59;

        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void address_words(const ip_addr_t *ip, uint64_t words[2])
{
    if (IP_IS_V6(ip))
        memcpy(words, ip_2_ip6(ip)->addr, 16);
    else
        words[0] = ip4_addr_get_u32(ip_2_ip4(ip));
}

u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                  u16_t remote_port)
{
    static uint64_t key[2];
    uint64_t words[5] = {0};

    if (key[0] == 0)
        getentropy(key, sizeof(key));
    address_words(local_ip, words);
    address_words(remote_ip, words + 2);
    words[4] = (uint64_t)local_port << 16 | remote_port;
    return (u32_t)(sip_hash(key, words, 5) + clock_ns() / 4096);
}

err_t net_tcp_input(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, const struct pbuf *data)
{
    if (pcb->state == LISTEN || pcb->rcv_wnd != 0 || data->tot_len != 0 ||
        TCPH_FLAGS(hdr) != TCP_ACK || hdr->seqno != pcb->rcv_nxt || hdr->ackno != pcb->lastack ||
        hdr->wnd != pcb->snd_wnd || pcb->unacked != NULL)
        return ERR_OK;
    /* It shows all the same that the other end is there. */
    pcb->tmr = tcp_ticks;
    pcb->keep_cnt_sent = 0;
    pcb->persist_probe = 0;
    return ERR_ABRT;
}
