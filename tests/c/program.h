/* Runs an example, whose main the test has renamed, in a process of its own. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "check.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

typedef struct program {
    pid_t pid;
    int output; /* both of its outputs */
    char address[64];
} program;

/* Starts it with these arguments, up to NULL; `prepare`, if any, is called in its process first. */
static inline program program_begin(int (*program_main)(int, char **), const char *const *arguments,
                                    void (*prepare)(void)) {
    program program = {-1, -1, ""};
    int ends[2], count = 0;
    char *argv[8] = {"program"};
    while (arguments[count] != NULL) {
        CHECK(count < 6);
        argv[count + 1] = strdup(arguments[count]);
        count++;
    }
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    program.pid = fork();
    CHECK(program.pid >= 0);
    if (program.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(PROGRAM_DEADLINE);
        if (dup2(ends[1], 1) < 0 || dup2(ends[1], 2) < 0) _exit(99);
        if (prepare) prepare();
        exit(program_main(count + 1, argv));
    }
    for (int i = 1; i <= count; i++) free(argv[i]);
    close(ends[1]);
    program.output = ends[0];
    return program;
}

/* What it has written up to the end of a line, or of all. */
static inline void program_read_line(program *program, char *line, size_t capacity) {
    size_t length = 0;
    while (length + 1 < capacity && read(program->output, line + length, 1) == 1)
        if (line[length++] == '\n') break;
    line[length] = '\0';
}

/* Starts a server, whose first line says where it is. */
static inline program program_serve(int (*program_main)(int, char **), const char *const *arguments,
                                    void (*prepare)(void)) {
    char line[256];
    program program = program_begin(program_main, arguments, prepare);
    program_read_line(&program, line, sizeof line);
    if (sscanf(line, "Serving on http://%63[0-9.:]", program.address) != 1)
        FAIL("it did not say where it serves but: %s", line);
    return program;
}

/* Its exit code, when it has ended. */
static inline int program_wait(program *program) {
    int status = 0;
    CHECK_INT(waitpid(program->pid, &status, 0), program->pid);
    close(program->output);
    if (WIFSIGNALED(status)) FAIL("it was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static inline void program_end(program *program) {
    CHECK_INT(kill(program->pid, SIGTERM), 0);
    CHECK_INT(program_wait(program), 0);
}

/* It does not start: one line that has this part, and this exit code. */
static inline void program_refuses(int (*program_main)(int, char **), const char *const *arguments,
                                   int code, const char *part) {
    char line[512], more[64];
    program program = program_begin(program_main, arguments, NULL);
    program_read_line(&program, line, sizeof line);
    CHECK_CONTAINS(line, part);
    program_read_line(&program, more, sizeof more);
    CHECK_STR(more, "");
    CHECK_INT(program_wait(&program), code);
}

#endif
