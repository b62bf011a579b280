//! How much work a request in single bytes makes, counted, not timed.

use super::*;
use crate::connection::Advance;
use crate::connection::body::Wait;
use crate::connection::by_hand::{Pair, services};
use crate::engine::ownership::Bits;
use crate::request::work;

const SIZE: usize = 64 * 1024;

/// Byte by byte: the work that was done when the request was complete, with its last byte.
fn work_of(request: &[u8]) -> usize {
    let policy = HeadPolicy { max_field_bytes: 0, ..HeadPolicy::default() };
    let services = services(policy, 1 << 20);
    let mut pair = Pair::new(&services);
    let _before = work::take();
    let (last, all) = request.split_last().unwrap();
    for byte in all {
        assert_eq!(pair.send(&[*byte]), Advance::Wait);
    }
    assert_eq!(pair.send(&[*last]), Advance::Request);
    let exchange = pair.connection.exchange.as_ref().unwrap();
    assert_eq!(exchange.input.request(), request);
    work::take()
}

fn chunked(size: usize, chunk: usize) -> Vec<u8> {
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..size / chunk {
        request.extend_from_slice(format!("{chunk:x}\r\n").as_bytes());
        request.resize(request.len() + chunk, b'x');
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[test]
fn a_chunked_body_in_single_bytes_is_decoded_once() {
    for chunk in [SIZE, 16, 1] {
        let request = chunked(SIZE, chunk);
        // Once by the scanner, once for the head and the bytes in the exchange at the end.
        let work = work_of(&request);
        assert!(work <= 4 * request.len(), "{work} for {} in {chunk}s", request.len());
    }
}

#[test]
fn a_body_of_known_length_and_a_long_head_in_single_bytes_are_copied_once() {
    let mut body =
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n").into_bytes();
    body.resize(body.len() + SIZE, b'x');
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ".to_vec();
    head.resize(SIZE - 100, b'x');
    head.extend_from_slice(b"\r\n\r\n");
    for request in [body, head] {
        let work = work_of(&request);
        assert!(work <= 6 * request.len(), "{work} for {}", request.len());
    }
}

#[test]
fn a_body_in_pieces_goes_on_at_the_limit_for_reading_ahead() {
    let request = chunked(SIZE, 100);
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let services = services(HeadPolicy::default(), 1000);
    let mut pair = Pair::new(&services);
    for byte in &request[..head + 999] {
        assert_eq!(pair.send(&[*byte]), Advance::Wait);
    }
    assert_eq!(pair.send(&request[head + 999..head + 1000]), Advance::Request);
}

#[test]
fn a_malformed_chunk_is_refused_with_its_first_wrong_byte() {
    let services = services(HeadPolicy::default(), 1 << 20);
    let mut pair = Pair::new(&services);
    let request = chunked(100, 10);
    let all = request.len() - 5;
    for byte in &request[..all] {
        assert_eq!(pair.send(&[*byte]), Advance::Wait);
    }
    assert_eq!(pair.send(b"x"), Advance::Wait, "it lingers");
    let answer = String::from_utf8(pair.answers()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
}

#[test]
fn a_malformed_head_is_refused_however_it_is_cut_when_its_client_ends() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX bad: ";
    for piece in [1, head.len()] {
        let services = services(HeadPolicy::default(), 1 << 20);
        let mut pair = Pair::new(&services);
        for piece in head.chunks(piece) {
            assert_eq!(pair.send(piece), Advance::Wait);
        }
        // After a refusal the server may have ended both sides.
        let _ended = pair.client.shutdown(std::net::Shutdown::Write);
        assert_eq!(pair.turn(Bits::HUP), Advance::Close);
        assert!(pair.answers().starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{piece}");
    }
}

#[test]
fn what_comes_behind_the_body_is_kept_for_the_next_request() {
    let services = services(HeadPolicy::default(), 1 << 20);
    let mut pair = Pair::new(&services);
    let request = chunked(20, 10);
    let cut = request.len() - 7;
    assert_eq!(pair.send(&request[..cut]), Advance::Wait);
    let rest = [&request[cut..], b"GET / HTTP/1.1\r\n"].concat();
    assert_eq!(pair.send(&rest), Advance::Request);
    let exchange = pair.connection.exchange.as_ref().unwrap();
    assert!(exchange.input.request().ends_with(b"0\r\n\r\nGET / HTTP/1.1\r\n"));
}

#[test]
fn an_idle_connection_has_not_grown() {
    assert!(size_of::<HTTPConnection>() <= 328, "{}", size_of::<HTTPConnection>());
}

/// The decoded length that the application sees of a request that is sent in pieces.
fn told_length(preread: usize, pieces: &[&[u8]]) -> Option<u64> {
    let services = services(HeadPolicy::default(), preread);
    let mut pair = Pair::new(&services);
    let (last, others) = pieces.split_last().unwrap();
    for piece in others {
        assert_eq!(pair.send(piece), Advance::Wait);
    }
    assert_eq!(pair.send(last), Advance::Request);
    pair.connection.exchange.as_ref().unwrap().head.decoded_length
}

#[test]
fn a_chunked_body_that_is_there_has_a_length_however_it_came() {
    let request = chunked(300, 100);
    let body = 3 * (2 + 2 + 100 + 2) + 5;
    let (one, other) = request.split_at(request.len() - 50);
    assert_eq!(told_length(1000, &[&request]), Some(300));
    assert_eq!(told_length(1000, &[one, other]), Some(300));
    let bytes: Vec<&[u8]> = request.chunks(1).collect();
    assert_eq!(told_length(1000, &bytes), Some(300));
    // What comes with it does not matter.
    let more = [&request[..], &[b'x'; 2000]].concat();
    assert_eq!(told_length(1000, &[&more]), Some(300));
    assert_eq!(told_length(body, &[&more]), Some(300));
    assert_eq!(told_length(body, &[&request]), Some(300));
    assert_eq!(told_length(1000, &[&chunked(0, 1)]), Some(0));
}

#[test]
fn a_chunked_body_that_is_not_read_ahead_has_no_length() {
    let request = chunked(300, 100);
    let body = 3 * (2 + 2 + 100 + 2) + 5;
    assert_eq!(told_length(body - 1, &[&request]), None);
    assert_eq!(told_length(0, &[&request]), None);
    let asks = String::from_utf8(request).unwrap();
    let asks = asks.replace("Host: a\r\n", "Host: a\r\nExpect: 100-continue\r\n");
    assert_eq!(told_length(1000, &[asks.as_bytes()]), None);
}

/// More of a body may have come than was read ahead: a connection is not given up for that.
#[test]
fn chunks_that_are_here_and_not_read_are_passed_over() {
    let services = services(HeadPolicy::default(), 1000);
    let mut pair = Pair::new(&services);
    let request = chunked(100_000, 100);
    assert_eq!(pair.send(&request), Advance::Request);
    pair.connection.respond(&services, b"200 OK", std::iter::empty(), b"").unwrap();
    pair.connection.end_request(&services, false);
    let answer = String::from_utf8(pair.answers()).unwrap();
    assert!(!answer.contains("Connection: close"), "{answer}");
    assert_eq!(pair.turn(Bits::NONE), Advance::Wait);
    assert_eq!(pair.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Advance::Request);
}

#[test]
fn chunks_that_are_still_to_come_end_the_connection_and_the_answer_says_so() {
    let services = services(HeadPolicy::default(), 1000);
    let mut pair = Pair::new(&services);
    let request = chunked(100_000, 100);
    assert_eq!(pair.send(&request[..request.len() - 1]), Advance::Request);
    pair.connection.respond(&services, b"200 OK", std::iter::empty(), b"").unwrap();
    pair.connection.end_request(&services, false);
    let answer = String::from_utf8(pair.answers()).unwrap();
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert_eq!(pair.turn(Bits::NONE), Advance::Wait, "it lingers");
}

/// What the application began to read it may go on with while it answers, so the answer cannot say yet
/// whether the rest will be read.
#[test]
fn chunks_that_were_begun_are_passed_over_when_they_come() {
    let request = chunked(100_000, 100);
    for (rest, next) in [(0, Advance::Request), (1, Advance::Wait)] {
        let services = services(HeadPolicy::default(), 1000);
        let mut pair = Pair::new(&services);
        assert_eq!(pair.send(&request[..50_000]), Advance::Request);
        pair.connection.read_body(&services, &mut [0; 150], Wait::Never).unwrap();
        pair.connection.respond(&services, b"200 OK", std::iter::empty(), b"").unwrap();
        pair.connection.end_request(&services, false);
        let answer = String::from_utf8(pair.answers()).unwrap();
        assert!(!answer.contains("Connection: close"), "{answer}");
        assert_eq!(pair.turn(Bits::NONE), Advance::Wait);
        // With a byte too many the chunks are malformed.
        assert_eq!(pair.send(&request[50_000 - rest..70_000]), Advance::Wait);
        let last = [&request[70_000..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(pair.send(&last), next);
    }
}
