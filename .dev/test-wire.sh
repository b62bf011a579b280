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

# All languages and ways at once: nearly all of the time is spent waiting for time-outs.
wire_play() { # LANGUAGE...
    local folder=$target/dev/wire language way names=() pids=() failed=0 at
    local -A starts=()
    mkdir -p "$folder"
    for language in "$@"; do
        build_serve "$language" || return 1
        starts[$language]=$(printf '%q ' "${serve_program[@]}" fixture)
    done
    for language in "$@"; do
        for way in "${wire_ways[@]}"; do
            # shellcheck disable=SC2086  # an option and its value
            python3 tests/wire/run.py --start "${starts[$language]}" $way \
                >"$folder/$language$way.out" 2>"$folder/$language$way.err" &
            names+=("$language, $way")
            pids+=($!)
        done
    done
    for at in "${!pids[@]}"; do
        echo "the fixture in ${names[at]}:"
        wait "${pids[at]}" || {
            failed=1
            tail -n 30 "$folder/${names[at]/, /}.err"
        }
        cat "$folder/${names[at]/, /}.out"
    done
    return $failed
}
