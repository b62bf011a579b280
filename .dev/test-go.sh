# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev test go: bindings/go with Debian's Go and with a current one, which PyPI has: vet, the tests,
# the tests under the race detector, with every check of pointers, and with the collector run around
# each call. Then each tests/go/NAME.py runs the program made of examples/go/NAME.

test_go() {
    local current
    build_library
    current=$(current_go)
    (cd bindings/go && go_tests go && go_tests "$current" && go_links)
    go_examples
}

go_needs() {
    need_go
    need_venv
    need_go_package github.com/go-chi/chi golang-github-go-chi-chi-dev
    need_go_package github.com/gorilla/websocket golang-github-gorilla-websocket-dev
}

go_tests() { # GO
    echo "$("$1" env GOVERSION):"
    "$1" vet ./...
    "$1" vet -tags wsgiserver_stress ./...
    "$1" test -race -timeout 300s ./...
    case $("$1" env GOVERSION) in
        go1.19* | go1.20*) GODEBUG=cgocheck=2 "$1" test -count=1 -timeout 300s ./... ;;
        *)
            GOEXPERIMENT=cgocheck2 "$1" test -count=1 -timeout 300s ./...
            "$1" test -tags wsgiserver_stress -short -count=1 -timeout 300s ./...
            ;;
    esac
}

# With the static library, and what is said without cgo.
go_links() {
    local output
    [[ -z $(gofmt -l . ../../examples/go) ]] || { gofmt -l . ../../examples/go && return 1; }
    go test -tags wsgiserver_static -short -count=1 -timeout 300s ./...
    output=$(CGO_ENABLED=0 go build ./... 2>&1) && return 1
    [[ $output = *wsgiserver_needs_cgo_so_set_CGO_ENABLED_1_and_install_a_C_compiler* ]] ||
        { echo "$output" && return 1; }
}

go_examples() {
    local script name
    (cd examples/go && go vet ./... && cd chi && go vet ./... && cd ../websocket && go vet ./...)
    for script in tests/go/*.py; do
        name=$(basename "$script" .py)
        [[ -e examples/go/$name ]] || continue
        echo "$name"
        build_go_with_library "$name"
        timeout 60 python3 "$script" "$target/dev/go/$name"
    done
}
