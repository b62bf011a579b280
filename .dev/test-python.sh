# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev test python: the binding, installed from this tree, by pytest in an environment of its own;
# then a wheel, which has to serve where there is no compiler and no Rust.

python_needs() {
    need_command python3 python3
    need_command curl curl
    need_command openssl openssl
}

test_python() {
    build_python
    "$python" -m pytest -q -p no:cacheprovider bindings/python/tests
    python_wheel
    python_others
}

# WSGISERVER_PYTHONS="python3.9 /opt/python3.13/bin/python3": the same on other interpreters, without
# frameworks and mypy.
python_others() {
    local interpreter home tests=bindings/python/tests
    for interpreter in ${WSGISERVER_PYTHONS:-}; do
        home=$target/dev/python/others/$("$interpreter" -c 'import sys; print(sys.implementation.cache_tag)')
        echo "$("$interpreter" --version):"
        "$interpreter" -m venv "$home"
        "$home/bin/pip" -q install -U "setuptools>=77" wheel pytest simple-websocket prometheus-client
        WSGISERVER_LIBRARY=$target/release/libwsgiserver.a "$home/bin/pip" -q install \
            --no-build-isolation --no-deps --force-reinstall "$root/bindings/python"
        "$home/bin/python" -m pytest -q -p no:cacheprovider "$tests" \
            --ignore "$tests/test_frameworks.py" --ignore "$tests/test_stubs.py"
    done
}

pypy_needs() {
    need_command pypy3 pypy3 pypy3-venv
    need_command python3 python3
    need_command openssl openssl
}

# WSGISERVER_PYPY=whole: every test, and the vectors cut in every way.
test_pypy() {
    local which=(application input stream files ssl statistics)
    local wire_ways=("--split whole" "--over unix" "--over tls")
    build_pypy
    if [[ ${WSGISERVER_PYPY:-} = whole ]]; then
        which=("*")
        wire_ways=("${wire_all_ways[@]}")
    fi
    which=("${which[@]/#/bindings/python/tests/test_}")
    # shellcheck disable=SC2068  # "*" is for the shell
    "$pypy" -m pytest -q -p no:cacheprovider ${which[@]/%/.py}
    wire_play pypy
}

python_wheel() {
    local home=$target/dev/python/in-wheel wheel body
    wheel=$(python_wheel_file)
    rm -rf "$home"
    python3 -m venv "$home"
    env PATH=/nonexistent "$home/bin/python" -m pip -q install --no-index "$wheel"
    body=$(cd "$home" && env PATH=/nonexistent bin/python "$root/bindings/python/tests/in_wheel.py")
    [[ $body = "Hello world!" ]] || { echo "the wheel answered '$body'" >&2 && return 1; }
    echo "ok ${wheel##*/}"
}
