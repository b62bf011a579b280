# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# What a command needs, looked for first and installed only if it is missing. Exit 3 means:
# something is missing and could not be installed; one line says what.

fail() { # CODE MESSAGE
    printf 'dev: %s\n' "$2" >&2
    exit "$1"
}

need_command() { # COMMAND PACKAGE...
    local command=$1
    shift
    command -v "$command" >/dev/null || install_packages "$@"
}

need_header() { # HEADER PACKAGE...
    local header=$1
    shift
    echo "#include <$header>" | cc -E - >/dev/null 2>&1 || install_packages "$@"
}

# Debian's packages of servers would start them, now and at each boot. So such a program is only
# unpacked into target/, and nothing of it is installed; libraries it lacks are. Sets daemon.
need_daemon() { # COMMAND PACKAGE LIBRARY-PACKAGE...
    local command=$1 package=$2
    shift 2
    daemon=$(PATH=$PATH:/usr/sbin command -v "$command") && return
    daemon=$target/peers/$package/usr/sbin/$command
    if [[ ! -x $daemon ]]; then
        mkdir -p "$target/peers"
        echo "dev: unpacking $package into target/peers" >&2
        (cd "$target/peers" && unpack_package "$package") || fail 3 "missing, please install: $package"
    fi
    if ldd "$daemon" | grep -q 'not found'; then
        install_packages "$@"
    fi
}

unpack_package() { # PACKAGE
    rm -f "$1"_*.deb
    if ! apt-get -qq download "$1" >/dev/null 2>&1; then
        update_lists
        apt-get -qq download "$1" >/dev/null || return 1
    fi
    dpkg -x "$1"_*.deb "$1" && rm -f "$1"_*.deb
}

# Tries without renewing the package lists first: they may be good, and renewing takes long.
install_packages() { # PACKAGE...
    local install=(apt-get -qq install -y --no-install-recommends)
    if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
        fail 3 "missing, please install: $*"
    fi
    echo "dev: installing $*" >&2
    as_root "${install[@]}" "$@" >/dev/null 2>&1 || {
        update_lists
        as_root "${install[@]}" "$@" >&2
    } || fail 3 "could not install: $*"
}

update_lists() {
    as_root apt-get -qq update >&2
}

as_root() { # COMMAND...
    if [[ $(id -u) -eq 0 ]]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# A Rust new enough for Cargo.toml, and the components that are named.
need_rust() { # [COMPONENT...]
    local wanted found component
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$root/Cargo.toml")
    command -v cargo >/dev/null || PATH=$PATH:${HOME:-}/.cargo/bin
    command -v cargo >/dev/null || fail 3 "missing, please install: Rust $wanted or newer"
    # From the project's folder, so that a toolchain chosen for it is the one looked at.
    found=$(cd "$root" && rustc --version | cut -d ' ' -f 2)
    [[ $(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1) = "$wanted" ]] ||
        fail 3 "Rust $found is too old: this needs Rust $wanted or newer"
    for component in "$@"; do
        (cd "$root" && cargo "${component/rustfmt/fmt}" --version) >/dev/null 2>&1 ||
            rustup component add "$component" >/dev/null 2>&1 ||
            fail 3 "missing, please install: the Rust component $component"
    done
}
