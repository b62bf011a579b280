# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev demo [--port N]: the example that every reader of the original knows.

demo_main() {
    local port=8070
    if [[ $# -eq 2 && $1 = --port && $2 =~ ^[0-9]{1,5}$ && $2 -le 65535 ]]; then
        port=$2
    elif [[ $# -ne 0 ]]; then
        fail 2 "usage: ./dev demo [--port N]"
    fi
    need_rust
    need_command cc gcc libc6-dev
    build_c_with_library demo "$root/examples/c/demo.c"
    exec "$target/dev/c/demo" --port "$port"
}
