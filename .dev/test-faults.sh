# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test faults: system calls that fail, descriptors and disks that run out, clocks that jump, by
# strace, faketime and limits. FAULTS=all runs every case, otherwise a sample does.

faults_needs() {
    need_command python3 python3
    need_command strace strace
    need_command faketime faketime
}

test_faults() {
    local all=()
    [[ ${FAULTS:-} != all ]] || all=(--all)
    build_c_with_library faults_host examples/c/serve.c tests/faults/application.c \
        examples/c/fixture*.c
    build_c_with_library faults_start tests/faults/start.c
    cc -O1 -std=c11 -Wall -Wextra -Werror -shared -fPIC tests/faults/short.c \
        -o "$target/dev/c/faults_short.so" -ldl
    python3 tests/faults/run.py --short "$target/dev/c/faults_short.so" --host "$target/dev/c/faults_host" \
        --start "$target/dev/c/faults_start" "${all[@]}"
}
