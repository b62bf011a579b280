# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test sanitize: the C and C++ programs once more, under tools that watch memory and threads:
#   address    AddressSanitizer and LeakSanitizer (the library and the programs) and
#              UndefinedBehaviorSanitizer (the programs): tests/c, tests/cpp, the examples, and
#              tests/wire against the hosts in C and C++;
#   thread     ThreadSanitizer (the library, with Rust's standard library, and the programs): tests/c,
#              and tests/wire against the host in C;
#   valgrind   tests/c with the library as it is released.
# SANITIZE="address thread" chooses some of them. What is suppressed says why (tests/sanitize/thread.supp).
# All of it takes about half an hour, so it is not one of the parts that run by default.

test_sanitize() {
    export WSGISERVER_WATCHED=1
    local tool failed=0
    for tool in ${SANITIZE:-address thread valgrind}; do
        "sanitize_by_$tool" || failed=1
    done
    return $failed
}

sanitize_needs() {
    need_command valgrind valgrind
    need_command g++ g++
    need_command python3 python3
    need_command openssl openssl
    need_command curl curl
    websocket_needs
}

sanitize_by_address() {
    local failed=0
    sanitize_as address -fsanitize=address,undefined -fno-sanitize-recover=undefined
    sanitize_build || return 1
    sanitize_finds leak heap || return 1
    sanitize_tests || failed=1
    sanitize_cpp || failed=1
    sanitize_examples || failed=1
    sanitize_wire c || failed=1
    sanitize_wire cpp || failed=1
    return $failed
}

# The standard library is not built for this tool, so it is built here: that needs its source.
sanitize_by_thread() {
    local failed=0
    sanitize_as thread -fsanitize=thread
    # What watches is the runtime of Rust's compiler, which knows more than an older C compiler's.
    sanitize_runtime=(-Wl,--whole-archive
        "$(rustc --print sysroot)/lib/rustlib/$sanitize_host/lib"/librustc-*_rt.tsan.a
        -Wl,--no-whole-archive -Wl,--export-dynamic -lm -ldl -lrt)
    if ! sanitize_has_source && ! rustup component add rust-src >&2 2>/dev/null; then
        echo "skipped: ThreadSanitizer, which needs the Rust component rust-src"
        return 0
    fi
    # A child of the test of forks goes on with all of the library.
    export TSAN_OPTIONS="die_after_fork=0 suppressions=$root/tests/sanitize/thread.supp"
    # Neither provider of TLS is watched, and this one is built sooner.
    sanitize_build -Zbuild-std --no-default-features --features ring || return 1
    sanitize_finds race || return 1
    sanitize_tests || failed=1
    sanitize_wire c || failed=1
    return $failed
}

sanitize_by_valgrind() {
    build_library || return 1
    sanitize_as valgrind
    sanitize_library=$target/release
    sanitize_run=(valgrind -q --fair-sched=yes --error-exitcode=99 --leak-check=full
        --errors-for-leak-kinds=definite,possible --child-silent-after-fork=yes)
    sanitize_finds leak heap || return 1
    sanitize_tests
}

# From here on programs are built with these flags, for this tool.
sanitize_as() { # TOOL FLAG...
    sanitize_tool=$1
    sanitize_flags=("${@:2}")
    sanitize_host=$(rustc -vV | sed -n 's/^host: //p')
    sanitize_folder=$target/sanitize/$1
    sanitize_library=$sanitize_folder/$sanitize_host/debug
    sanitize_programs=$sanitize_folder/programs
    sanitize_run=()
    mkdir -p "$sanitize_programs"
}

# The flag is one of the nightly compiler's; the variable lets the stable one take it.
sanitize_build() { # CARGO-ARGUMENT...
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=$sanitize_tool CARGO_TARGET_DIR=$sanitize_folder \
        cargo build --lib --target "$sanitize_host" "$@" || return 1
    # The name that the programs look for at run time.
    ln -sf libwsgiserver.so "$sanitize_library/$(sanitize_soname "$sanitize_library/libwsgiserver.so")"
}

sanitize_has_source() {
    [[ -d $(rustc --print sysroot)/lib/rustlib/src/rust/library/std ]]
}

sanitize_soname() { # LIBRARY
    readelf -d "$1" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p'
}

sanitize_compile() { # COMPILER OUTPUT SOURCE|LIBRARY...
    local compiler=$1 output=$2 flags=(-O1 -g -pthread -Iinclude "${sanitize_flags[@]}")
    local library=(-L"$sanitize_library" -lwsgiserver -Wl,-rpath,"$sanitize_library")
    shift 2
    [[ $compiler = g++ ]] || flags+=(-std=c99)
    [[ $compiler != g++ ]] || flags+=(-std=c++17 -Ibindings/cpp)
    if [[ $sanitize_tool != thread ]]; then
        "$compiler" "${flags[@]}" "$@" -o "$output" "${library[@]}"
    else
        "$compiler" "${flags[@]}" -r -nostdlib "$@" -o "$output.o" &&
            "$compiler" -pthread "$output.o" -o "$output" "${library[@]}" "${sanitize_runtime[@]}"
    fi
}

# A tool that finds nothing in these is not at work.
sanitize_finds() { # MISTAKE...
    local mistake program
    for mistake in "$@"; do
        program=$sanitize_programs/mistake-$mistake
        sanitize_compile cc "$program" tests/sanitize/mistakes.c "-DMISTAKE=$mistake" || return 1
        if "${sanitize_run[@]}" "$program" >"$program.out" 2>&1; then
            echo "FAILED: $sanitize_tool does not find the mistake: $mistake"
            return 1
        fi
    done
}

# Runs a program that was just built, if it was; its output is shown if it fails.
sanitize_check() { # NAME COMMAND...
    local name=$1 output=$sanitize_programs/${1//\//-}.out code=0
    shift
    timeout 600 "$@" >"$output" 2>&1 || code=$?
    if [[ $code -eq 0 ]]; then
        echo "ok $name ($sanitize_tool)"
    else
        echo "FAILED $name ($sanitize_tool, exit code $code)"
        head -n 80 "$output"
    fi
    return $code
}

# Every tests/c/*.c.
sanitize_tests() {
    local source name run failed=0
    for source in tests/c/*.c; do
        name=$(basename "$source" .c)
        run=("${sanitize_run[@]}")
        # A forked child that goes to its end, or is ended by the library, cannot free what its
        # parent's threads have in hand.
        case $sanitize_tool-$name in
            valgrind-access_log | valgrind-fork | valgrind-fork_return) run+=(--leak-check=no) ;;
        esac
        sanitize_compile cc "$sanitize_programs/$name" "$source" &&
            sanitize_check "$name" "${run[@]}" "$sanitize_programs/$name" || failed=1
    done
    return $failed
}

# The C++ headers, by their tests and examples.
sanitize_cpp() {
    local source script name failed=0
    for source in {tests,examples}/cpp/*.cpp; do
        name=$(basename "$source" .cpp)
        sanitize_compile g++ "$sanitize_programs/cpp-$name" "$source" || failed=1
    done
    for source in tests/cpp/*.cpp; do
        name=cpp-$(basename "$source" .cpp)
        sanitize_check "$name" "$sanitize_programs/$name" || failed=1
    done
    for script in tests/cpp/*.py; do
        name=cpp-$(basename "$script" .py)
        sanitize_check "$name.py" python3 "$script" "$sanitize_programs/$name" || failed=1
    done
    return $failed
}

# The examples in C, as ./dev test examples plays them.
sanitize_examples() {
    local script name sources libraries failed=0
    for script in tests/examples/*.py; do
        name=$(basename "$script" .py)
        mapfile -t sources < <(example_sources "$name")
        libraries=()
        [[ $name != websocket_echo ]] || libraries=(-lwslay -lcrypto)
        sanitize_compile cc "$sanitize_programs/example-$name" "${sources[@]}" "${libraries[@]}" &&
            sanitize_check "$name.py" python3 "$script" "$sanitize_programs/example-$name" || failed=1
    done
    return $failed
}

# Raw bytes, hostile ones among them, for the fixture; a leak makes the host end with an error.
sanitize_wire() { # LANGUAGE
    local program=$sanitize_programs/serve-$1 start
    if [[ $1 = c ]]; then
        sanitize_compile cc "$program" examples/c/{serve,hello,fixture*}.c || return 1
    else
        sanitize_compile g++ "$program" examples/cpp/serve.cpp || return 1
    fi
    start=$(printf '%q ' "$program" fixture)
    wire_hosts "$1-$sanitize_tool" "$start"
}
