# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev serve APPLICATION LANGUAGE PORT [--bind ADDR ...] [--option VALUE ...]: the server program
# replaces this shell, so that the process that was started is the server.

serve_applications="hello fixture"

# What outside suites that play against it suppose: a hundred fields, and a 408 before they lose
# patience. The server's own defaults are tested by tests/wire. A later option wins.
serve_fixture_options=(--header-timeout 1 --max-request-header-fields 100)

serve_main() {
    [[ $# -ge 3 ]] || serve_usage "an application, a language and a port are needed"
    local application=$1 language=$2 port=$3
    shift 3
    [[ " $serve_applications " = *" $application "* ]] ||
        serve_usage "unknown application '$application'"
    [[ " $serve_languages " = *" $language "* ]] || serve_usage "unknown language '$language'"
    [[ $port =~ ^[0-9]{1,5}$ && $port -le 65535 ]] || serve_usage "not a port: '$port'"
    [[ $application != fixture ]] || set -- "${serve_fixture_options[@]}" "$@"
    serve_check_options "$@"
    need_rust
    need_command cc gcc libc6-dev
    build_serve "$language"
    exec "${serve_program[@]}" "$application" "$port" "${serve_options[@]}"
}

# Only the shape: which options there are is the server's to say (it exits with 2 as well).
serve_check_options() {
    serve_options=()
    while [[ $# -gt 0 ]]; do
        [[ $1 = --?* ]] || serve_usage "not an option: '$1'"
        [[ $# -ge 2 ]] || serve_usage "$1 needs a value"
        if [[ $1 = --threads ]]; then
            serve_options+=(--numthreads "$2")
        else
            serve_options+=("$1" "$2")
        fi
        shift 2
    done
}

serve_usage() { # MESSAGE
    {
        echo "dev: $1"
        echo "usage: ./dev serve APPLICATION LANGUAGE PORT [--bind ADDR ...] [--option VALUE ...]"
        echo "applications: $serve_applications"
        echo "languages: $serve_languages"
    } >&2
    exit 2
}
