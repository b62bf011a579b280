//! Hijack: a connection that leaves the server, as a stream.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use support::{App, Client, DEADLINE, Gate, PROMPT, eventually, ok, path, serve};
use wsgiserver::{
    Direction, Gateway, HTTPServer, Outcome, PullWorker, Pulled, Request, RequestError, Stream,
    StreamError,
};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\n\
                       Upgrade: echo\r\nSec-WebSocket-Key: a2V5\r\n\r\n";
const SWITCHING: &str = "101 Switching Protocols";
const HEADERS: [(&str, &str); 2] = [("Connection", "Upgrade"), ("Upgrade", "echo")];

/// Streams leave the application through a channel.
fn hijacker() -> (impl Gateway, Receiver<Stream>) {
    let (give, take) = channel();
    let app = App(move |request: &Request<'_>| match path(request).as_str() {
        "/" => ok(request, b"plain"),
        _ => give_away(request, &give),
    });
    (app, take)
}

fn give_away(request: &Request<'_>, give: &Sender<Stream>) -> Outcome {
    give.send(request.hijack().unwrap()).unwrap();
    Outcome::Done
}

/// A connection that was hijacked: both of its ends.
fn hijacked() -> (Arc<HTTPServer>, Client, Stream) {
    let (app, streams) = hijacker();
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(UPGRADE);
    let stream = streams.recv_timeout(DEADLINE).unwrap();
    (server, client, stream)
}

fn read_all(stream: &Stream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut reader = stream;
    reader.read_exact(&mut bytes).unwrap();
    bytes
}

/// A byte pattern that shows a piece that is lost, doubled or moved.
fn pattern(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn what_was_read_ahead_comes_first() {
    let (app, streams) = hijacker();
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    // The earlier answer is sent before, the pipelined request behind belongs to the stream.
    client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n\r\n{UPGRADE}ahead GET / HTTP/1.1\r\n"));
    let stream = streams.recv_timeout(DEADLINE).unwrap();
    assert_eq!(client.answer(), (200, "plain".into()));
    assert_eq!(stream.pending(), b"ahead GET / HTTP/1.1\r\n".len());
    client.send("and more");
    assert_eq!(read_all(&stream, 5), b"ahead");
    assert_eq!(read_all(&stream, 17 + 8), b" GET / HTTP/1.1\r\nand more");
    assert_eq!(stream.pending(), 0);
    // The application said nothing, so nothing but its own bytes comes.
    assert_eq!(stream.write(b"HTTP/1.1 200 OK\r\n\r\nmine"), Ok(23));
    drop(stream);
    assert_eq!(client.rest(), b"HTTP/1.1 200 OK\r\n\r\nmine");
    server.stop();
}

#[test]
fn an_upgrade_is_begun_by_start_response() {
    let (give, streams) = channel();
    let app = App(move |request: &Request<'_>| {
        request.start_response(SWITCHING, &HEADERS, false).unwrap();
        give_away(request, &give)
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(UPGRADE);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("\r\nConnection: Upgrade\r\n") && head.contains("\r\nUpgrade: echo\r\n"));
    assert!(!head.contains("Content-Length") && !head.contains("chunked"), "{head}");
    let stream = streams.recv_timeout(DEADLINE).unwrap();
    assert_eq!(stream.write(b"echo"), Ok(4));
    drop(stream);
    assert_eq!(client.rest(), b"echo");
    server.stop();
}

/// An upgrade that nobody takes over ends the connection: what follows is no HTTP.
#[test]
fn an_upgrade_that_is_not_hijacked_closes() {
    let app = App(|request: &Request<'_>| {
        request.start_response(SWITCHING, &HEADERS, false).unwrap();
        Outcome::Done
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(format!("{UPGRADE}GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.rest(), b"");
    server.stop();
}

#[test]
fn the_environ_has_what_a_handshake_needs() {
    let app = App(|request: &Request<'_>| {
        let stream = request.environ(|environ| {
            let get = |key: &[u8]| String::from_utf8_lossy(environ.get(key).unwrap()).into_owned();
            let (connection, upgrade) = (get(b"HTTP_CONNECTION"), get(b"HTTP_UPGRADE"));
            format!("{connection}|{upgrade}|{}", get(b"HTTP_SEC_WEBSOCKET_KEY"))
        });
        ok(request, stream.unwrap().as_bytes())
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(UPGRADE);
    assert_eq!(client.answer(), (200, "keep-alive, Upgrade|echo|a2V5".into()));
    server.stop();
}

/// The part of the body that was read ahead and not taken is among the stream's first bytes.
#[test]
fn the_rest_of_a_body_comes_as_it_was_sent() {
    let (give, streams) = channel();
    let app = App(move |request: &Request<'_>| {
        assert_eq!(request.read(&mut [0; 3]), Ok(3));
        give_away(request, &give)
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabcdefbehind");
    let stream = streams.recv_timeout(DEADLINE).unwrap();
    assert_eq!(read_all(&stream, 9), b"defbehind");
    server.stop();
}

#[test]
fn sixteen_megabytes_go_both_ways_at_once() {
    const SIZE: usize = 16 << 20;
    let (server, client, stream) = hijacked();
    let sent = pattern(SIZE);
    let echo = std::thread::spawn(move || echo_by_two_threads(&stream));
    let writer = client.0.try_clone().unwrap();
    let to_send = sent.clone();
    let sending = std::thread::spawn(move || {
        (&writer).write_all(&to_send).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    (&client.0).read_to_end(&mut received).unwrap();
    sending.join().unwrap();
    assert_eq!(echo.join().unwrap(), SIZE);
    assert!(received == sent);
    server.stop();
}

/// Reads on this thread and writes on another, until the client has sent its end.
fn echo_by_two_threads(stream: &Stream) -> usize {
    let (give, take) = std::sync::mpsc::sync_channel::<Vec<u8>>(64);
    std::thread::scope(move |scope| {
        scope.spawn(move || {
            for piece in take {
                assert_eq!(stream.write(&piece), Ok(piece.len()));
            }
            stream.shutdown(Direction::Write);
        });
        let mut total = 0;
        let mut piece = vec![0; 64 * 1024];
        loop {
            let count = stream.read(&mut piece).unwrap();
            if count == 0 {
                return total;
            }
            total += count;
            give.send(piece[..count].to_vec()).unwrap();
        }
    })
}

#[test]
fn a_deadline_ends_a_wait_and_holds_until_it_is_moved() {
    let (server, mut client, stream) = hijacked();
    let mut byte = [0];
    let began = Instant::now();
    stream.set_deadline(Direction::Read, Some(Duration::from_millis(50)));
    assert_eq!(stream.read(&mut byte), Err(StreamError::Timeout));
    assert!(began.elapsed() >= Duration::from_millis(49));
    client.send("x");
    assert_eq!(stream.read(&mut byte), Err(StreamError::Timeout));
    assert_eq!(stream.try_read(&mut byte), Err(StreamError::Timeout));
    // The other direction has one of its own.
    assert_eq!(stream.write(b"still"), Ok(5));
    stream.set_deadline(Direction::Both, None);
    assert_eq!((stream.read(&mut byte), byte), (Ok(1), *b"x"));
    stream.set_deadline(Direction::Both, Some(Duration::ZERO));
    assert_eq!(stream.write(b"late"), Err(StreamError::Timeout));
    drop(stream);
    assert_eq!(client.rest(), b"still");
    server.stop();
}

/// Runs a call that waits on a thread of its own, waits until it does, and then does something.
fn while_it_waits(
    stream: &Stream,
    call: impl Fn() -> Result<usize, StreamError> + Send,
    direction: Direction,
    act: impl FnOnce(),
) -> Result<usize, StreamError> {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            loop {
                match call() {
                    // It met the look below.
                    Err(StreamError::Busy) => std::thread::yield_now(),
                    result => return result,
                }
            }
        });
        eventually("the call was to wait", || match direction {
            Direction::Read => stream.try_read(&mut []) == Err(StreamError::Busy),
            _ => stream.try_write(b"") == Err(StreamError::Busy),
        });
        act();
        waiting.join().unwrap()
    })
}

#[test]
fn a_deadline_set_later_ends_a_wait_that_has_begun() {
    let (server, _client, stream) = hijacked();
    let read = || stream.read(&mut [0]);
    let set = |millis| stream.set_deadline(Direction::Read, Some(Duration::from_millis(millis)));
    assert_eq!(
        while_it_waits(&stream, read, Direction::Read, || {
            set(60_000);
            set(20);
        }),
        Err(StreamError::Timeout)
    );
    stream.set_deadline(Direction::Read, None);
    let now = || set(0);
    assert_eq!(while_it_waits(&stream, read, Direction::Read, now), Err(StreamError::Timeout));
    server.stop();
}

#[test]
fn cancel_ends_reading_and_writing() {
    let (server, mut client, stream) = hijacked();
    let endless = vec![b'x'; 64 << 20];
    let (read, written) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| stream.write(&endless));
        let read = || stream.read(&mut [0]);
        let read = while_it_waits(&stream, read, Direction::Read, || {
            // Its first bytes say that it is in its call, so that no look is in its way.
            eventually("the writer was to begin", || client.has_answer());
            eventually("the writer was to wait", || {
                stream.try_write(b"") == Err(StreamError::Busy)
            });
            stream.cancel();
        });
        (read, writing.join().unwrap())
    });
    assert_eq!(read, Err(StreamError::Cancelled));
    // Some of it had gone; the rest is told by the next call.
    assert!(written.is_ok_and(|count| count < endless.len()), "{written:?}");
    assert_eq!(stream.write(b"more"), Err(StreamError::Cancelled));
    assert_eq!(stream.read(&mut [0]), Err(StreamError::Cancelled));
    assert_eq!(stream.try_read(&mut [0]), Err(StreamError::Cancelled));
    let received = client.rest();
    assert_eq!(received.len(), written.unwrap());
    server.stop();
}

#[test]
fn half_closes_on_both_sides() {
    let (server, mut client, stream) = hijacked();
    stream.shutdown(Direction::Write);
    assert_eq!(stream.write(b"more"), Err(StreamError::State));
    assert_eq!(client.rest(), b"");
    client.send("last words");
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&stream, 10), b"last words");
    assert_eq!(stream.read(&mut [0]), Ok(0));
    server.stop();

    let (server, mut client, stream) = hijacked();
    let read = || stream.read(&mut [0]);
    let shut = || stream.shutdown(Direction::Read);
    assert_eq!(while_it_waits(&stream, read, Direction::Read, shut), Ok(0));
    assert_eq!(stream.write(b"still"), Ok(5));
    drop(stream);
    assert_eq!(client.rest(), b"still");
    server.stop();
}

#[test]
fn a_client_that_leaves_in_the_middle_is_told_to_both() {
    let (server, client, stream) = hijacked();
    let endless = vec![b'x'; 64 << 20];
    let write = || stream.write(&endless);
    let mut client = Some(client);
    let leave = || {
        eventually("bytes were to come", || client.as_ref().unwrap().has_answer());
        // With bytes unread the system sends a reset.
        drop(client.take());
    };
    let written = while_it_waits(&stream, write, Direction::Write, leave);
    assert!(written.is_ok_and(|count| count < endless.len()), "{written:?}");
    assert_eq!(stream.write(b"more"), Err(StreamError::Client));
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(StreamError::Client)));
    server.stop();
}

#[test]
fn without_waiting_it_says_again() {
    let (server, mut client, stream) = hijacked();
    assert_eq!(stream.try_read(&mut [0]), Err(StreamError::Again));
    let piece = vec![b'x'; 1 << 20];
    let mut written = 0;
    let full = loop {
        match stream.try_write(&piece) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(full, StreamError::Again);
    client.send("now");
    let mut buffer = [0; 8];
    let mut got = Err(StreamError::Again);
    let until = Instant::now() + DEADLINE;
    while got == Err(StreamError::Again) && Instant::now() < until {
        got = stream.try_read(&mut buffer);
    }
    assert_eq!(got, Ok(3));
    drop(stream);
    assert_eq!(client.rest().len(), written);
    server.stop();
}

#[test]
fn one_thread_reads_at_a_time() {
    let (server, mut client, stream) = hijacked();
    let read = || stream.read(&mut [0]);
    let second = || {
        assert_eq!(stream.read(&mut [0]), Err(StreamError::Busy));
        client.send("x");
    };
    assert_eq!(while_it_waits(&stream, read, Direction::Read, second), Ok(1));
    server.stop();
}

#[test]
fn the_request_is_gone() {
    let (say, heard) = channel();
    let app = App(move |request: &Request<'_>| {
        let stream = request.hijack().unwrap();
        let errors = [
            request.hijack().map(drop).unwrap_err(),
            request.respond("200 OK", &[], b"").unwrap_err(),
            request.read(&mut [0; 8]).map(drop).unwrap_err(),
            request.environ(|_| ()).unwrap_err(),
            request.aborted().map(drop).unwrap_err(),
            request.detach().map(drop).unwrap_err(),
        ];
        say.send((stream, errors)).unwrap();
        Outcome::Failed
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(UPGRADE);
    let (stream, errors) = heard.recv_timeout(DEADLINE).unwrap();
    assert!(errors.iter().all(|error| *error == RequestError::Gone), "{errors:?}");
    stream.write(b"untouched").unwrap();
    drop(stream);
    assert_eq!(client.rest(), b"untouched");
    server.stop();
}

#[test]
fn an_answer_that_has_begun_is_not_hijacked() {
    let state = |result: Result<Stream, RequestError>| {
        assert!(matches!(result, Err(RequestError::State(_))), "{result:?}");
    };
    let app = App(move |request: &Request<'_>| match path(request).as_str() {
        "/answered" => {
            let outcome = ok(request, b"answered");
            state(request.hijack());
            outcome
        }
        "/started" => {
            request.start_response("200 OK", &[("Content-Length", "4")], false).unwrap();
            state(request.try_hijack());
            request.write(b"body").unwrap();
            state(request.hijack());
            Outcome::Done
        }
        _ => {
            // What was started can be taken back.
            request.start_response("200 OK", &[], false).unwrap();
            request.start_response(SWITCHING, &HEADERS, true).unwrap();
            request.hijack().unwrap().write(b"mine").unwrap();
            Outcome::Done
        }
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    assert_eq!(client.get("/answered").answer(), (200, "answered".into()));
    assert_eq!(client.get("/started").answer(), (200, "body".into()));
    assert!(client.get("/taken").head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.rest(), b"mine");
    server.stop();
}

#[test]
fn a_detached_request_is_hijacked_by_another_thread() {
    let (give, take) = channel();
    let app = App(move |request: &Request<'_>| {
        give.send(request.detach().unwrap()).unwrap();
        Outcome::Detached
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(UPGRADE);
    let detached = take.recv_timeout(DEADLINE).unwrap();
    let stream = detached.request().hijack().unwrap();
    assert_eq!(detached.request().hijack().map(drop), Err(RequestError::Gone));
    drop(detached);
    stream.write(b"from elsewhere").unwrap();
    drop(stream);
    assert_eq!(client.rest(), b"from elsewhere");
    server.stop();
}

#[test]
fn a_pulled_request_is_hijacked() {
    let server = Arc::new(HTTPServer::pull("127.0.0.1:0").unwrap());
    server.start_background().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(UPGRADE);
    let mut worker = PullWorker::new(&server).unwrap();
    let Pulled::Request(id) = worker.next(Some(DEADLINE.as_millis() as u64)) else {
        panic!("no request came")
    };
    let stream = worker.request(id).hijack().unwrap();
    assert_eq!(worker.request(id).hijack().map(drop), Err(RequestError::Gone));
    stream.write(b"pulled").unwrap();
    drop(stream);
    assert_eq!(client.rest(), b"pulled");
    server.stop();
}

/// A stream outlives a stop, and the stop does not wait for it, nor for an application that serves
/// it in its call.
#[test]
fn a_stop_lets_streams_be() {
    let (give, streams) = channel();
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let app = App(move |request: &Request<'_>| {
        let outcome = give_away(request, &give);
        assert!(held.pass());
        outcome
    });
    let (server, address) = serve(app, &[("shutdown_timeout", "60"), ("numthreads", "2")]);
    let mut client = Client::connect(address);
    client.send(UPGRADE);
    let stream = streams.recv_timeout(DEADLINE).unwrap();
    gate.wait_for(1);
    let began = Instant::now();
    assert_eq!(server.stop(), 0);
    assert!(began.elapsed() < PROMPT);
    gate.open();
    drop(server);
    client.send("ping");
    assert_eq!(read_all(&stream, 4), b"ping");
    assert_eq!(stream.write(b"pong"), Ok(4));
    drop(stream);
    assert_eq!(client.rest(), b"pong");
}

/// An answer that the client does not take at once goes out first.
#[test]
fn an_earlier_answer_that_is_stuck_goes_out_first() {
    let large = Arc::new(pattern(8 << 20));
    let (give, streams) = channel();
    let body = large.clone();
    let app = App(move |request: &Request<'_>| match path(request).as_str() {
        "/large" => ok(request, &body),
        _ => give_away(request, &give),
    });
    let (server, address) = serve(app, &[]);
    let mut client = Client::connect(address);
    client.send(format!("GET /large HTTP/1.1\r\nHost: test\r\n\r\n{UPGRADE}"));
    let head = client.head();
    assert!(head.contains("Content-Length: 8388608"), "{head}");
    let mut body = vec![0; large.len()];
    client.0.read_exact(&mut body).unwrap();
    assert!(body == *large);
    let stream = streams.recv_timeout(DEADLINE).unwrap();
    stream.write(b"behind").unwrap();
    drop(stream);
    assert_eq!(client.rest(), b"behind");
    server.stop();
}
