//! A whole connection: however its bytes are cut, its client gets the same answers.

use std::net::Shutdown;

use super::framing;
use crate::connection::Advance;
use crate::connection::body::Wait;
use crate::connection::by_hand::{Pair, services};
use crate::connection::services::Services;
use crate::engine::ownership::Bits;
use crate::request::head::HeadPolicy;
use crate::request::reference;

const MAX_BODY: u64 = 1000;

thread_local! {
    // The reference knows no limit of names.
    static SERVICES: Services = services(
        HeadPolicy { max_body: MAX_BODY, max_field_name: 0, ..HeadPolicy::default() },
        1 << 20,
    );
}

/// The first byte says how the others are cut.
pub fn connection(input: &[u8]) {
    let Some((how, input)) = input.split_first() else { return };
    let piece = usize::from(how >> 1) + 1;
    SERVICES.with(|services| {
        let whole = answers(services, input, input.len().max(1), false);
        let pieces = answers(services, input, piece, how & 1 == 1);
        assert_eq!(without_dates(&whole), without_dates(&pieces));
        if framing::is_within_limits(input) {
            agrees(input, &whole);
        }
    });
}

/// The answers are those to the requests that the reference reads, in order, and to no others.
fn agrees(mut input: &[u8], mut answers: &[u8]) {
    loop {
        // Nothing is looked at from here on.
        if reference::head::head(input).is_ok_and(|head| head.expect_continue) {
            return;
        }
        let message = match reference::message(input) {
            Ok(message) => message,
            Err(fault) => {
                // Nothing that is wrong or incomplete gets to the application.
                assert!(!answers.starts_with(b"HTTP/1.1 200"), "{fault:?}, but answered");
                return;
            }
        };
        if message.head.scheme.as_ref().is_some_and(|scheme| scheme != b"http") {
            assert!(!answers.starts_with(b"HTTP/1.1 200"), "another scheme, but answered");
            return;
        }
        // A large one is refused.
        if message.body.len() as u64 > MAX_BODY {
            return;
        }
        let is_head = message.head.method == b"HEAD";
        let (method, path) = (&message.head.method[..], &message.head.path[..]);
        let expected = [method, b" ", path, b"\n", &message.body].concat();
        let end = memchr::memmem::find(answers, b"\r\n\r\n").expect("an answer") + 4;
        let (head, rest) = answers.split_at(end);
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", head.escape_ascii());
        answers = if is_head {
            rest
        } else {
            let length = format!("\r\nContent-Length: {}\r\n", expected.len());
            assert!(memchr::memmem::find(head, length.as_bytes()).is_some());
            rest.strip_prefix(&expected[..]).expect("what was understood")
        };
        if !message.head.keep_alive {
            assert!(answers.is_empty(), "answered behind the last request");
            return;
        }
        input = &input[message.length..];
    }
}

/// The answers as lines; a second may pass between two runs.
fn without_dates(answers: &[u8]) -> Vec<String> {
    let lines = answers.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.starts_with(b"Date: "));
    lines.map(|line| line.escape_ascii().to_string()).collect()
}

/// What a client gets that sends `input` in pieces and then half-closes. With `rest` each request
/// goes to rest before it is answered, as in a queue.
fn answers(services: &Services, input: &[u8], piece: usize, rest: bool) -> Vec<u8> {
    let mut pair = Pair::new(services);
    for piece in input.chunks(piece) {
        let advance = pair.send(piece);
        if !answer_all(&mut pair, advance, rest) {
            return pair.answers();
        }
    }
    // The server may have ended both sides already.
    let _closed = pair.client.shutdown(Shutdown::Write);
    let advance = pair.turn(Bits::HUP);
    let ended = !answer_all(&mut pair, advance, rest);
    assert!(ended, "a connection without a client is over");
    pair.answers()
}

/// Whether the client waits for `100 Continue`, or says that it does. If the application does not read
/// the body, the connection is kept if the body is here, which depends on how it is cut.
fn expects(pair: &Pair<'_>) -> bool {
    pair.connection.exchange.as_ref().is_some_and(|exchange| exchange.head.expect_continue)
}

/// False if the connection is over, or not to be looked at any more.
fn answer_all(pair: &mut Pair<'_>, mut advance: Advance, rest: bool) -> bool {
    while advance == Advance::Request {
        if expects(pair) {
            return false;
        }
        if rest {
            pair.connection.back_to_ready(pair.services, &mut pair.spare, 1);
            assert_eq!(pair.turn(Bits::NONE), Advance::Request, "it is still complete");
        }
        answer(pair);
        advance = pair.turn(Bits::NONE);
    }
    advance == Advance::Wait
}

/// Answers with what was understood of the request.
fn answer(pair: &mut Pair<'_>) {
    let exchange = pair.connection.exchange.as_ref().expect("a request has one");
    let head = &exchange.head;
    let method = head.method.of(exchange.input.request()).to_vec();
    let mut body = [&method, &b" "[..], &head.path, b"\n"].concat();
    let mut buffer = [0; 100];
    // Everything has been read ahead: this never waits.
    loop {
        match pair.connection.read_body(pair.services, &mut buffer, Wait::ForClient) {
            Ok(0) | Err(_) => break,
            Ok(count) => body.extend_from_slice(&buffer[..count]),
        }
    }
    // A body that was refused has no answer any more.
    let _refused = pair.connection.respond(pair.services, b"200 OK", std::iter::empty(), &body);
    pair.connection.end_request(pair.services, false);
}
