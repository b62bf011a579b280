# shellcheck shell=bash disable=SC2034,SC2154  # names shared with dev and its other files
# ./dev test wire: the cases of tests/wire against each language's host. The parts lua and pypy play them
# against theirs.

# The same bytes must give the same answers however they are cut and wherever they come in.
wire_ways=("--split whole" "--split pieces" "--split bytes" "--over unix" "--over tls")

test_wire() {
    local language failed=0 rust_example_profile=dev
    python3 tests/wire/rows.py || failed=1
    for language in ${serve_languages%"$lua_languages"}; do # these have a part of their own
        [[ $language != pypy ]] || continue # and so has this one
        wire_play "$language" || failed=1
    done
    return $failed
}

# All ways at once: most of the time is spent waiting for time-outs.
wire_play() { # LANGUAGE [WAY...]
    local folder=$target/dev/wire start way ways=("${wire_ways[@]}") way_pids=() failed=0 at=0
    [[ $# -eq 1 ]] || ways=("${@:2}")
    build_serve "$1"
    start=$(printf '%q ' "${serve_program[@]}" fixture)
    mkdir -p "$folder"
    for way in "${ways[@]}"; do
        # shellcheck disable=SC2086  # an option and its value
        python3 tests/wire/run.py --start "$start" $way >"$folder/$1$way.out" 2>"$folder/$1$way.err" &
        way_pids+=($!)
    done
    for way in "${ways[@]}"; do
        echo "the fixture in $1, $way:"
        wait "${way_pids[at]}" || {
            failed=1
            tail -n 30 "$folder/$1$way.err"
        }
        at=$((at + 1))
        cat "$folder/$1$way.out"
    done
    return $failed
}
