/* The handshake of RFC 6455, section 4.2.2. */
#include "websocket_echo.h"

#include <openssl/evp.h>

#include <string.h>

enum { KEY_LENGTH = 24 };

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

int accept_key(wsgi_str key, char accept[ACCEPT_LENGTH + 1]) {
    char both[KEY_LENGTH + sizeof guid];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (key.ptr == NULL || key.len != KEY_LENGTH) return 0;
    memcpy(both, key.ptr, KEY_LENGTH);
    memcpy(both + KEY_LENGTH, guid, sizeof guid);
    if (!EVP_Digest(both, KEY_LENGTH + sizeof guid - 1, digest, &length, EVP_sha1(), NULL)) return 0;
    return EVP_EncodeBlock((unsigned char *)accept, digest, (int)length) == ACCEPT_LENGTH;
}
