# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# Python: an environment in target/ with the binding installed in it, and what starts its examples.

# The library's C part is built where it is installed from; an unchanged tree is not built again.
build_python() {
    local home=$target/dev/python
    python=$home/venv/bin/python
    need_python_environment
    build_library
    if ! is_built "$home/built" "$target/release/libwsgiserver.a" \
        "$root"/bindings/python/{setup.py,pyproject.toml} "$root"/bindings/python/csrc/* \
        $(find "$root/bindings/python/wsgiserver" -name '*.py*' -not -name '*.pyc'); then
        WSGISERVER_LIBRARY=$target/release/libwsgiserver.a "$python" -m pip -q install \
            --no-build-isolation --no-deps --force-reinstall "$root/bindings/python" >&2
        install -m 755 /dev/null "$home/built"
        echo "dev: built the Python binding" >&2
    fi
}

# The same for PyPy, where the library is called through cffi.
build_pypy() {
    local home=$target/dev/pypy
    pypy=$home/venv/bin/pypy3
    need_pypy_environment
    build_library
    if ! is_built "$home/built" "$target/release/libwsgiserver.so" "$root/include/wsgiserver.ffi.h" \
        "$root"/bindings/python/{setup.py,pyproject.toml} \
        $(find "$root/bindings/python/wsgiserver" -name '*.py*' -not -name '*.pyc'); then
        WSGISERVER_LIBRARY=$target/release/libwsgiserver.a "$pypy" -m pip -q install \
            --no-build-isolation --no-deps --force-reinstall "$root/bindings/python" >&2
        install -m 755 /dev/null "$home/built"
        echo "dev: built the Python binding for PyPy" >&2
    fi
}

need_pypy_environment() {
    local home=$target/dev/pypy
    [[ ! -x $home/venv/bin/pip || $root/.dev/pypy-tests.txt -nt $home/packages ]] || return 0
    need_command pypy3 pypy3 pypy3-venv
    mkdir -p "$home"
    pypy3 -m venv "$home/venv" >&2 || { install_packages pypy3-venv && pypy3 -m venv "$home/venv" >&2; }
    "$home/venv/bin/pip" -q install -r "$root/.dev/pypy-tests.txt" >&2 ||
        fail 3 "could not install the packages of .dev/pypy-tests.txt"
    touch "$home/packages"
}

# With what the tests need beside it.
need_python_environment() {
    local home=$target/dev/python
    [[ ! -x $home/venv/bin/pip || $root/.dev/python-tests.txt -nt $home/packages ||
        $root/.dev/python-frameworks.txt -nt $home/packages ]] || return 0
    need_command python3 python3
    python3 -c 'import os, sysconfig
os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || install_packages python3-dev
    python3 -m venv --help >/dev/null 2>&1 || install_packages python3-venv
    mkdir -p "$home"
    python3 -m venv "$home/venv" >&2 || { install_packages python3-venv && python3 -m venv "$home/venv" >&2; }
    "$home/venv/bin/pip" -q install -r "$root/.dev/python-tests.txt" \
        -r "$root/.dev/python-frameworks.txt" >&2 ||
        fail 3 "could not install the packages of .dev/python-*.txt"
    touch "$home/packages"
}

# A wheel of this tree, made again: the path of it.
python_wheel_file() {
    local home=$target/dev/python/wheel
    rm -rf "$home"
    mkdir -p "$home"
    WSGISERVER_LIBRARY=$target/release/libwsgiserver.a "$python" -m pip -q wheel --no-deps \
        --no-build-isolation -w "$home" "$root/bindings/python" >&2
    printf '%s\n' "$home"/*.whl
}
