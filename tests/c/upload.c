/* The example `upload`: whole files appear with the right checksum, others leave nothing behind. */
#define _GNU_SOURCE
#define main upload_main
#include "../../examples/c/upload.c"
#undef main

#include "client.h"
#include "program.h"

#include <dirent.h>
#include <sys/resource.h>

enum { KIB = 1024, MIB = 1024 * KIB, LIMIT = 96 * KIB };

static char folder[64];

static size_t files_in_folder(void) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void remove_file(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_INT(unlink(path), 0);
}

static program serve_folder(void (*prepare)(void)) {
    const char *const arguments[] = {"--port", "0", folder, NULL};
    return program_serve(upload_main, arguments, prepare);
}

static unsigned char pattern(size_t i) {
    return (unsigned char)(i * 7 + i / 251);
}

/* By the definition, bit by bit; not as the example does it. */
static uint32_t crc_of_pattern(size_t length) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < length; i++) {
        crc ^= pattern(i);
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

static unsigned char *new_body(size_t length) {
    unsigned char *body = malloc(length + 1);
    CHECK(body != NULL);
    for (size_t i = 0; i < length; i++) body[i] = pattern(i);
    return body;
}

static void send_head(client *client, const char *name, size_t length) {
    char head[256];
    int count = snprintf(head, sizeof head,
                         "PUT /%s HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n", name,
                         length);
    client_send(client, head, (size_t)count);
}

static void send_chunks(client *client, const char *name, const unsigned char *body,
                        size_t length) {
    char head[256];
    int count = snprintf(head, sizeof head,
                         "POST /%s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
                         name);
    client_send(client, head, (size_t)count);
    for (size_t at = 0, piece; at < length; at += piece) {
        piece = length - at < 5000 ? length - at : 5000;
        count = snprintf(head, sizeof head, "%zx\r\n", piece);
        client_send(client, head, (size_t)count);
        client_send(client, body + at, piece);
        client_send(client, "\r\n", 2);
    }
    client_send(client, "0\r\n\r\n", 5);
}

static void check_stored(client *client, const char *name, const unsigned char *body,
                         size_t length) {
    char expected[64], path[128];
    reply reply = client_reply(client, 0);
    CHECK_INT(reply.status, 201);
    snprintf(expected, sizeof expected, "%zu bytes, CRC-32 %08x\n", length,
             (unsigned)crc_of_pattern(length));
    CHECK_STR(reply.body, expected);
    reply_free(&reply);

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    unsigned char *stored = malloc(length + 1);
    CHECK(stored != NULL);
    CHECK_INT(fread(stored, 1, length + 1, file), length);
    CHECK(memcmp(stored, body, length) == 0);
    fclose(file);
    free(stored);
}

static void the_checksum_is_the_usual_one(void) {
    CHECK_INT(crc_add(0, (const unsigned char *)"123456789", 9), 0xcbf43926u);
    CHECK_INT(crc_add(crc_add(0, (const unsigned char *)"1234", 4),
                      (const unsigned char *)"56789", 5),
              0xcbf43926u);
}

static void files_of_every_size_are_stored(void) {
    static const size_t lengths[] = {0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * MIB + 17};
    program program = serve_folder(NULL);
    client client = client_open(program.address);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        unsigned char *body = new_body(lengths[i]);
        send_head(&client, "file.bin", lengths[i]);
        client_send(&client, body, lengths[i]);
        check_stored(&client, "file.bin", body, lengths[i]);
        send_chunks(&client, "file.bin", body, lengths[i]);
        check_stored(&client, "file.bin", body, lengths[i]);
        CHECK_INT(files_in_folder(), 1); /* the same name replaces the file */
        free(body);
    }
    client_close(&client);
    program_end(&program);
    remove_file("file.bin");
}

static void limit_files(void) {
    struct rlimit limit = {LIMIT, LIMIT};
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_507_and_leaves_no_file(void) {
    program program = serve_folder(limit_files);
    for (int round = 0; round < 2; round++) {
        unsigned char *body = new_body(4 * LIMIT);
        client client = client_open(program.address);
        send_head(&client, "large.bin", 4 * LIMIT);
        client_send(&client, body, 4 * LIMIT);
        reply reply = client_reply(&client, 0);
        CHECK_INT(reply.status, 507);
        CHECK_CONTAINS(reply.body, "'large.bin' is not stored: ");
        reply_free(&reply);
        client_close(&client);
        CHECK_INT(files_in_folder(), 0);

        client = client_open(program.address); /* what fits is still taken */
        send_head(&client, "small.bin", LIMIT);
        client_send(&client, body, LIMIT);
        check_stored(&client, "small.bin", body, LIMIT);
        client_close(&client);
        remove_file("small.bin");
        free(body);
    }
    program_end(&program);
}

static void half_close(client *client) {
    CHECK_INT(shutdown(client->fd, SHUT_WR), 0);
    reply reply = client_reply(client, 0);
    CHECK(reply.status == 0 || reply.status >= 400);
    reply_free(&reply);
    client_close(client);
}

static void a_client_that_leaves_halfway_leaves_no_file(void) {
    void (*const ways[])(client *) = {client_close, client_reset, half_close};
    program program = serve_folder(NULL);
    unsigned char *body = new_body(MIB);
    for (size_t i = 0; i < COUNT(ways); i++) {
        client client = client_open(program.address);
        send_head(&client, "half.bin", 2 * MIB);
        client_send(&client, body, MIB);
        WAIT_FOR(files_in_folder() == 1); /* the temporary one: it is being written */
        ways[i](&client);
        WAIT_FOR(files_in_folder() == 0);
    }
    free(body);
    program_end(&program);
}

static void a_malformed_body_leaves_no_file(void) {
    program program = serve_folder(NULL);
    client client = client_open(program.address);
    unsigned char *body = new_body(MIB);
    static const char head[] =
        "PUT /bad HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n";
    client_send(&client, head, sizeof head - 1);
    client_send(&client, body, MIB);
    client_send(&client, "no end\r\n", 8);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 400);
    reply_free(&reply);
    client_close(&client);
    CHECK_INT(files_in_folder(), 0);
    free(body);
    program_end(&program);
}

static void names_that_lead_elsewhere_are_refused(void) {
    static const char *const names[] = {"",       ".hidden", "..",     "%2e%2e", "../x", "a/b",
                                        "a%2Fb", "a%00b",  "a%20b", "%C3%A9", "a\\b"};
    program program = serve_folder(NULL);
    client client = client_open(program.address);
    for (size_t i = 0; i < COUNT(names); i++) {
        send_head(&client, names[i], 1);
        client_send(&client, "x", 1);
        reply reply = client_reply(&client, 0);
        if (reply.status != 400) FAIL("/%s gave %d", names[i], reply.status);
        reply_free(&reply);
    }
    reply reply = client_fetch(&client, "/file");
    CHECK_INT(reply.status, 405);
    reply_free(&reply);
    client_close(&client);
    program_end(&program);
    CHECK_INT(files_in_folder(), 0);
}

static void a_folder_that_is_gone_is_500(void) {
    program program = serve_folder(NULL);
    CHECK_INT(rmdir(folder), 0);
    client client = client_open(program.address);
    send_head(&client, "file", 1);
    client_send(&client, "x", 1);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 500);
    CHECK_CONTAINS(reply.body, "'file' is not stored: No such file or directory");
    reply_free(&reply);
    client_close(&client);
    program_end(&program);
    CHECK_INT(mkdir(folder, 0700), 0);
}

static void wrong_arguments_are_named(void) {
    const char *const none[] = {NULL}, *const unknown[] = {"--porte", "0", folder, NULL};
    const char *const no_folder[] = {"--port", "0", "/nowhere/at/all", NULL};
    const char *const no_port[] = {"--port", "99999", folder, NULL};
    program_refuses(upload_main, none, 2, "usage: upload");
    program_refuses(upload_main, unknown, 2, "usage: upload");
    program_refuses(upload_main, no_folder, 1, "/nowhere/at/all");
    program_refuses(upload_main, no_port, 1, "127.0.0.1:99999");
}

int main(void) {
    static const test tests[] = {
        {"the checksum is the usual one", the_checksum_is_the_usual_one},
        {"files of every size are stored", files_of_every_size_are_stored},
        {"a full disk is 507 and leaves no file", a_full_disk_is_507_and_leaves_no_file},
        {"a client that leaves halfway leaves no file",
         a_client_that_leaves_halfway_leaves_no_file},
        {"a malformed body leaves no file", a_malformed_body_leaves_no_file},
        {"names that lead elsewhere are refused", names_that_lead_elsewhere_are_refused},
        {"a folder that is gone is 500", a_folder_that_is_gone_is_500},
        {"wrong arguments are named", wrong_arguments_are_named},
    };
    const char *where = getenv("TMPDIR");
    if (where == NULL || strlen(where) > 40) where = P_tmpdir;
    snprintf(folder, sizeof folder, "%s/upload.XXXXXX", where);
    CHECK(mkdtemp(folder) != NULL);
    run_tests(tests, COUNT(tests));
    CHECK_INT(rmdir(folder), 0);
    return 0;
}
