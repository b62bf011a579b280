# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev test [PART]: each part is a function test_NAME that fails by its exit code, and what it
# needs is looked for before any part runs.

test_parts="lint rust tls models fuzz c cpp go lua python pypy examples docs wire sockets headers deploy package faults demo"

# shellcheck source=.dev/test-cpp.sh
. "$root/.dev/test-cpp.sh"
# shellcheck source=.dev/test-deploy.sh
. "$root/.dev/test-deploy.sh"
# shellcheck source=.dev/test-faults.sh
. "$root/.dev/test-faults.sh"
# shellcheck source=.dev/test-go.sh
. "$root/.dev/test-go.sh"
# shellcheck source=.dev/test-headers.sh
. "$root/.dev/test-headers.sh"
# shellcheck source=.dev/test-lua.sh
. "$root/.dev/test-lua.sh"
# shellcheck source=.dev/test-package.sh
. "$root/.dev/test-package.sh"
# shellcheck source=.dev/test-python.sh
. "$root/.dev/test-python.sh"
# shellcheck source=.dev/test-sanitize.sh
. "$root/.dev/test-sanitize.sh"
# shellcheck source=.dev/test-tls.sh
. "$root/.dev/test-tls.sh"
# shellcheck source=.dev/test-wire.sh
. "$root/.dev/test-wire.sh"
# shellcheck source=.dev/fuzz.sh
. "$root/.dev/fuzz.sh"

# Only when it is asked for.
test_extra_parts="browser sanitize"

test_main() {
    local parts=$test_parts part passed=0 failed=0 code started
    if [[ $# -eq 1 && " $test_parts $test_extra_parts " = *" $1 "* ]]; then
        parts=$1
    elif [[ $# -ne 0 ]]; then
        fail 2 "no test part '$*'; there are: $test_parts $test_extra_parts"
    fi
    for part in $parts; do
        test_needs "$part"
    done
    for part in $parts; do
        printf '\n== %s\n' "$part"
        started=$SECONDS
        set +e
        (
            set -e
            cd "$root"
            "test_$part"
        )
        code=$?
        set -e
        if [[ $code -eq 0 ]]; then
            passed=$((passed + 1))
            printf '== %s passed (%d s)\n' "$part" $((SECONDS - started))
        else
            failed=$((failed + 1))
            printf '== %s FAILED (%d s)\n' "$part" $((SECONDS - started))
        fi
    done
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    [[ $failed -eq 0 ]]
}

test_needs() { # PART
    need_command cc gcc libc6-dev
    case $1 in
        lint) need_rust rustfmt clippy ;;
        rust) need_rust && need_command openssl openssl ;;
        tls) need_rust clippy && tls_needs ;;
        examples) need_rust && need_command python3 python3 && need_command openssl openssl &&
            need_command curl curl && websocket_needs ;;
        browser) need_rust && need_command chromedriver chromium-driver &&
            need_command python3 python3 && need_command openssl openssl &&
            need_command chromium chromium && websocket_needs ;;
        docs) need_rust && need_command python3 python3 ;;
        wire)
            need_rust &&
                need_command python3 python3 &&
                need_command g++ g++ &&
                need_command openssl openssl &&
                need_go
            ;;
        c) need_rust && need_command openssl openssl ;;
        cpp) need_rust && cpp_needs ;;
        go) need_rust && go_needs ;;
        python) need_rust && python_needs ;;
        pypy) need_rust && pypy_needs ;;
        lua) need_rust && lua_needs ;;
        sockets)
            need_rust &&
                need_command python3 python3 &&
                need_command systemd-socket-activate systemd
            ;;
        headers) need_rust && headers_needs ;;
        deploy) need_rust && deploy_needs ;;
        package) need_rust && package_needs ;;
        faults) need_rust && faults_needs ;;
        sanitize) need_rust && sanitize_needs ;;
        fuzz) fuzz_needs ;;
        *) need_rust ;;
    esac
}

test_lint() {
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    lint_paths
}

# No path of the machine that it was written on may stand in a file.
lint_paths() {
    local files place found="" pattern='(^|[^[:alnum:]_.-])/(home|Users|work|farm)/[[:alnum:]]'
    mapfile -d '' files < <(lint_files)
    grep -nIE "$pattern" -- "${files[@]}" && found=yes
    for place in "$root" "${HOME:-/}"; do
        [[ $place = / ]] || ! grep -nIF "$place/" -- "${files[@]}" || found=yes
    done
    if [[ -n $found ]]; then
        echo "paths of a machine, see above" >&2
        return 1
    fi
}

lint_files() {
    git ls-files -z --cached --others --exclude-standard 2>/dev/null ||
        find . -type f -not -path './target/*' -not -path './.git/*' -print0
}

test_rust() {
    cargo test
}

# A filter that matches nothing passes too, so the models that ran are counted. TLS is in none of them.
# They are small programs: optimizing them across crates would take longer than it saves.
test_models() {
    local output=$target/dev/models.out
    mkdir -p "$target/dev"
    CARGO_TARGET_DIR=$target/loom RUSTFLAGS="--cfg loom" \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo test --release --no-default-features --lib models | tee "$output"
    grep -qE '^test result: ok\. [1-9]' "$output" || { echo "no model ran" >&2 && return 1; }
}

# Each tests/c/*.c is a program of its own; exit code 0 means passed.
test_c() {
    local source name flags failed=0
    build_library
    mapfile -t flags < <(library_flags)
    mkdir -p "$target/dev/test-c"
    for source in tests/c/*.c; do
        name=$(basename "$source" .c)
        if cc -O1 -g -std=c99 -Wall -Wextra -Werror -pthread -Iinclude "$source" \
            -o "$target/dev/test-c/$name" "${flags[@]}" &&
            timeout 120 "$target/dev/test-c/$name"; then
            echo "ok $name"
        else
            echo "FAILED $name (exit code $?)"
            failed=1
        fi
    done
    return $failed
}

example_sources() { # NAME
    compgen -G "$root/examples/c/$1.c"
    compgen -G "$root/examples/c/$1_*.c" || true
}

# Each tests/examples/NAME.py runs and asserts the program made of examples/c/NAME.c and NAME_*.c.
test_examples() {
    local script name sources failed=0
    for script in tests/examples/*.py; do
        name=$(basename "$script" .py)
        mapfile -t sources < <(example_sources "$name")
        echo "$name"
        if [[ $name = websocket_echo ]]; then
            build_websocket_echo
        else
            build_c_with_library "$name" "${sources[@]}"
        fi
        timeout 120 python3 "$script" "$target/dev/c/$name" || failed=1
    done
    return $failed
}

# The one example that needs libraries beside ours.
websocket_needs() {
    need_header wslay/wslay.h libwslay-dev
    need_header openssl/evp.h libssl-dev
}

build_websocket_echo() {
    local flags
    build_library
    mapfile -t flags < <(library_flags)
    build_c websocket_echo "$root"/examples/c/websocket_echo{,_*}.c -- "${flags[@]}" -lwslay -lcrypto
}

# A browser talks to the WebSocket example, over TCP and TLS, and shows the status page.
test_browser() {
    build_websocket_echo
    timeout 300 python3 tests/browser/websocket.py "$target/dev/c/websocket_echo"
    build_serve c
    timeout 300 python3 tests/browser/status.py "${serve_program[@]}"
}

# The programs in the documents are as good as those in examples/.
test_docs() {
    local flags
    build_library
    mapfile -t flags < <(library_flags)
    python3 tests/docs/run.py "$target/dev/docs" -O1 -std=c99 -Wall -Wextra -Wno-unused-parameter \
        -Werror -pthread -Iinclude "${flags[@]}" -- README.md docs/*.md
}

# Sockets that are handed over, and processes that take each other's place.
test_sockets() {
    build_serve c
    python3 tests/sockets/run.py "${serve_program[@]}"
}

# Starts the demo as a newcomer would, types what it says, and ends it.
test_demo() {
    local output=$target/dev/demo.out pid body url="" code=0
    mkdir -p "$target/dev"
    : >"$output"
    "$root/dev" demo --port 0 >"$output" &
    pid=$!
    # Building comes first, so the deadline is long.
    for _ in $(seq 6000); do
        url=$(grep -oE 'http://[0-9.]+:[0-9]+/' "$output" | head -n 1) && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    body=$(fetch "$url") || code=$?
    kill -TERM "$pid" 2>/dev/null || code=1
    wait "$pid" || code=$?
    [[ $code -eq 0 && $body = "Hello world!" ]] ||
        { echo "the demo at '$url' answered '$body', exit code $code" >&2 && return 1; }
    demo_names_busy_port
}

# A port that is taken is named, in one line, and nothing starts.
demo_names_busy_port() {
    local output=$target/dev/demo.out busy message port="" code=0
    "$target/dev/c/demo" --port 0 >"$output" &
    busy=$!
    for _ in $(seq 100); do
        port=$(grep -oE ':[0-9]+/' "$output" | head -n 1 | tr -d ':/') && break
        sleep 0.1
    done
    message=$("$target/dev/c/demo" --port "$port" 2>&1) || code=$?
    kill -TERM "$busy"
    wait "$busy"
    [[ $code -ne 0 && $message = *"$port"* && $(wc -l <<<"$message") -eq 1 ]] ||
        { echo "a busy port gave exit code $code and '$message'" >&2 && return 1; }
}

fetch() { # URL
    if command -v curl >/dev/null; then
        curl -s --max-time 10 "$1"
    elif command -v python3 >/dev/null; then
        python3 -c 'import sys, urllib.request as u
print(u.urlopen(sys.argv[1], timeout=10).read().decode(), end="")' "$1"
    else
        fetch_with_bash "$1"
    fi
}

fetch_with_bash() { # URL
    local authority=${1#http://}
    authority=${authority%/}
    exec 3<>"/dev/tcp/${authority%:*}/${authority#*:}"
    printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$authority" >&3
    timeout 10 sed '1,/^\r$/d' <&3
}
