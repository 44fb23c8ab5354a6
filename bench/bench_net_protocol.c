/* What each message of the peer asks for, the same on both paths. */
#include "arch/cpu.h"
#include "bench/bench_net.h"

/* The marker instruction has its number inside it. */
static void mark(uint32_t id)
{
    switch (id) {
    case 1:
        cpu_mark(1);
        break;
    case 2:
        cpu_mark(2);
        break;
    case 3:
        cpu_mark(3);
        break;
    case 4:
        cpu_mark(4);
        break;
    default:
        break;
    }
}

enum bench_net_answer bench_net_message_in(struct bench_net_counts *counts,
                                           struct bench_net_message *message, uint32_t frame_len)
{
    switch (message->op) {
    case BENCH_NET_DISCARD:
        counts->discarded++;
        counts->discarded_bytes += frame_len;
        return BENCH_NET_ANSWER_NOTHING;
    case BENCH_NET_QUERY:
        message->a = counts->discarded;
        message->b = counts->discarded_bytes;
        counts->discarded = counts->discarded_bytes = 0;
        return BENCH_NET_ANSWER_MESSAGE;
    case BENCH_NET_MARK:
        mark(message->a);
        return BENCH_NET_ANSWER_MESSAGE;
    case BENCH_NET_ECHO:
        return BENCH_NET_ANSWER_MESSAGE;
    case BENCH_NET_FLOOD:
        return BENCH_NET_ANSWER_FLOOD;
    case BENCH_NET_EXIT:
        return BENCH_NET_ANSWER_EXIT;
    default:
        return BENCH_NET_ANSWER_NOTHING;
    }
}
