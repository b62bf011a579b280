# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test package: the library is installed in each way there is, and projects of their own
# (tests/package) find it, build with it and get an answer.

test_package() {
    package_dir=$target/dev/package
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
    soname=libwsgiserver.so.0.$(cut -d . -f 2 <<<"$version")
    [[ $version = 0.* ]] || soname=libwsgiserver.so.${version%%.*}
    rm -rf "$package_dir"
    mkdir -p "$package_dir"
    local step code
    for step in native_libraries moved_prefix versions pkg_config destdir subdirectory missing_rust \
        debian cargo_c; do
        echo "-- ${step//_/ }"
        # Not behind `||` or `if`, where `set -e` has no force.
        set +e
        (set -e; "package_$step") >"$package_dir/$step.log" 2>&1
        code=$?
        set -e
        [[ $code -eq 0 ]] || { cat "$package_dir/$step.log" && return 1; }
        grep '^package: ' "$package_dir/$step.log" || true
    done
}

package_needs() {
    need_command cmake cmake
    need_command g++ g++
    need_command make make
    need_command pkg-config pkg-config
    need_command readelf binutils
    need_command dpkg-shlibdeps dpkg-dev
}

# What CMake and pkg-config say of the static library is what rustc says, less gcc_s and c, which
# the compiler brings in the form that fits.
package_native_libraries() {
    local said written
    echo | rustc --crate-type staticlib --crate-name empty --print native-static-libs \
        -o "$package_dir/empty.a" - 2>"$package_dir/rustc.out"
    said=$(sed -n 's/.*native-static-libs: //p' "$package_dir/rustc.out" | tr ' ' '\n' |
        sed 's/^-l//' | grep -vxE 'gcc_s|c' | xargs)
    written=$(sed -n 's/^set(wsgiserver_native_libraries \(.*\))/\1/p' cmake/Cargo.cmake)
    same "$said" "$written" "the native libraries of cmake/Cargo.cmake"
}

package_moved_prefix() {
    configure build
    cmake --build "$package_dir/build"
    cmake --install "$package_dir/build" --prefix "$package_dir/first"
    mv "$package_dir/first" "$package_dir/moved"
    (cd "$package_dir/moved" && find . ! -type d | LC_ALL=C sort) | grep -v ./share >"$package_dir/files"
    same "$(xargs <"$package_dir/files")" "./include/wsgiserver.ffi.h ./include/wsgiserver.h \
./include/wsgiserver.hpp $(cd bindings/cpp && echo wsgiserver/*.hpp | sed 's,wsgiserver/,./include/wsgiserver/,g') \
./lib/cmake/wsgiserver/wsgiserver-config-version.cmake \
./lib/cmake/wsgiserver/wsgiserver-config.cmake ./lib/libwsgiserver.a ./lib/libwsgiserver.so \
./lib/$soname ./lib/libwsgiserver.so.$version ./lib/pkgconfig/wsgiserver.pc" "the files"
    [[ -f $package_dir/moved/share/doc/wsgiserver/LICENSE-MIT ]]
    if grep -rIF "$package_dir" "$package_dir/moved"; then return 1; fi
    # tests/symbols.rs looks at the library of the dev profile; this one is what users get.
    same "$(nm -D --defined-only "$package_dir/moved/lib/$soname" | cut -d ' ' -f 3 | LC_ALL=C sort)" \
        "$(cut -d ' ' -f 1 include/wsgiserver.symbols)" "the exported symbols"
    readelf -dW "$package_dir/moved/lib/$soname" >"$package_dir/dynamic"
    grep -F "(SONAME)" "$package_dir/dynamic" | grep -F "[$soname]"
    grep 'FLAGS_1.*NOW NODELETE' "$package_dir/dynamic"
    consumer found "-DCMAKE_PREFIX_PATH=$package_dir/moved"
    needs_library found/consumer_shared found/consumer_wsgiserver
    consumer found_static "-DCMAKE_PREFIX_PATH=$package_dir/moved" -DBUILD_SHARED_LIBS=OFF
    needs_library found_static/consumer_shared
    if needs_library found_static/consumer_wsgiserver; then return 1; fi
}

package_versions() {
    local minor wanted
    minor=$(cut -d . -f 1,2 <<<"$version")
    for wanted in "$version" "$minor"; do
        finds_version "$wanted"
    done
    for wanted in 0.0 "$minor.999" 99.0; do
        if finds_version "$wanted"; then
            echo "$version is taken for $wanted" && return 1
        fi
    done
}

finds_version() { # WANTED
    cmake -S tests/package/consumer -B "$package_dir/version-$1" "-DWANTED=$1" \
        "-DCMAKE_PREFIX_PATH=$package_dir/moved"
}

package_pkg_config() {
    local lib=$package_dir/moved/lib pc flags
    pc=(env "PKG_CONFIG_PATH=$lib/pkgconfig" pkg-config)
    same "$("${pc[@]}" --modversion wsgiserver)" "$version" "the version of the .pc file"
    for flags in "" --define-prefix; do
        compiled "pc$flags" "$("${pc[@]}" $flags --cflags --libs wsgiserver) -Wl,-rpath,$lib"
    done
    needs_library pc pc--define-prefix
    # The archive by its name in an ordinary program, and whatever -static brings.
    flags=$("${pc[@]}" --static --cflags --libs wsgiserver)
    compiled pc-archive "${flags/-lwsgiserver/-l:libwsgiserver.a}"
    compiled pc-static "-static $flags"
    if needs_library pc-archive || needs_library pc-static; then return 1; fi
}

# As a packager does it, with the libraries in a folder of two levels.
package_destdir() {
    local root_dir=$package_dir/staged lib
    lib=$root_dir/opt/lib/some-triplet
    configure staging -DCMAKE_INSTALL_PREFIX=/opt -DCMAKE_INSTALL_LIBDIR=lib/some-triplet
    cmake --build "$package_dir/staging"
    DESTDIR=$root_dir cmake --install "$package_dir/staging" --strip
    [[ -f $lib/$soname && -f $root_dir/opt/include/wsgiserver.h ]]
    if readelf -S "$lib/$soname" | grep -F .debug_; then return 1; fi
    consumer staged_found "-Dwsgiserver_DIR=$lib/cmake/wsgiserver"
    for flags in "" --define-prefix; do
        compiled "staged-pc$flags" "$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config $flags \
            --cflags --libs wsgiserver) -Wl,-rpath,$lib"
    done
}

package_subdirectory() {
    local kind
    for kind in Release Debug; do
        consumer "sub_$kind" "-DSOURCE=$root" "-DCMAKE_BUILD_TYPE=$kind" \
            "-DWSGISERVER_CARGO_TARGET_DIR=$target"
        cmake --install "$package_dir/sub_$kind" --prefix "$package_dir/nothing"
    done
    # A library inside another project installs nothing unless it is asked to.
    [[ ! -e $package_dir/nothing/include/wsgiserver.h ]]
}

# One sentence each, that says what to do.
package_missing_rust() {
    local output
    mkdir -p "$package_dir/old"
    printf '#!/bin/sh\necho "rustc 1.70.0 (old)"\n' >"$package_dir/old/rustc"
    chmod +x "$package_dir/old/rustc"
    output=$(configure old-rust "-DRUSTC_EXECUTABLE=$package_dir/old/rustc" 2>&1) && return 1
    [[ $(xargs <<<"${output//\'/}") = *"needs Rust "*" or newer, and this is Rust 1.70.0"* ]] ||
        { echo "$output" && return 1; }
    output=$(configure no-cargo "-DCARGO_EXECUTABLE=CARGO_EXECUTABLE-NOTFOUND" \
        -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF \
        "-DCMAKE_C_COMPILER=$(command -v cc)" "-DCMAKE_MAKE_PROGRAM=$(command -v make)" 2>&1) &&
        return 1
    [[ $(xargs <<<"${output//\'/}") = *"needs cargo, with Rust "*" or newer, and finds none"* ]] ||
        { echo "$output" && return 1; }
}

# dpkg installs the packages into a root of their own, with the machine's word on what they need.
package_debian() {
    local root_dir=$package_dir/debian-root lib packages triplet
    configure deb -DCMAKE_INSTALL_PREFIX=/usr
    cmake --build "$package_dir/deb"
    (cd "$package_dir/deb" && cpack -G DEB)
    packages=("$package_dir/deb/${soname%.so*}${soname#*.so.}_$version-1_"*.deb
        "$package_dir/deb/libwsgiserver-dev_$version-1_"*.deb)
    mkdir -p "$root_dir/var/lib/dpkg/"{info,updates,triggers}
    dpkg-query -s libc6 libgcc-s1 libc6-dev >"$root_dir/var/lib/dpkg/status"
    dpkg --root="$root_dir" --force-not-root --log=/dev/null -i "${packages[@]}"
    triplet=$(gcc -print-multiarch)
    lib=$root_dir/usr/lib/$triplet
    [[ $(readlink "$lib/$soname") = "libwsgiserver.so.$version" ]]
    if readelf -S "$lib/$soname" | grep -F .debug_; then return 1; fi
    consumer deb_found "-DCMAKE_PREFIX_PATH=$root_dir/usr" "-DCMAKE_LIBRARY_ARCHITECTURE=$triplet"
    compiled deb-pc "$(PKG_CONFIG_SYSROOT_DIR=$root_dir PKG_CONFIG_LIBDIR=$lib/pkgconfig \
        pkg-config --cflags --libs wsgiserver) -L$lib -I$root_dir/usr/include -Wl,-rpath,$lib"
    needs_library deb-pc
    debian_dependents_are_told "${packages[0]}"
    if command -v lintian >/dev/null; then
        lintian --allow-root --fail-on error "${packages[@]}"
    fi
}

# What a package that uses the library depends on is found by the symbols it uses.
debian_dependents_are_told() { # PACKAGE
    local other=$package_dir/other
    mkdir -p "$other/debian" && : >"$other/debian/control"
    dpkg-deb -R "$1" "$other/tree"
    cc tests/package/consumer/consumer.c -o "$other/program" "-I$package_dir/moved/include" \
        "-L$package_dir/moved/lib" -lwsgiserver
    (cd "$other" && dpkg-shlibdeps -O -Stree program) | grep -F "${soname%.so*}${soname#*.so.} (>= "
}

# The same SONAME, libraries and headers; its .pc file and folders are its own.
package_cargo_c() {
    local prefix=$package_dir/cargo-c
    if ! cargo capi --version >/dev/null 2>&1; then
        echo "package: cargo-c: not found, not tested"
        return
    fi
    CARGO_TARGET_DIR=$target/cargo-c cargo cinstall --release --locked --prefix "$prefix" \
        --libdir lib
    (cd "$prefix" && find . ! -type d | LC_ALL=C sort) | grep -v ./share >"$package_dir/cargo-c.files"
    same "$(cat "$package_dir/cargo-c.files")" "$(grep -v ./lib/cmake "$package_dir/files")" \
        "cargo-c's files"
    diff -r "$prefix/include" "$package_dir/moved/include"
    compiled cargo-c-pc "$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs \
        wsgiserver) -Wl,-rpath,$prefix/lib"
    needs_library cargo-c-pc
}

configure() { # BUILD [ARGUMENT...]
    cmake -S . -B "$package_dir/$1" -DCMAKE_BUILD_TYPE=Release \
        "-DWSGISERVER_CARGO_TARGET_DIR=$target" "${@:2}"
}

# Builds and runs the project of tests/package/consumer.
consumer() { # BUILD ARGUMENT...
    cmake -S tests/package/consumer -B "$package_dir/$1" "${@:2}"
    cmake --build "$package_dir/$1"
    (cd "$package_dir/$1" && timeout 60 ctest --output-on-failure)
}

# Builds and runs its programs with the flags alone.
compiled() { # NAME FLAGS
    local flags
    read -ra flags <<<"$2"
    cc -std=c99 -Wall -Wextra -Werror tests/package/consumer/consumer.c \
        -o "$package_dir/$1" "${flags[@]}"
    timeout 60 "$package_dir/$1"
    g++ -std=c++17 -Wall -Wextra -Werror tests/package/consumer/consumer.cpp \
        -o "$package_dir/$1-cpp" "${flags[@]}"
    timeout 60 "$package_dir/$1-cpp"
}

# Each of the programs is linked with the shared library, by its SONAME.
needs_library() { # PROGRAM...
    local program
    for program in "$@"; do
        readelf -d "$package_dir/$program" | grep -F "(NEEDED)" | grep -F "[$soname]" >/dev/null ||
            return 1
    done
}

same() { # FOUND EXPECTED WHAT
    [[ $1 = "$2" ]] || { printf '%s: found\n%s\nand expected\n%s\n' "$3" "$1" "$2" && return 1; }
}
