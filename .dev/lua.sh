# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# The Lua module, once for each kind of Lua, and running Lua programs with it.

lua_languages="lua5.1 lua5.2 lua5.3 lua5.4 luajit"

need_lua() { # LANGUAGE...
    local language
    for language in "$@"; do
        if [[ $language = luajit ]]; then
            need_luajit
        else
            need_command "$language" "$language"
            need_header "$language/lua.h" "lib${language/5.1/5.1-0}-dev"
        fi
    done
    lua_has luasocket socket.core || install_packages lua-socket
}

# Debian has two, of which one system has only one.
need_luajit() {
    local packages=(luajit libluajit-5.1-dev)
    if dpkg-query -s libluajit2-5.1-2 >/dev/null 2>&1; then
        packages=(luajit2 libluajit2-5.1-dev)
    fi
    need_command luajit "${packages[@]}"
    need_header luajit-2.1/lua.h "${packages[@]}"
}

lua_has() { # WHAT MODULE
    local language
    for language in $lua_languages; do
        ! command -v "$language" >/dev/null || "$language" -e "require '$2'" 2>/dev/null || return 1
    done
}

lua_include() { # LANGUAGE
    echo "/usr/include/${1/luajit/luajit-2.1}"
}

build_lua() { # LANGUAGE
    local output=$target/dev/lua/$1/wsgiserver.so flags
    build_library
    mapfile -t flags < <(library_flags)
    ! is_built "$output" "$root"/bindings/lua/src/*.[ch] "$root"/include/*.h || return 0
    mkdir -p "${output%/*}"
    cc -O2 -g -std=c99 -Wall -Wextra -Werror -fvisibility=hidden -fPIC -shared -pthread \
        "-I$(lua_include "$1")" "-I$root/include" "$root"/bindings/lua/src/*.c \
        -o "$output.$$" -Wl,-z,nodelete "${flags[@]}" >&2
    mv -f "$output.$$" "$output"
    echo "dev: built the module for $1" >&2
}

# The words in front of a script: the interpreter, where it finds the modules of this folder.
lua_command() { # LANGUAGE
    printf '%s\n' env -u LUA_INIT -u LUA_PATH_5_2 -u LUA_PATH_5_3 -u LUA_PATH_5_4 -u LUA_CPATH_5_2 \
        -u LUA_CPATH_5_3 -u LUA_CPATH_5_4 "LUA_PATH=$root/bindings/lua/?.lua;;" \
        "LUA_CPATH=$target/dev/lua/$1/?.so;;" "$1"
}
