"""Every known bug of HTTP/1 servers and every decision about the wire is held by a test. ROWS says by
which, where it is not by a case whose `row` names it (an empty list). Exit code 1 if one is held by
nothing.
usage: rows.py"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent


def main():
    cases = [case for path in sorted(HERE.glob("*.json"))
             for case in json.loads(path.read_text())]
    named = {case["name"] for case in cases}
    rows = " ; ".join(case["row"] for case in cases)
    faults = []
    for row, held_by in ROWS.items():
        faults += [f"{row}: {fault}" for place in held_by if (fault := missing(place, named))]
        if not held_by and not re.search(re.escape(row) + r"(?!\d)", rows):
            faults.append(f"{row}: no case names it")
    for fault in faults:
        print(fault)
    print(f"{len(ROWS)} rows, {len(faults)} faults")
    return 1 if faults else 0


def missing(place, named):
    """What is wrong with `case: NAME` or `FILE: FUNCTION`; None if nothing is."""
    file, name = place.split(": ", 1)
    if file == "case":
        return None if name in named else f"no case '{name}'"
    path = ROOT / file
    if not path.exists():
        return f"no file {file}"
    found = re.search(rf"\b(fn|def|void) {re.escape(name)}\b", path.read_text())
    return None if found else f"no test {name} in {file}"


ROWS = {
    "http-bugs.md 1": [],
    "http-bugs.md 2": [],
    "http-bugs.md 3": [],
    "http-bugs.md 4": [],
    "http-bugs.md 5": [],
    "http-bugs.md 6": [],
    "http-bugs.md 7": [],
    "http-bugs.md 8": [],
    "http-bugs.md 9": ["case: absolute-form with another Host"],
    "http-bugs.md 10": [],
    "http-bugs.md 11": [],
    "http-bugs.md 12": [],
    "http-bugs.md 13": [],
    "http-bugs.md 14": [],
    "http-bugs.md 15": [],
    "http-bugs.md 16": [],
    "http-bugs.md 17": [],
    "http-bugs.md 18": [],
    "http-bugs.md 19": ["case: underscore names are dropped"],
    "http-bugs.md 20": [],
    "http-bugs.md 21": ["case: Proxy is never exported"],
    "http-bugs.md 22": [],
    "http-bugs.md 23": [],
    "http-bugs.md 24": [],
    "http-bugs.md 25": [],
    "http-bugs.md 26": [],
    "http-bugs.md 27": [],
    "http-bugs.md 28": [],
    "http-bugs.md 29": [],
    "http-bugs.md 30": [],
    "http-bugs.md 31": [],
    "http-bugs.md 32": [],
    "http-bugs.md 33": [],
    "http-bugs.md 34": [],
    "http-bugs.md 35": [],
    "http-bugs.md 36": [],
    "http-bugs.md 37": [],
    "http-bugs.md 38": [],
    "http-bugs.md 39": ["tests/slow.rs: an_endless_pipeline_does_not_keep_others_from_their_turn"],
    "http-bugs.md 40": [
        "case: half a head",
        "case: half a body",
        "tests/slow.rs: half_requests_hold_no_thread",
        "tests/slow.rs: an_answer_that_nobody_reads_holds_no_thread",
        "tests/tls/handshakes.rs: stalled_handshakes_slow_nobody",
    ],
    "http-bugs.md 41": [
        "tests/hostile.rs: a_half_request_and_fin_leave_nothing_behind",
        "tests/hostile.rs: a_request_and_fin_in_one_packet_leave_nothing_behind",
    ],
    "http-bugs.md 42": [],
    "http-bugs.md 43": [],
    "http-bugs.md 44": [],
    "http-bugs.md 45": ["case: less body than declared", "case: more body than declared"],
    "http-bugs.md 46": [],
    "http-bugs.md 47": [],
    "http-bugs.md 48": [],
    "http-bugs.md 49": [],
    "http-bugs.md 50": ["bindings/python/tests/test_application.py: test_close_is_called_once"],
    "http-bugs.md 51": [
        "tests/proxied/protocol.rs: who_is_no_proxy_is_not_believed",
        "tests/proxied/protocol.rs: a_header_that_is_not_in_order_ends_the_connection_and_is_logged",
        "tests/proxied/protocol.rs: a_slow_header_holds_nobody_and_has_its_time",
        "tests/tls/proxied.rs: a_proxy_header_goes_before",
    ],
    "http-bugs.md 52": [],
    "http-bugs.md 53": ["tests/tls/wire.rs: renegotiation_is_refused"],
    "http-bugs.md 54": [
        "tests/tls/wire.rs: plain_http_is_told",
        "tests/tls/wire.rs: garbage_is_closed",
        "tests/tls/wire.rs: what_is_cut_short_is_closed",
        "tests/tls/names.rs: each_name_gets_its_certificate",
    ],
    "http-bugs.md 55": ["tests/tls/wire.rs: a_goodbye_comes_at_the_end"],
    "http-bugs.md 56": ["tests/tls/resumption.rs: early_data_is_not_taken"],
    "http-bugs.md 57": [
        "tests/tls/handshakes.rs: below_the_minimum_version_nothing_is_spoken",
        "tests/tls/handshakes.rs: the_chosen_ciphers_are_spoken_and_no_others",
    ],
    "http-bugs.md 58": [
        "tests/tls/clients.rs: optional_ones_need_none",
        "tests/tls/clients.rs: bad_ones_are_not",
    ],
    "http-bugs.md 59": ["src/request/head/cut_tests.rs: a_byte_at_a_time_is_not_quadratic"],
    "http-bugs.md 60": [
        "tests/slow.rs: an_answer_that_nobody_reads_holds_no_thread",
        "tests/tls/bodies.rs: a_slow_reader_holds_no_thread",
    ],
    "http-bugs.md 61": [
        "tests/slow.rs: a_full_queue_refuses_after_its_time",
        "tests/crowded.rs: one_connection_too_many_gets_503_while_none_is_idle",
    ],
    "http-bugs.md 62": ["tests/c/descriptors.c: a_client_is_served_beside_silent_ones"],
    "wire.md: absolute-form target": [],
    "wire.md: //x": [],
    "wire.md: *": [],
    "wire.md: CONNECT": [],
    "wire.md: methods": [],
    "wire.md: empty lines before a request": [],
    "wire.md: version": [],
    "wire.md: bytes outside ASCII": [],
    "wire.md: %00, %0d%0a in the path": [],
    "wire.md: fragment in the target": [],
    "wire.md: bare LF, bare CR, NUL, obs-fold": [
        "case: a bare LF in a value",
        "case: a bare LF ends the line",
    ],
    "wire.md: 1.1 without Host": [],
    "wire.md: Content-Length: repeated": [],
    "wire.md: Transfer-Encoding and Content-Length": ["case: both lengths"],
    "wire.md: another well-formed transfer coding": [],
    "wire.md: bad chunk size": [],
    "wire.md: trailers": [],
    "wire.md: body cut short by the client": [
        "case: a body cut short by FIN",
        "case: a chunk cut short by FIN",
    ],
    "wire.md: Proxy: request header": [],
    "wire.md: header names with _": [],
    "wire.md: repeated list headers": [],
    "wire.md: header section too large": [],
    "wire.md: Expect": [],
    "wire.md: Connection": [],
    "wire.md: HEAD, 204, 304": [],
    "wire.md: body longer than Content-Length": [],
    "wire.md: body shorter than Content-Length": [],
    "wire.md: application error before the head is sent": [],
    "wire.md: CR, LF or NUL from the application": ["case: a header with a line end"],
    "wire.md: hop-by-hop headers": ["case: a hop-by-hop header"],
    "wire.md: exc_info restart": [],
    "wire.md: unread body": ["case: unread chunks are no request"],
    "wire.md: queue full, too many connections": [
        "tests/slow.rs: a_full_queue_refuses_after_its_time",
        "tests/crowded.rs: one_connection_too_many_gets_503_while_none_is_idle",
    ],
    "wire.md: plain HTTP on a TLS port": ["tests/tls/wire.rs: plain_http_is_told"],
    "wire.md: silent or half request": [],
    "wire.md: a request that arrives while stopping": [
        "tests/slow.rs: a_stop_waits_for_the_answer_of_a_request_in_work",
    ],
    "wire.md: Server": ["case: a plain GET"],
    "wire.md: Date": ["case: a plain GET"],
    "wire.md: order of response headers": [],
    "wire.md: keep-alive for a 1.0 client": [],
    "wire.md: option protocol": [],
    "wire.md: max_request_header_size": [],
}


if __name__ == "__main__":
    sys.exit(main())
