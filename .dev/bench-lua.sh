# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# What the bench scenario `lua` needs: our module for LuaJIT and PUC 5.4, and nginx with its Lua module.

bench_lua_needs() {
    need_lua luajit lua5.4
    need_nginx_lua
    build_lua luajit
    build_lua lua5.4
}

# Unpacked like nginx itself, with the libraries it was built for: nothing of it is installed.
need_nginx_lua() {
    nginx_lua=$target/peers/nginx-lua
    [[ ! -e $nginx_lua/complete ]] || return 0
    echo "dev: unpacking nginx with its Lua module into target/peers" >&2
    mkdir -p "$nginx_lua"
    (cd "$nginx_lua" && unpack_nginx_lua) || fail 3 "missing, please install: nginx with Lua"
}

unpack_nginx_lua() {
    local package packages=(nginx libnginx-mod-http-lua libnginx-mod-http-ndk lua-resty-core
        lua-resty-lrucache libluajit2-5.1-2 libluajit2-5.1-common libpcre3)
    apt-get -qq download "${packages[@]}" >/dev/null 2>&1 || {
        update_lists
        apt-get -qq download "${packages[@]}" >/dev/null || return 1
    }
    for package in *.deb; do
        dpkg -x "$package" . || return 1
    done
    rm -f -- *.deb
    touch complete
}
