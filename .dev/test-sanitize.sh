# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test sanitize: tests/c once more, with the library and the tests built for AddressSanitizer
# (and the tests for UndefinedBehaviorSanitizer), and then under valgrind. It takes about four minutes
# and is not one of the parts that run by default.

test_sanitize() {
    export WSGISERVER_WATCHED=1
    local failed=0
    sanitize_by_compiler || failed=1
    sanitize_by_valgrind || failed=1
    return $failed
}

sanitize_needs() {
    need_command valgrind valgrind
}

# The flag is one of the nightly compiler's; the variable lets the stable one take it.
sanitize_by_compiler() {
    local host folder=$target/sanitize
    host=$(rustc -vV | sed -n 's/^host: //p')
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$folder \
        cargo build --lib --target "$host"
    sanitize_each "address, undefined" "$folder/$host/debug" "$folder/c" \
        -fsanitize=address,undefined -fno-sanitize-recover=undefined
}

sanitize_by_valgrind() {
    build_library
    sanitize_each valgrind "$target/release" "$target/dev/valgrind"
}

# Every tests/c/*.c against the shared library in FOLDER.
sanitize_each() { # TOOL FOLDER PROGRAMS FLAG...
    local tool=$1 folder=$2 programs=$3 source name failed=0 run=()
    shift 3
    [[ $tool != valgrind ]] || run=(valgrind -q --fair-sched=yes --error-exitcode=99
        --errors-for-leak-kinds=definite,possible --child-silent-after-fork=yes)
    mkdir -p "$programs"
    # The name that the programs look for at run time.
    ln -sf libwsgiserver.so "$folder/$(sanitize_soname "$folder/libwsgiserver.so")"
    for source in tests/c/*.c; do
        name=$(basename "$source" .c)
        # A forked child cannot free what its parent's threads have in hand.
        [[ $tool != valgrind ]] || run[6]=--leak-check=$([[ $name = fork ]] && echo no || echo full)
        if cc -O1 -g -std=c99 -pthread -Iinclude "$@" "$source" -o "$programs/$name" \
            -L"$folder" -lwsgiserver -Wl,-rpath,"$folder" &&
            timeout 300 "${run[@]}" "$programs/$name" >"$programs/$name.out" 2>&1; then
            echo "ok $name ($tool)"
        else
            echo "FAILED $name ($tool, exit code $?)"
            tail -n 40 "$programs/$name.out"
            failed=1
        fi
    done
    return $failed
}

sanitize_soname() { # LIBRARY
    readelf -d "$1" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p'
}
