# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test deploy: the recipes of examples/deploy in the programs that they are for.

deploy_needs() {
    need_command python3 python3
    need_command openssl openssl
    need_command curl curl
    # Of systemd only the commands: what verifies units and what hands sockets over.
    need_command systemd-socket-activate systemd
    need_daemon nginx nginx libpcre2-8-0 libssl3 zlib1g libcrypt1
    deploy_nginx=$daemon
    need_daemon haproxy haproxy liblua5.3-0 libopentracing-c-wrapper0 libpcre2-8-0 libssl3 libsystemd0
    deploy_haproxy=$daemon
    need_daemon logrotate logrotate libacl1 libpopt0 libselinux1
    deploy_logrotate=$daemon
    websocket_needs
    need_venv
}

test_deploy() {
    build_serve c
    build_c_with_library events examples/c/events.c
    [[ ! -e examples/c/health.c ]] || build_c_with_library health examples/c/health.c
    build_websocket_echo
    build_python
    deploy_environment
    "$target/dev/deploy/bin/python" tests/deploy/run.py --programs "$target/dev/c" --python "$python" \
        --nginx "$deploy_nginx" --haproxy "$deploy_haproxy" --logrotate "$deploy_logrotate"
}

# What the driver itself needs; nothing of it is beside the server.
deploy_environment() {
    local home=$target/dev/deploy
    [[ ! -e $home/packages || $root/tests/deploy/requirements.txt -nt $home/packages ]] || return 0
    python3 -m venv "$home" >&2
    "$home/bin/pip" -q install -r "$root/tests/deploy/requirements.txt" >&2 ||
        fail 3 "could not install the packages of tests/deploy/requirements.txt"
    touch "$home/packages"
}
