/* The load generator's command line. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int port;
    int connections;
    int idle;           /* more connections, which only stay open */
    uint64_t requests;  /* at most; 0: as many as the seconds allow */
    double seconds;     /* at most */
    double patience;    /* how long the answers that are out at the end may take */
    double slow_percent;
    uint64_t alternate; /* seconds of fast requests, then as many of slow ones; 0: no */
    double rate;        /* requests a second over all connections; 0: each as soon as it can */
    bool reconnect;     /* a new connection for each request */
    bool cold;          /* no first answer on each connection before it counts */
    bool gate;
    size_t body;        /* bytes of a body, which make it a POST */
    const char *path;
    const char *slow_path;
};

static const char options_usage[] =
    "usage: load --port N [--connections N] [--idle N] [--requests N] [--seconds S]\n"
    "            [--patience S] [--path P] [--slow-path P] [--slow-percent P] [--alternate S]\n"
    "            [--rate R] [--body N] [--reconnect] [--cold] [--gate]\n";

static bool options_take_flag(struct options *options, const char *name) {
    if (strcmp(name, "--reconnect") == 0) {
        options->reconnect = true;
    } else if (strcmp(name, "--cold") == 0) {
        options->cold = true;
    } else if (strcmp(name, "--gate") == 0) {
        options->gate = true;
    } else {
        return false;
    }
    return true;
}

static bool options_take_value(struct options *options, const char *name, const char *value) {
    if (strcmp(name, "--port") == 0) {
        options->port = atoi(value);
    } else if (strcmp(name, "--connections") == 0) {
        options->connections = atoi(value);
    } else if (strcmp(name, "--idle") == 0) {
        options->idle = atoi(value);
    } else if (strcmp(name, "--requests") == 0) {
        options->requests = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seconds") == 0) {
        options->seconds = atof(value);
    } else if (strcmp(name, "--patience") == 0) {
        options->patience = atof(value);
    } else if (strcmp(name, "--path") == 0) {
        options->path = value;
    } else if (strcmp(name, "--slow-path") == 0) {
        options->slow_path = value;
    } else if (strcmp(name, "--slow-percent") == 0) {
        options->slow_percent = atof(value);
    } else if (strcmp(name, "--alternate") == 0) {
        options->alternate = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--body") == 0) {
        options->body = strtoul(value, NULL, 10);
    } else if (strcmp(name, "--rate") == 0) {
        options->rate = atof(value);
    } else {
        return false;
    }
    return true;
}

/* Ends the program with 2 if the command line is wrong. */
static void options_read(struct options *options, int argc, char **argv) {
    bool good = true;

    memset(options, 0, sizeof *options);
    options->connections = 64;
    options->seconds = 5;
    options->patience = 5;
    options->path = "/";
    options->slow_path = "/";
    for (int i = 1; i < argc && good; i++) {
        if (options_take_flag(options, argv[i])) {
            continue;
        }
        good = i + 1 < argc && options_take_value(options, argv[i], argv[i + 1]);
        i++;
    }
    if (!good || options->port <= 0 || options->connections < 1 || options->connections > 20000
        || options->idle < 0 || options->idle > 60000 || options->seconds <= 0
        || options->seconds > 7200 || options->rate < 0 || options->body > 32768 || strlen(options->path) > 400
        || strlen(options->slow_path) > 400) {
        fputs(options_usage, stderr);
        exit(2);
    }
}

#endif
