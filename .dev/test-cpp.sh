# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test cpp: the C++ interface, over real sockets. Each tests/cpp/*.cpp is a program of its own;
# exit code 0 means passed. Run are those of g++ as C++17 and, where it is found, of clang++ as C++20;
# the other way round they are only read.

test_cpp() {
    local jobs=$target/dev/test-cpp/jobs flags
    cpp_is_complete
    build_library
    mapfile -t flags < <(library_flags)
    rm -rf "$target/dev/test-cpp"
    mkdir -p "$target/dev/test-cpp"
    cpp_jobs "${flags[@]}" >"$jobs"
    xargs -P "$(nproc)" -I '{}' bash -c '{}' <"$jobs"
    echo "compiled $(wc -l <"$jobs") times"
    cpp_run
    cpp_examples
}

cpp_needs() {
    need_command g++ g++
    need_command python3 python3
    need_command openssl openssl
    need_command curl curl
}

# Each function of the library is called from the C++ headers. wsgi_error_status says what the call
# that gave the error has returned.
cpp_is_complete() {
    local function missing=""
    while read -r function _; do
        [[ $function = wsgi_error_status ]] ||
            grep -rqw "$function" bindings/cpp/wsgiserver || missing+=" $function"
    done <include/wsgiserver.symbols
    [[ -z $missing ]] || { echo "not in the C++ headers:$missing" >&2 && return 1; }
}

# One command a line.
cpp_jobs() { # LIBRARY-FLAG...
    local file name compiler standard command
    for compiler in g++ clang++; do
        command -v "$compiler" >/dev/null || continue
        for standard in c++17 c++20; do
            command="$compiler -std=$standard -Wall -Wextra -Wpedantic -Werror -pthread -Iinclude -Ibindings/cpp"
            # Each header alone, as strictly as anybody's program may want it.
            for file in bindings/cpp/{,wsgiserver/}*.hpp; do
                [[ $standard = c++20 ]] || echo "$command -Wshadow -Wundef -Wcast-qual -Wconversion \
-Wsign-conversion -Wold-style-cast -x c++ -fsyntax-only $file"
            done
            for file in tests/cpp/*.cpp examples/cpp/*.cpp; do
                name=$(basename "$file" .cpp)
                case $compiler-$standard in
                    g++-c++17 | clang++-c++20)
                        echo "$command $file -o $target/dev/test-cpp/$name-$compiler $*"
                        ;;
                    *) echo "$command -fsyntax-only $file" ;;
                esac
            done
        done
    done
}

cpp_run() {
    local source program failed=0
    for source in tests/cpp/*.cpp; do
        for program in "$target/dev/test-cpp/$(basename "$source" .cpp)"-*; do
            if timeout 120 "$program"; then
                echo "ok ${program##*/}"
            else
                echo "FAILED ${program##*/} (exit code $?)"
                failed=1
            fi
        done
    done
    return $failed
}

# Each tests/cpp/NAME.py runs and asserts the program made of examples/cpp/NAME.cpp.
cpp_examples() {
    local script name
    for script in tests/cpp/*.py; do
        name=$(basename "$script" .py)
        echo "$name"
        timeout 60 python3 "$script" "$target/dev/test-cpp/$name-g++"
    done
}
