# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev bench: builds the bench's programs and ours, brings the peers, and measures.

# shellcheck source=.dev/bench-lua.sh
. "$root/.dev/bench-lua.sh"

bench_main() {
    need_command python3 python3
    if [[ " $* " = *" --list "* || " $* " = *" --help "* ]]; then
        exec python3 "$root/benches/run.py" "$@"
    fi
    # A wrong word is told before anything is built.
    python3 "$root/benches/run.py" --list "$@" >/dev/null || exit
    need_rust
    need_command cc gcc libc6-dev
    need_command wrk wrk
    need_command valgrind valgrind
    need_header microhttpd.h libmicrohttpd-dev
    need_header openssl/ssl.h libssl-dev
    need_command openssl openssl
    need_daemon nginx nginx libpcre2-8-0 libssl3 zlib1g libcrypt1
    nginx=$daemon
    need_command valgrind valgrind
    need_command strace strace
    need_command slowhttptest slowhttptest
    need_go
    need_venv
    bench_build
    bench_lua_needs
    export NGINX_LUA=$nginx_lua LUA_MODULES=$target/dev/lua
    exec python3 "$root/benches/run.py" --programs "$target/dev/c" --nginx "$nginx" \
        --output "$target/bench" --docs "$root/docs" "$@"
}

bench_build() {
    local name
    for name in bare_loop thread_per_connection load; do
        build_c "$name" "$root/benches/$name.c"
    done
    build_c tls_load "$root/benches/tls_load.c" -- -lssl -lcrypto
    build_c microhttpd_hello "$root/benches/microhttpd_hello.c" -- -lmicrohttpd
    build_serve c
    build_c_with_library call_or_pull "$root/benches/call_or_pull.c"
    build_c_with_library app "$root"/benches/app{,_bodies,_pull}.c
    bench_build_go
    bench_build_python
}

# The same program by Debian's Go and by a current one.
bench_build_go() {
    local current
    current=$(current_go)
    (cd "$root/benches/go" && go build -o "$target/dev/c/go_hello_debian" . &&
        "$current" build -o "$target/dev/c/go_hello_current" .) >&2
}

# The peers have an environment of their own: nothing but the bench needs them.
bench_build_python() {
    local home=$target/dev/python/peers
    build_python
    need_header ev.h libev-dev
    [[ -x $home/bin/python ]] || python3 -m venv "$home" >&2
    "$home/bin/pip" -q install -r "$root/benches/python/requirements.txt" >&2 ||
        fail 3 "could not install the peers of benches/python/requirements.txt"
    "$home/bin/pip" -q install --force-reinstall --no-deps "$(python_wheel_file)" >&2
}
