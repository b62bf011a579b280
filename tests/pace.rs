//! Clients that are never quite silent: `min_body_rate` and `min_write_rate`.

mod support;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use support::{App, Client, DEADLINE, eventually, ok, serve};
use wsgiserver::{Outcome, Request, RequestError};

const LARGE: usize = 16 << 20;
/// Between two drops of a client that drips.
const DROP: Duration = Duration::from_millis(20);

/// Sends a few bytes again and again, until the server has had enough or all are sent. The longest
/// time from one drop to the next.
fn drip(client: &mut Client, count: usize) -> Duration {
    let deadline = Instant::now() + 2 * DEADLINE;
    let (mut longest, mut before) = (Duration::ZERO, Instant::now());
    for _ in 0..count {
        let now = Instant::now();
        longest = longest.max(now - before);
        assert!(now < deadline, "the server never had enough");
        if client.has_answer() || client.0.write_all(b"0123456789").is_err() {
            break;
        }
        longest = longest.max(before.elapsed());
        before = now;
        thread::sleep(DROP);
    }
    longest
}

fn read_all(request: &Request<'_>) -> Result<usize, RequestError> {
    let (mut all, mut buffer) = (0, [0; 4096]);
    loop {
        match request.read(&mut buffer)? {
            0 => return Ok(all),
            count => all += count,
        }
    }
}

#[test]
fn a_body_that_drips_is_refused_before_the_application_is_called() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let app = App(move |request: &Request<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        ok(request, b"done")
    });
    let (_server, address) = serve(app, &[("body_timeout", "0.3"), ("min_body_rate", "100000")]);
    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n");
    drip(&mut client, usize::MAX);
    assert_eq!(client.answer().0, 408);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_body_that_drips_into_the_application_fails_there() {
    let seen = Arc::new(Mutex::new(None));
    let noted = seen.clone();
    let app = App(move |request: &Request<'_>| {
        *noted.lock().unwrap() = Some(read_all(request));
        Outcome::Failed
    });
    let options = [("body_timeout", "0.3"), ("min_body_rate", "100000"), ("preread", "0")];
    let (_server, address) = serve(app, &options);
    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n");
    drip(&mut client, usize::MAX);
    assert_eq!(client.answer().0, 408);
    let seen = *seen.lock().unwrap();
    assert_eq!(seen, Some(Err(RequestError::Client("the client is too slow"))));
}

#[test]
fn a_body_that_is_fast_enough_may_take_longer_than_the_time_out() {
    for preread in ["0", "65536"] {
        let app = App(|request: &Request<'_>| match read_all(request) {
            Ok(count) => ok(request, count.to_string().as_bytes()),
            Err(_) => Outcome::Failed,
        });
        let options = [("body_timeout", "0.2"), ("min_body_rate", "10"), ("preread", preread)];
        let (_server, address) = serve(app, &options);
        // A client that the machine has held up for the time-out is refused with reason.
        eventually("a client gets its turns", || {
            let mut client = Client::connect(address);
            let begun = Instant::now();
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n");
            let pause = begun.elapsed().max(drip(&mut client, 50));
            let in_time = pause < Duration::from_millis(200);
            assert!(!in_time || client.answer() == (200, "500".into()), "{pause:?}");
            in_time
        });
    }
}

/// Takes an answer by sips; how much came before the end.
fn sip(client: &mut Client) -> usize {
    let deadline = Instant::now() + 2 * DEADLINE;
    let (mut all, mut buffer) = (0, [0; 1024]);
    while Instant::now() < deadline {
        match client.0.read(&mut buffer) {
            Ok(0) | Err(_) => return all,
            Ok(count) => all += count,
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("the server let it go on");
}

/// A small window, so that what the client takes is what the server sees taken.
fn narrow(address: std::net::SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    Client(socket.into())
}

#[test]
fn an_answer_that_is_sipped_is_cut() {
    let app = App(|request: &Request<'_>| ok(request, &vec![b'x'; LARGE]));
    let (_server, address) = serve(app, &[("write_timeout", "2"), ("min_write_rate", "100000000")]);
    let mut client = narrow(address);
    assert!(sip(client.get("/")) < LARGE);
}

#[test]
fn a_stream_that_is_sipped_is_cut() {
    let failed = Arc::new(AtomicUsize::new(0));
    let noted = failed.clone();
    let app = App(move |request: &Request<'_>| {
        let length = LARGE.to_string();
        request.start_response("200 OK", &[("Content-Length", &length)], false).unwrap();
        for _ in 0..LARGE / 65_536 {
            if request.write(&[b'x'; 65_536]).is_err() {
                noted.fetch_add(1, Ordering::SeqCst);
                return Outcome::Failed;
            }
        }
        Outcome::Done
    });
    let (_server, address) = serve(app, &[("write_timeout", "2"), ("min_write_rate", "100000000")]);
    let mut client = narrow(address);
    assert!(sip(client.get("/")) < LARGE);
    eventually("the application is told", || failed.load(Ordering::SeqCst) == 1);
}
