/* A certificate of localhost's own with its key, made on the spot by the openssl command. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include "check.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct certificate {
    char folder[64], file[96], key[96];
} certificate;

static inline certificate make_certificate(void) {
    certificate made;
    char command[512];
    snprintf(made.folder, sizeof made.folder, "/tmp/wsgiserver-tls-XXXXXX");
    CHECK(mkdtemp(made.folder) != NULL);
    snprintf(made.file, sizeof made.file, "%s/certificate.pem", made.folder);
    snprintf(made.key, sizeof made.key, "%s/key.pem", made.folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
             " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
             " -keyout %s -out %s 2>/dev/null",
             made.key, made.file);
    CHECK_INT(system(command), 0);
    return made;
}

static inline void remove_certificate(const certificate *made) {
    CHECK_INT(unlink(made->file), 0);
    CHECK_INT(unlink(made->key), 0);
    CHECK_INT(rmdir(made->folder), 0);
}

#endif
