# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev test tls: the TLS tests with each way of compiling TLS in, and without it; then CMake's
# option for the OpenSSL adapter. (`./dev test rust` has them for what is compiled in by default.)

tls_needs() {
    need_command cc gcc libc6-dev
    need_command openssl openssl
    need_command pkg-config pkg-config
    need_header openssl/ssl.h libssl-dev
    need_command cmake cmake
    need_command make make
    need_command g++ g++
}

test_tls() {
    cargo clippy --features openssl --lib --test tls -- -D warnings
    # Without the tests, whose client brings the other provider.
    cargo clippy --no-default-features --features ring --lib -- -D warnings
    cargo test --features openssl --lib ssl
    cargo test --features openssl --test tls
    cargo test --no-default-features --features ring --test tls
    cargo test --no-default-features --test tls
    tls_cmake
}

# Both libraries and the pkg-config file of a build with the option name OpenSSL's.
tls_cmake() {
    package_dir=$target/dev/tls-package
    local installed=$package_dir/installed flags
    rm -rf "$package_dir"
    mkdir -p "$package_dir"
    configure build -DCMAKE_BUILD_TYPE=Debug -DWSGISERVER_OPENSSL=ON
    cmake --build "$package_dir/build"
    cmake --install "$package_dir/build" --prefix "$installed"
    consumer found "-DCMAKE_PREFIX_PATH=$installed"
    flags=$(PKG_CONFIG_PATH=$installed/lib/pkgconfig pkg-config --static --cflags --libs wsgiserver)
    [[ "$flags " = *" -lssl -lcrypto "* ]] || { echo "no libssl in $flags" >&2 && return 1; }
    # shellcheck disable=SC2086  # the flags are several
    cc -std=c99 -Wall -Werror tests/tls/adapter.c -o "$package_dir/adapter" \
        ${flags/-lwsgiserver/-l:libwsgiserver.a}
    "$package_dir/adapter" openssl
}
