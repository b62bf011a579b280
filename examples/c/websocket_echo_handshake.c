/* The handshake of RFC 6455: SHA-1 and base64, as much of them as it takes. */
#include "websocket_echo.h"

#include <stdint.h>
#include <string.h>

enum { KEY_LENGTH = 24, DIGEST = 20, BLOCK = 64 };

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static uint32_t rotated(uint32_t word, int by) {
    return word << by | word >> (32 - by);
}

static void sha1_block(uint32_t state[5], const unsigned char *data) {
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
               (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                  : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotated(a, 5) + mixed + e + w[i];
        e = d, d = c, c = rotated(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* Of less than two blocks, which is all that is needed here. */
static void sha1(const char *data, size_t length, unsigned char digest[DIGEST]) {
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    unsigned char padded[2 * BLOCK] = {0};
    size_t total = length + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    memcpy(padded, data, length);
    padded[length] = 0x80;
    padded[total - 2] = (unsigned char)(length >> 5);
    padded[total - 1] = (unsigned char)(length << 3);
    for (size_t at = 0; at < total; at += BLOCK) sha1_block(state, padded + at);
    for (int i = 0; i < DIGEST; i++)
        digest[i] = (unsigned char)(state[i / 4] >> (24 - i % 4 * 8));
}

static void base64(const unsigned char digest[DIGEST], char text[ACCEPT_LENGTH + 1]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < DIGEST; i += 3) { /* 20 bytes: one digit short of whole groups */
        uint32_t last = i + 2 < DIGEST ? digest[i + 2] : 0;
        uint32_t group = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | last;
        for (int digit = 0; digit < 4; digit++) *text++ = digits[group >> (18 - 6 * digit) & 63];
    }
    memcpy(text - 1, "=", 2);
}

int accept_key(wsgi_str key, char accept[ACCEPT_LENGTH + 1]) {
    char both[KEY_LENGTH + sizeof guid];
    unsigned char digest[DIGEST];
    if (key.ptr == NULL || key.len != KEY_LENGTH) return 0;
    memcpy(both, key.ptr, KEY_LENGTH);
    memcpy(both + KEY_LENGTH, guid, sizeof guid);
    sha1(both, KEY_LENGTH + sizeof guid - 1, digest);
    base64(digest, accept);
    return 1;
}
