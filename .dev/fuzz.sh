# shellcheck shell=bash disable=SC2154  # names shared with dev and its other files
# ./dev fuzz [SECONDS [TARGET...]]: each target for so long (60), two at a time, from the seeds of
# tests/wire and what earlier runs have found (target/fuzz/corpus). ./dev test fuzz: a minute in all.

fuzz_targets="head target chunked environ connection options proxy_header"
# What cargo-fuzz does, for the stable compiler.
fuzz_flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
 -Ccodegen-units=1"

fuzz_main() {
    local seconds=${1:-60}
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || fail 2 "usage: ./dev fuzz [SECONDS [TARGET...]]"
    [[ $# -eq 0 ]] || shift
    local target_name
    for target_name in "$@"; do
        [[ " $fuzz_targets " = *" $target_name "* ]] ||
            fail 2 "no fuzz target '$target_name'; there are: $fuzz_targets"
    done
    fuzz_needs
    fuzz_each "$seconds" "${@:-$fuzz_targets}"
}

fuzz_needs() {
    need_rust && need_command g++ g++ && need_command python3 python3
}

test_fuzz() {
    fuzz_each 10
}

fuzz_each() { # SECONDS [TARGET...]
    local seconds=$1 folder=$target/fuzz host names=() running=() name pid failed=0
    shift
    read -ra names <<<"${*:-$fuzz_targets}"
    host=$(rustc -vV | sed -n 's/^host: //p')
    (cd "$root/fuzz" && RUSTFLAGS=${fuzz_flags//$'\n'/} CARGO_TARGET_DIR=$folder \
        cargo build --release --target "$host") || return 1
    python3 "$root/fuzz/seeds.py" "$folder/seeds"
    mkdir -p "$folder/found"
    for name in "${names[@]}"; do
        mkdir -p "$folder/corpus/$name"
        "$folder/$host/release/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2500 \
            -print_final_stats=1 -artifact_prefix="$folder/found/$name-" \
            "$folder/corpus/$name" "$folder/seeds/$name" >"$folder/$name.log" 2>&1 &
        running+=($!)
        if [[ ${#running[@]} -ge 2 ]]; then
            wait "${running[0]}" || failed=1
            running=("${running[@]:1}")
        fi
    done
    for pid in "${running[@]}"; do
        wait "$pid" || failed=1
    done
    for name in "${names[@]}"; do
        fuzz_report "$name" "$folder/$name.log"
    done
    return $failed
}

fuzz_report() { # NAME LOG
    local runs coverage
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$2")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$2" | tail -n 1)
    echo "$1: ${runs:-0} runs, ${coverage:-0} places reached"
    if ! grep -q '^stat::number_of_executed_units' "$2" || grep -qE 'SUMMARY|ERROR' "$2"; then
        tail -n 30 "$2"
    fi
}
