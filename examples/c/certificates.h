/* Certificates for trying things out, made by the openssl command in the folder that is given. */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs a command in the folder; 0 if it went well. The folder's name is not a part of the command. */
static int in_folder(const char *folder, const char *command) {
    char whole[1024];
    char *here = getcwd(NULL, 0);
    int failed = here == NULL || chdir(folder) != 0;
    if (!failed) {
        snprintf(whole, sizeof whole, "(%s) 2>/dev/null", command);
        failed = system(whole) != 0;
        failed |= chdir(here) != 0;
    }
    free(here);
    return failed;
}

/* NAME.key and NAME.pem: an authority of its own for localhost, for two days. */
static inline int make_own_certificate(const char *folder, const char *name) {
    char command[512];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
             "-keyout %s.key -out %s.pem",
             name, name);
    return in_folder(folder, command);
}

/* NAME.key and NAME.pem for the subject, signed by AUTHORITY.key. */
static inline int make_certificate(const char *folder, const char *authority, const char *name,
                                   const char *subject, const char *alternative) {
    char command[768];
    snprintf(command, sizeof command,
             "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '%s' "
             "-addext subjectAltName=%s -keyout %s.key -out %s.csr && "
             "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -days 2 "
             "-copy_extensions copy -out %s.pem && rm %s.csr",
             subject, alternative, name, name, name, authority, authority, name, name);
    return in_folder(folder, command);
}

/* FOLDER/NAME.EXTENSION; to be freed. */
static char *file_in(const char *folder, const char *name, const char *extension) {
    size_t size = strlen(folder) + strlen(name) + strlen(extension) + 3;
    char *file = malloc(size);
    if (file != NULL) snprintf(file, size, "%s/%s.%s", folder, name, extension);
    return file;
}

#endif
