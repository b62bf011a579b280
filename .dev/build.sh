# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# Building what the commands start: the library, the C programs, the Rust ones. All output of
# compilers goes to standard error, so that a server's standard output is its own.

build_library() {
    (cd "$root" && cargo build --release --lib) >&2
    link_soname
}

# A program linked with the library looks for it by its SONAME, beside the file that cargo wrote.
link_soname() {
    local library=$target/release/libwsgiserver.so soname
    soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
    if [[ -n $soname && ! -e $target/release/$soname ]]; then
        ln -sf libwsgiserver.so "$target/release/$soname"
    fi
}

# Compiles sources into target/dev/c/NAME if one of them, or a header beside them, is newer.
build_c() { # NAME SOURCE... [-- FLAG...]
    local name=$1 output=$target/dev/c/$1 sources=()
    shift
    while [[ $# -gt 0 && $1 != -- ]]; do
        sources+=("$1")
        shift
    done
    [[ $# -eq 0 ]] || shift
    ! is_built "$output" "${sources[@]}" "${sources[0]%/*}"/*.h "$root"/include/*.h || return 0
    mkdir -p "$target/dev/c"
    # Built aside and moved: another `./dev` may be starting the one that is there.
    cc -O2 -std=c99 -Wall -Wextra -pthread -I"$root/include" "${sources[@]}" \
        -o "$output.$$" "$@" >&2
    mv -f "$output.$$" "$output"
    echo "dev: built $name" >&2
}

is_built() { # OUTPUT INPUT...
    local output=$1 input
    shift
    [[ -x $output ]] || return 1
    for input in "$@"; do
        [[ ! $input -nt $output ]] || return 1
    done
}

# The shared library by its full path, found again at run time in the same place.
library_flags() {
    printf '%s\n' "$target/release/libwsgiserver.so" "-Wl,-rpath,$target/release"
}

build_c_with_library() { # NAME SOURCE...
    local flags
    build_library
    mapfile -t flags < <(library_flags)
    build_c "$@" -- "${flags[@]}"
}

# Compiles examples/cpp/NAME.cpp to target/dev/cpp/NAME in the same way.
build_cpp_with_library() { # NAME
    local name=$1 output=$target/dev/cpp/$1 source=$root/examples/cpp/$1.cpp flags
    build_library
    mapfile -t flags < <(library_flags)
    ! is_built "$output" "$source" "${source%/*}"/*.hpp "$root"/include/*.h \
        "$root"/bindings/cpp/{,wsgiserver/}*.hpp || return 0
    mkdir -p "$target/dev/cpp"
    g++ -O2 -std=c++17 -Wall -Wextra -pthread "-I$root/include" "-I$root/bindings/cpp" "$source" \
        -o "$output.$$" "${flags[@]}" >&2
    mv -f "$output.$$" "$output"
    echo "dev: built $name" >&2
}

# Optimized in full where it is started for its own sake. The tests take the one that `cargo test`
# has built, with the checks of the dev profile: the optimized one takes minutes to build.
build_rust_example() { # NAME
    local profile=${rust_example_profile:-release}
    (cd "$root" && cargo build --profile "$profile" --example "$1") >&2
    serve_program=("$target/${profile/#dev/debug}/examples/$1")
}

# The programs behind `./dev serve`, one for each language: builds it and sets serve_program,
# which takes APPLICATION PORT [--name VALUE ...]. A new language is one more line in each of the
# two tables.
serve_languages="c cpp rust go python pypy $lua_languages"
build_serve() { # LANGUAGE
    case $1 in
        c)
            build_c_with_library serve "$root"/examples/c/{serve,hello,fixture*}.c
            serve_program=("$target/dev/c/serve")
            ;;
        cpp)
            need_command g++ g++
            build_cpp_with_library serve
            serve_program=("$target/dev/cpp/serve")
            ;;
        rust)
            build_rust_example serve
            ;;
        go)
            need_go
            build_go_with_library serve
            serve_program=("$target/dev/go/serve")
            ;;
        python)
            build_python
            serve_program=("$python" "$root/examples/python/serve.py")
            ;;
        pypy)
            build_pypy
            serve_program=("$pypy" "$root/examples/python/serve.py")
            ;;
        lua*)
            need_lua "$1"
            build_lua "$1"
            mapfile -t serve_program < <(lua_command "$1")
            serve_program+=("$root/examples/lua/serve.lua")
            ;;
        *) return 1 ;;
    esac
}
