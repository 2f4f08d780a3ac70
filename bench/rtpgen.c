/* The other end of the media server's legs, for `./ringwall bench media`: sends and hears SRTP on many ports.
 *
 *   cc -O2 -o rtpgen rtpgen.c -lsrtp2
 *   rtpgen LEGS ROOM_SIZE SECONDS WARM_UP_SECONDS
 *
 * It binds one UDP port for each leg and prints them. Then it reads a line for each leg: the server's port, the suite
 * (1 AES_CM_128_HMAC_SHA1_80, 2 AEAD_AES_128_GCM, 3 AEAD_AES_256_GCM), the key for what it sends and the key for what
 * it hears, both hexadecimal. Every leg sends 50 packets a second of PCMU, soft noise, evenly spread over the 20 ms.
 * Legs are in rooms of ROOM_SIZE, in order: every 300 ms one leg of each room, in turn, sends one loud packet, and the
 * time until each other leg of the room is sent a loud one is the one-way delay. Arrivals are stamped by the kernel.
 * After WARM_UP_SECONDS it prints "window" and begins to count; in the end one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <srtp2/srtp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOST_LEGS 1000
#define FRAME 160
#define TICK_NS 20000000LL
#define BINS 20000 /* of 10 us */
#define BURST_TICKS 15
#define LOUD 0x80 /* PCMU: the loudest sample */

struct leg {
    int fd;
    srtp_t out, in;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    int heard;
    uint16_t last_sequence;
    int64_t last_arrival;
    int64_t waits_since; /* when somebody of its room began to shout, 0 when nobody does */
};

static struct leg legs[MOST_LEGS];
static int64_t gap_bins[BINS], delay_bins[BINS];
static int64_t sent, received, lost, bad, unsent, shouts, gaps, delays, gap_most, delay_most;
static int counting;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void count_in(int64_t *bins, int64_t ns, int64_t *all, int64_t *most)
{
    int64_t bin = ns / 10000;
    bins[bin < BINS ? bin : BINS - 1]++;
    (*all)++;
    if (ns > *most)
        *most = ns;
}

static double share_ms(const int64_t *bins, int64_t all, double share)
{
    int64_t left = (int64_t)(share * (double)all);
    for (int bin = 0; bin < BINS; bin++)
        if ((left -= bins[bin]) < 0)
            return (bin + 1) / 100.0;
    return BINS / 100.0;
}

static srtp_t session(int suite, const char *hex, srtp_ssrc_type_t type)
{
    static const srtp_profile_t profiles[] = {0, srtp_profile_aes128_cm_sha1_80, srtp_profile_aead_aes_128_gcm,
                                              srtp_profile_aead_aes_256_gcm};
    unsigned char key[64] = {0};
    size_t length = strlen(hex) / 2;
    srtp_policy_t policy;
    srtp_t made;

    if (suite < 1 || suite > 3 || length > sizeof key)
        die("suite or key");
    for (size_t at = 0; at < length; at++)
        if (sscanf(hex + 2 * at, "%2hhx", &key[at]) != 1)
            die("key");
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profiles[suite]);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profiles[suite]);
    policy.ssrc.type = type;
    policy.key = key;
    policy.window_size = 128;
    if (srtp_create(&made, &policy) != srtp_err_status_ok)
        die("srtp_create");
    return made;
}

static void send_packet(struct leg *leg, int loud)
{
    uint8_t packet[12 + FRAME + SRTP_MAX_TRAILER_LEN];
    int length = 12 + FRAME;
    uint16_t sequence = htons(leg->sequence++);
    uint32_t timestamp = htonl(leg->timestamp), ssrc = htonl(leg->ssrc);

    leg->timestamp += FRAME;
    packet[0] = 0x80;
    packet[1] = 0;
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    /* Soft noise: codes of the lowest segment, of either sign. */
    for (int at = 0; at < FRAME; at++)
        packet[12 + at] = loud ? LOUD : 0xFF - (rand() & 0x87);
    if (srtp_protect(leg->out, packet, &length) != srtp_err_status_ok)
        die("srtp_protect");
    if (send(leg->fd, packet, (size_t)length, 0) < 0)
        unsent += counting;
    else
        sent += counting;
}

static void take_packet(struct leg *leg)
{
    uint8_t packet[2048], control[64];
    struct iovec part = {packet, sizeof packet};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int length = (int)recvmsg(leg->fd, &message, MSG_DONTWAIT);
    int64_t arrival = 0;

    if (length < 12)
        return;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
            arrival = stamp.tv_sec * 1000000000LL + stamp.tv_nsec;
        }
    if (packet[1] >= 192 && packet[1] <= 223) { /* RTCP (RFC 5761) */
        if (srtp_unprotect_rtcp(leg->in, packet, &length) != srtp_err_status_ok)
            bad += counting;
        return;
    }
    if (srtp_unprotect(leg->in, packet, &length) != srtp_err_status_ok) {
        bad += counting;
        return;
    }
    uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    if (leg->heard && counting) {
        uint16_t step = (uint16_t)(sequence - leg->last_sequence);
        int64_t off = arrival - leg->last_arrival - TICK_NS * step;
        received++;
        lost += step - 1;
        count_in(gap_bins, off < 0 ? -off : off, &gaps, &gap_most);
    }
    leg->heard = 1;
    leg->last_sequence = sequence;
    leg->last_arrival = arrival;
    if (leg->waits_since) {
        int peaks = 0;
        for (int at = 12; at < length; at++)
            peaks += (packet[at] & 0x7F) < 0x20;
        if (peaks > 8) {
            if (counting)
                count_in(delay_bins, arrival - leg->waits_since, &delays, &delay_most);
            leg->waits_since = 0;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "rtpgen LEGS ROOM_SIZE SECONDS WARM_UP_SECONDS\n"), 2;
    int count = atoi(argv[1]), room = atoi(argv[2]);
    double seconds = atof(argv[3]), warm_up = atof(argv[4]);
    if (count < 1 || count > MOST_LEGS || room < 1 || seconds <= 0)
        die("arguments");
    if (srtp_init() != srtp_err_status_ok)
        die("srtp_init");
    int poll = epoll_create1(0);
    for (int number = 0; number < count; number++) {
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof local;
        int on = 1, bytes = 262144;
        struct leg *leg = &legs[number];
        if ((leg->fd = socket(AF_INET, SOCK_DGRAM, 0)) < 0 || bind(leg->fd, (void *)&local, sizeof local))
            die("bind");
        getsockname(leg->fd, (void *)&local, &size);
        setsockopt(leg->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        setsockopt(leg->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        printf("%d\n", ntohs(local.sin_port));
    }
    fflush(stdout);
    for (int number = 0; number < count; number++) {
        struct leg *leg = &legs[number];
        struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)number};
        int port, suite;
        char out[129], in[129];
        if (scanf("%d %d %128s %128s", &port, &suite, out, in) != 4)
            die("a line for each leg");
        server.sin_port = htons((uint16_t)port);
        if (connect(leg->fd, (void *)&server, sizeof server))
            die("connect");
        leg->out = session(suite, out, ssrc_any_outbound);
        leg->in = session(suite, in, ssrc_any_inbound);
        leg->ssrc = 0x10000000u + (uint32_t)number;
        leg->sequence = (uint16_t)(rand() & 0x7FFF);
        epoll_ctl(poll, EPOLL_CTL_ADD, leg->fd, &event);
    }
    struct sched_param priority = {.sched_priority = 30};
    int in_time = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = MOST_LEGS};
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
    int64_t start = clock_ns(CLOCK_MONOTONIC) + TICK_NS, step = TICK_NS / count;
    int64_t from = start + (int64_t)(warm_up * 1e9), until = from + (int64_t)(seconds * 1e9);
    struct itimerspec setting = {.it_interval = {0, step},
                                 .it_value = {start / 1000000000LL, start % 1000000000LL}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, NULL);
    for (int64_t next = 0;;) {
        struct epoll_event ready[256];
        int found = epoll_wait(poll, ready, 256, 1000);
        for (int at = 0; at < found; at++) {
            if (ready[at].data.u32 < MOST_LEGS) {
                take_packet(&legs[ready[at].data.u32]);
                continue;
            }
            uint64_t times = 0;
            if (read(timer, &times, sizeof times) != sizeof times)
                continue;
            while (times--) {
                int number = (int)(next % count);
                int64_t tick = next / count;
                int place = number % room, first = number - place;
                int shouter = (int)(tick / BURST_TICKS) % room;
                int loud = tick % BURST_TICKS == 0 && place == shouter && room > 1 && first + room <= count;
                next++;
                if (loud) {
                    int64_t now = clock_ns(CLOCK_REALTIME);
                    for (int other = first; other < first + room; other++)
                        legs[other].waits_since = other == number ? 0 : now;
                    shouts += counting ? room - 1 : 0;
                }
                send_packet(&legs[number], loud);
            }
            int64_t now = clock_ns(CLOCK_MONOTONIC);
            if (!counting && now >= from) {
                counting = 1;
                printf("window\n");
                fflush(stdout);
            }
            if (now >= until)
                goto done;
        }
    }
done:
    printf("{\"sent\": %lld, \"unsent\": %lld, \"received\": %lld, \"lost\": %lld, \"unreadable\": %lld, \"in_time\": %d,"
           " \"jitter_ms_p50\": %.2f, \"jitter_ms_p99\": %.2f, \"jitter_ms_most\": %.2f,"
           " \"shouts\": %lld, \"shouts_heard\": %lld, \"delay_ms_p50\": %.2f, \"delay_ms_p99\": %.2f,"
           " \"delay_ms_most\": %.2f}\n",
           (long long)sent, (long long)unsent, (long long)received, (long long)lost, (long long)bad, in_time,
           share_ms(gap_bins, gaps, 0.5), share_ms(gap_bins, gaps, 0.99), (double)gap_most / 1e6, (long long)shouts,
           (long long)delays, share_ms(delay_bins, delays, 0.5), share_ms(delay_bins, delays, 0.99),
           (double)delay_most / 1e6);
    return 0;
}
