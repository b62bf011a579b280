# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test lua: the specs of bindings/lua under each interpreter, Orbit's samples where they run, the wire
# cases through each, and both ways to install.

test_lua() {
    local language failed=0
    for language in $lua_languages; do
        build_lua "$language"
        lua_specs "$language" || failed=1
    done
    for language in lua5.1 luajit; do
        lua_busted "$language" spec/orbit/orbit_spec.lua || failed=1
    done
    # shellcheck disable=SC2086  # a list
    wire_play $lua_languages || failed=1
    lua_packages || failed=1
    return $failed
}

lua_needs() {
    # shellcheck disable=SC2086  # a list
    need_lua $lua_languages
    need_command python3 python3
    need_command openssl openssl
    need_command curl curl
    need_command cmake cmake
    need_command make make
    need_command busted lua-busted
    need_command luarocks luarocks
    [[ -d /usr/share/doc/lua-orbit ]] || install_packages lua-orbit lua-cosmo
    lua5.1 -e 'require "orbit" require "cosmo" require "luasql.sqlite3"' 2>/dev/null ||
        install_packages lua-orbit lua-cosmo lua-sql-sqlite3
}

# With nobody else's variables, so that what is tested is what was built.
lua_busted() { # LANGUAGE FILE...
    local words
    mapfile -t words < <(lua_command "$1")
    echo "the specs under $1:"
    (cd "$root/bindings/lua" &&
        timeout 180 env "LUA_UNDER_TEST=$1" "ORBIT_SAMPLES=/usr/share/doc/lua-orbit" \
            "WSGISERVER_LUA=$root/bindings/lua/bin/wsgiserver-lua" \
            "WSGISERVER_LIBRARY=$target/release/libwsgiserver.so" \
            "WSGISERVER_FFI_HEADER=$root/include/wsgiserver.ffi.h" \
            "${words[@]}" "$(command -v busted)" --output=TAP --lpath="spec/?.lua" "${@:2}" \
            </dev/null >"$target/dev/lua/$1.tap" 2>"$target/dev/lua/$1.err") || {
        grep -v '^ok' "$target/dev/lua/$1.tap"
        tail -n 30 "$target/dev/lua/$1.err"
        return 1
    }
    # Nothing may be left out, and a run of nothing is none.
    ! grep '# SKIP' "$target/dev/lua/$1.tap" || return 1
    echo "$(grep -c '^ok' "$target/dev/lua/$1.tap") passed, 0 failed"
}

lua_specs() { # LANGUAGE
    local files
    mapfile -t files < <(cd "$root/bindings/lua" && ls spec/*_spec.lua)
    lua_busted "$1" "${files[@]}"
}

# An installed library, a rock made against it, and the modules as CMake installs them: each of them
# serves, wherever it was put.
lua_packages() {
    local folder=$target/dev/lua/package version
    rm -rf "$folder"
    mkdir -p "$folder"
    cmake -S . -B "$folder/build" -DCMAKE_BUILD_TYPE=Release "-DWSGISERVER_CARGO_TARGET_DIR=$target" \
        "-DWSGISERVER_LUA=5.1;5.2;5.3;5.4;jit" >"$folder/log" &&
        cmake --build "$folder/build" >>"$folder/log" &&
        cmake --install "$folder/build" --prefix "$folder/first" >>"$folder/log" &&
        mv "$folder/first" "$folder/prefix" || return 1
    for version in 5.1 5.2 5.3 5.4 jit; do
        (unset LUA_PATH LUA_CPATH && lua_installed "lua$version" "${version/jit/5.1}" \
            "$folder/prefix/bin/wsgiserver-lua$version") || return 1
    done
    if cmake -S . -B "$folder/bad" "-DWSGISERVER_LUA=5.0" >"$folder/bad.log" 2>&1 ||
        ! grep -q "it may list 5.1" "$folder/bad.log"; then
        echo "a version that there is not is taken" >&2 && return 1
    fi
    lua_rock "$folder"
}

# Offline, in a folder of its own, against the library of that prefix.
lua_rock() { # FOLDER
    local version rockspec
    rockspec=wsgiserver-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)-1.rockspec
    for version in 5.1 5.4; do
        (cd bindings/lua && luarocks make --lua-version "$version" --deps-mode=none \
            --tree "$1/rocks" "WSGISERVER_DIR=$1/prefix" "$rockspec") >>"$1/log" 2>&1 || {
            tail -n 20 "$1/log"
            return 1
        }
        # As `luarocks path` has it for a tree of one's own.
        LUA_PATH="$1/rocks/share/lua/$version/?.lua;;" LUA_CPATH="$1/rocks/lib/lua/$version/?.so;;" \
            LD_LIBRARY_PATH=$1/prefix/lib lua_installed "lua$version" "$version" \
            "$1/rocks/bin/wsgiserver-lua" || return 1
    done
    (cd bindings/lua && rm -f -- *.so src/*.o)
}

# A command that was installed serves an application, wherever it is started.
lua_installed() { # INTERPRETER VERSION COMMAND
    local output=$target/dev/lua/installed.out pid url="" body code=0
    : >"$output" # what the one before has said
    (cd / && exec "$3" -b 127.0.0.1:0 -t 1 \
        'require "wsapi.wsgiserver" return function(env) return 200, {}, _VERSION .. env.PATH_INFO end') \
        >"$output" &
    pid=$!
    for _ in $(seq 100); do
        url=$(grep -oE 'http://[0-9.]+:[0-9]+' "$output") && break
        sleep 0.1
    done
    body=$(fetch "$url/")
    kill -INT $pid
    wait $pid || code=$?
    [[ $code -eq 0 && $body = "Lua $2/" ]] ||
        { echo "$3 under $1 answered '$body', exit code $code" >&2 && return 1; }
    echo "installed for $1: ok"
}
