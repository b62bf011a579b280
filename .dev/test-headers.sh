# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test headers: the headers as compilers and the FFIs of other languages read them.

test_headers() {
    headers_compile
    build_library
    local python files=(include/wsgiserver.ffi.h "$target/release/libwsgiserver.so")
    python=$(python_with_cffi)
    echo "cffi:" && timeout 60 python3 tests/ffi/run.py "$python" examples/ffi/pull.py "${files[@]}"
    echo "LuaJIT:" && timeout 60 python3 tests/ffi/run.py luajit examples/ffi/pull.lua "${files[@]}"
    headers_where_found "${files[@]}"
}

headers_needs() {
    need_command c++ g++
    need_command python3 python3
    need_command luajit luajit
    need_cffi
}

# Alone and twice, with each compiler that is there, in each version of the languages.
headers_compile() {
    local compiler standard file count=0
    local flags=(-Wall -Wextra -Wpedantic -Werror -Wconversion -Wsign-conversion -Wshadow -Wundef
        -Wcast-qual -Wredundant-decls -Iinclude -fsyntax-only)
    for compiler in cc gcc clang; do
        command -v "$compiler" >/dev/null || continue
        for standard in c99 c11 c17; do
            for file in tests/header/{alone,twice}.c; do
                "$compiler" -x c "-std=$standard" "${flags[@]}" -Wstrict-prototypes -Wc++-compat "$file"
                count=$((count + 1))
            done
        done
    done
    for compiler in c++ g++ clang++; do
        command -v "$compiler" >/dev/null || continue
        for standard in c++11 c++17; do
            for file in tests/header/{alone,twice}.c; do
                "$compiler" -x c++ "-std=$standard" "${flags[@]}" -Wold-style-cast "$file"
                count=$((count + 1))
            done
        done
    done
    echo "wsgiserver.h: compiled $count times"
}

# PHP and Zig have their say where they are, and are not brought.
headers_where_found() { # HEADER LIBRARY
    local zig=()
    if [[ $(php -m 2>/dev/null) = *FFI* ]]; then
        php -d ffi.enable=1 tests/ffi/load.php "$@"
    else
        echo "PHP with FFI: not found, not tested"
    fi
    if command -v zig >/dev/null; then
        zig=(zig)
    elif python3 -c 'import ziglang' 2>/dev/null; then
        zig=(python3 -m ziglang)
    else
        echo "Zig: not found, not tested" && return
    fi
    "${zig[@]}" translate-c -lc include/wsgiserver.h >"$target/dev/wsgiserver.zig"
    # What it can't translate becomes an error for whoever uses it.
    if grep -iE 'wsgi_.*@compileError' "$target/dev/wsgiserver.zig"; then
        echo "Zig does not understand the above" >&2 && return 1
    fi
    echo "Zig $("${zig[@]}" version) translates wsgiserver.h"
}

# The system's, if it has it; else one of our own, in target/.
python_with_cffi() {
    if python3 -c 'import cffi' 2>/dev/null; then
        command -v python3
    else
        echo "$target/dev/ffi-venv/bin/python"
    fi
}

need_cffi() {
    local venv=$target/dev/ffi-venv
    if "$(python_with_cffi)" -c 'import cffi' 2>/dev/null; then return; fi
    echo "dev: installing cffi into a venv in target/" >&2
    python3 -m venv "$venv" >/dev/null 2>&1 || {
        install_packages python3-venv
        python3 -m venv "$venv" >/dev/null || fail 3 "could not make a Python venv in $venv"
    }
    "$venv/bin/pip" install -q --disable-pip-version-check cffi >&2 ||
        fail 3 "missing, please install: Python's cffi"
}
