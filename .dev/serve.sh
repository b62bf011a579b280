# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev serve APPLICATION LANGUAGE PORT [--bind ADDR ...] [--tls] [--option VALUE ...]: the server program
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
        if [[ $1 = --tls ]]; then
            serve_certificate
            shift
            continue
        fi
        [[ $# -ge 2 ]] || serve_usage "$1 needs a value"
        if [[ $1 = --threads ]]; then
            serve_options+=(--numthreads "$2")
        else
            serve_options+=("$1" "$2")
        fi
        shift 2
    done
}

# For localhost, signed by itself; made again when it ends within a day.
serve_certificate() {
    local folder=$target/dev/serve
    need_command openssl openssl
    if ! openssl x509 -noout -checkend 86400 -in "$folder/certificate.pem" >/dev/null 2>&1; then
        mkdir -p "$folder"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$folder/key.pem.$$" \
            -out "$folder/certificate.pem.$$" 2>/dev/null || fail 3 "openssl could not make a certificate"
        mv -f "$folder/key.pem.$$" "$folder/key.pem"
        mv -f "$folder/certificate.pem.$$" "$folder/certificate.pem"
    fi
    serve_options+=(--certificate "$folder/certificate.pem" --private-key "$folder/key.pem")
}

serve_usage() { # MESSAGE
    {
        echo "dev: $1"
        echo "usage: ./dev serve APPLICATION LANGUAGE PORT [--bind ADDR ...] [--tls] [--option VALUE ...]"
        echo "applications: $serve_applications"
        echo "languages: $serve_languages"
    } >&2
    exit 2
}
