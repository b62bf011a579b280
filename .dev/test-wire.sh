# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev test wire: the cases of tests/wire against each language's host. The parts lua and pypy play them
# against theirs.

# The same bytes must give the same answers however they are cut and wherever they come in.
wire_all_ways=("--split whole" "--split pieces" "--split bytes" "--over unix" "--over tls")
wire_ways=("${wire_all_ways[@]}")

test_wire() {
    local language languages=() rust_example_profile=dev failed=0
    python3 tests/wire/rows.py || failed=1
    for language in ${serve_languages%"$lua_languages"}; do # these have a part of their own
        [[ $language = pypy ]] || languages+=("$language")  # and so has this one
    done
    wire_play "${languages[@]}" || failed=1
    return $failed
}

wire_play() { # LANGUAGE...
    local language hosts=()
    for language in "$@"; do
        build_serve "$language" || return 1
        hosts+=("$language" "$(printf '%q ' "${serve_program[@]}" fixture)")
    done
    wire_hosts "${hosts[@]}"
}

# All hosts and ways at once: nearly all of the time is spent waiting for time-outs.
wire_hosts() { # NAME COMMAND [NAME COMMAND...]
    local folder=$target/dev/wire way at names=() outputs=() pids=() failed=0
    mkdir -p "$folder"
    while [[ $# -gt 0 ]]; do
        for way in "${wire_ways[@]}"; do
            names+=("$1, $way")
            outputs+=("$folder/$1$way")
            # shellcheck disable=SC2086  # an option and its value
            python3 tests/wire/run.py --start "$2" $way >"$folder/$1$way.out" 2>"$folder/$1$way.err" &
            pids+=($!)
        done
        shift 2
    done
    for at in "${!pids[@]}"; do
        echo "the fixture in ${names[at]}:"
        wait "${pids[at]}" || {
            failed=1
            tail -n 30 "${outputs[at]}.err"
        }
        cat "${outputs[at]}.out"
    done
    return $failed
}
