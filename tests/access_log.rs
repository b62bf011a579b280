//! The access log and `request_done`: once for each request, whatever becomes of it.

mod support;

use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use support::{App, Client, Gate, eventually, ok, path, serve_with};
use wsgiserver::{AccessRecord, Ended, Gateway, HTTPServer, Handlers, Outcome, Request, RequestId};

/// A record that is kept.
#[derive(Clone, Debug)]
struct Line {
    request: Option<RequestId>,
    remote: Option<SocketAddr>,
    texts: [String; 5],
    status: u16,
    sent: u64,
    received: u64,
    arrived: SystemTime,
    duration: Duration,
    keep_alive: bool,
    ended: Ended,
}

#[derive(Clone, Default)]
struct Book {
    lines: Arc<Mutex<Vec<Line>>>,
    done: Arc<Mutex<Vec<(RequestId, Ended)>>>,
}

impl Book {
    fn handlers(&self) -> Handlers {
        let (lines, done) = (self.lines.clone(), self.done.clone());
        let write = move |record: &AccessRecord<'_>| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let texts =
                [record.method, record.target, record.protocol, record.user_agent, record.referer];
            lines.lock().unwrap().push(Line {
                request: record.request,
                remote: record.remote,
                texts: texts.map(text),
                status: record.status,
                sent: record.sent,
                received: record.received,
                arrived: record.arrived,
                duration: record.duration,
                keep_alive: record.keep_alive,
                ended: record.ended,
            });
        };
        let note = move |request, ended| done.lock().unwrap().push((request, ended));
        Handlers::new().access_log(write).request_done(note)
    }

    fn lines(&self, count: usize) -> Vec<Line> {
        eventually("the lines", || self.lines.lock().unwrap().len() >= count);
        let lines = self.lines.lock().unwrap().clone();
        assert_eq!(lines.len(), count, "{lines:?}");
        lines
    }

    /// How requests were done with, once so many were.
    fn done(&self, count: usize) -> Vec<(RequestId, Ended)> {
        eventually("the ends", || self.done.lock().unwrap().len() >= count);
        let done = self.done.lock().unwrap().clone();
        assert_eq!(done.len(), count);
        done
    }

    /// The only line.
    fn line(&self) -> Line {
        self.lines(1).remove(0)
    }
}

fn serve(
    gateway: impl Gateway,
    book: &Book,
    options: &[(&str, &str)],
) -> (Arc<HTTPServer>, SocketAddr) {
    serve_with(gateway, book.handlers(), options)
}

fn hello(request: &Request<'_>) -> Outcome {
    ok(request, b"hello")
}

#[test]
fn a_line_has_everything() {
    let book = Book::default();
    let (server, address) = serve(App(hello), &book, &[]);
    let before = SystemTime::now();
    let mut client = Client::connect(address);
    let request = "POST /a?b HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\nReferer: /x\r\n\
                   Content-Length: 4\r\n\r\nbody";
    client.send(request);
    assert_eq!(client.answer(), (200, "hello".into()));
    let line = book.line();
    assert_eq!(line.texts, ["POST", "/a?b", "HTTP/1.1", "me", "/x"]);
    assert_eq!(line.remote, Some(client.0.local_addr().unwrap()));
    assert_eq!((line.status, line.sent, line.received), (200, 5, request.len() as u64));
    assert!(line.arrived >= before - Duration::from_secs(1) && line.arrived <= SystemTime::now());
    assert!(line.duration < support::PROMPT);
    assert!(line.keep_alive);
    assert_eq!(line.ended, Ended::Sent);
    assert_eq!(book.done(1), [(line.request.unwrap(), Ended::Sent)]);
    server.stop();
}

/// Several in one packet, answered in one, then a last one.
#[test]
fn pipelined_requests_have_a_line_each() {
    let book = Book::default();
    let (server, address) = serve(App(hello), &book, &[]);
    let mut client = Client::connect(address);
    let one = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    let last = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    client.send([one, one, one, last].concat());
    assert_eq!(String::from_utf8(client.rest()).unwrap().matches("hello").count(), 4);
    let lines = book.lines(4);
    let received: Vec<_> = lines.iter().map(|line| line.received as usize).collect();
    assert_eq!(received, [one.len(), one.len(), one.len(), last.len()]);
    assert_eq!(
        lines.iter().map(|line| line.keep_alive).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    assert!(lines.iter().all(|line| line.sent == 5 && line.ended == Ended::Sent));
    book.done(4);
    server.stop();
}

/// What the server says itself. Such a request has not reached the application.
#[test]
fn the_servers_own_answers_have_lines() {
    for (request, options, status, target) in [
        ("no request\r\n\r\n", [("timeout", "10")], 400, ""),
        ("", [("header_timeout", "0.05")], 408, ""),
        // Time enough to send it.
        ("GET / HT", [("header_timeout", "0.5")], 408, ""),
        (
            "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1",
            [("body_timeout", "0.05")],
            408,
            "/slow",
        ),
        (
            "POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
            [("max_request_body_size", "9")],
            413,
            "/big",
        ),
    ] {
        let book = Book::default();
        let (server, address) = serve(App(hello), &book, &options);
        let mut client = Client::connect(address);
        client.send(request);
        let answer = String::from_utf8(client.rest()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let line = book.line();
        assert_eq!((line.status, line.texts[1].as_str(), line.request), (status, target, None));
        assert_eq!(line.received, request.len() as u64);
        assert_eq!(line.ended, Ended::Sent);
        assert!(!line.keep_alive);
        assert!(answer.ends_with("\r\n\r\n") == (line.sent == 0), "{answer} {}", line.sent);
        server.stop();
        assert!(book.done.lock().unwrap().is_empty());
        book.line();
    }
}

#[test]
fn a_failure_is_a_500_or_a_cut() {
    let book = Book::default();
    let faulty = |request: &Request<'_>| match path(request).as_str() {
        "/500" => Outcome::Failed,
        _ => {
            request.start_response("200 OK", &[("Content-Length", "9")], false).unwrap();
            request.write(b"half").unwrap();
            Outcome::Done
        }
    };
    let (server, address) = serve(App(faulty), &book, &[]);
    Client::connect(address).get("/500").rest();
    let line = book.line();
    assert_eq!((line.status, line.sent, line.ended), (500, 0, Ended::Sent));
    Client::connect(address).get("/cut").rest();
    let line = book.lines(2).remove(1);
    assert_eq!((line.status, line.sent, line.ended), (200, 4, Ended::Cut));
    let done: Vec<_> = book.done(2).iter().map(|done| done.1).collect();
    assert_eq!(done, [Ended::Sent, Ended::Cut]);
    server.stop();
}

/// A parked answer: the line comes when its last byte has left, or when it never will.
#[test]
fn an_answer_that_is_parked_has_its_line_at_its_end() {
    const SIZE: usize = 32 << 20;
    let large = |request: &Request<'_>| ok(request, &vec![b'x'; SIZE]);
    for (ended, options) in [
        (Ended::Sent, ("timeout", "10")),
        (Ended::Aborted, ("timeout", "10")),
        (Ended::TimedOut, ("write_timeout", "0.1")),
    ] {
        let book = Book::default();
        let (server, address) = serve(App(large), &book, &[options]);
        let mut client = Client::connect(address);
        client.get("/").head();
        assert!(book.lines.lock().unwrap().is_empty());
        assert!(book.done.lock().unwrap().is_empty());
        match ended {
            Ended::Sent => client.0.read_exact(&mut vec![0; SIZE]).unwrap(),
            Ended::Aborted => drop(client),
            _ => {}
        }
        let line = book.line();
        assert_eq!((line.ended, line.status), (ended, 200));
        assert_eq!(line.sent == SIZE as u64, ended == Ended::Sent, "{}", line.sent);
        book.done(1);
        server.stop();
        book.line();
    }
}

/// The same for a thread that waits for its client.
#[test]
fn a_stream_to_a_client_that_leaves_is_aborted() {
    let stream = |request: &Request<'_>| {
        request.start_response("200 OK", &[], false).unwrap();
        while request.write(&[b'x'; 1 << 16]).is_ok() {}
        Outcome::Failed
    };
    let book = Book::default();
    let (server, address) = serve(App(stream), &book, &[]);
    let mut client = Client::connect(address);
    client.get("/").head();
    drop(client);
    let line = book.line();
    assert_eq!((line.ended, line.status), (Ended::Aborted, 200));
    assert_eq!(book.done(1)[0].1, Ended::Aborted);
    server.stop();
}

/// Detached: answered by another thread, given up, or cut by the stop.
#[test]
fn a_detached_request_is_done_with_once() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let later = move |request: &Request<'_>| {
        keep.lock().unwrap().push(request.detach().unwrap());
        Outcome::Detached
    };
    let book = Book::default();
    let (server, address) = serve(App(later), &book, &[("shutdown_timeout", "0.05")]);
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    for (count, client) in clients.iter_mut().enumerate() {
        client.get("/");
        eventually("a request", || kept.lock().unwrap().len() == count + 1);
    }
    assert!(book.lines.lock().unwrap().is_empty());
    let first = kept.lock().unwrap().remove(0);
    let id = RequestId(first.request().id());
    first.request().respond("200 OK", &[], b"later").unwrap();
    assert_eq!(clients[0].answer(), (200, "later".into()));
    assert_eq!(book.done(1), [(id, Ended::Sent)]);
    drop(first);
    let second = kept.lock().unwrap().remove(0);
    drop(second);
    assert_eq!(book.lines(2)[1].status, 500);
    assert_eq!(server.stop(), 1);
    let line = book.lines(3).remove(2);
    assert_eq!((line.ended, line.status), (Ended::Cut, 0));
    kept.lock().unwrap().clear();
    book.done(3);
    book.lines(3);
}

/// Who is still in the application when the server stops is reported when it is back.
#[test]
fn an_application_that_is_late_is_done_with_when_it_is_back() {
    let gate = Arc::new(Gate::default());
    let door = gate.clone();
    let late = move |request: &Request<'_>| {
        door.pass();
        ok(request, b"late")
    };
    let book = Book::default();
    let (server, address) = serve(App(late), &book, &[("shutdown_timeout", "0.01")]);
    let mut client = Client::connect(address);
    client.get("/");
    gate.wait_for(1);
    assert_eq!(server.stop(), 1);
    gate.open();
    let line = book.line();
    assert_eq!((line.ended, line.status), (Ended::Cut, 0));
    book.done(1);
}

/// A client that only half-closes is answered like any other.
#[test]
fn a_half_closed_client_is_still_answered() {
    let book = Book::default();
    let (server, address) = serve(App(hello), &book, &[]);
    let mut client = Client::connect(address);
    client.get("/").0.shutdown(Shutdown::Write).unwrap();
    client.rest();
    assert_eq!(book.line().ended, Ended::Sent);
    server.stop();
}

/// A connection that was handed over is not the server's any more.
#[test]
fn a_hijacked_connection_ends_the_request() {
    let streams = Arc::new(Mutex::new(Vec::new()));
    let keep = streams.clone();
    let upgrade = move |request: &Request<'_>| {
        let headers = [("Upgrade", "test"), ("Connection", "Upgrade")];
        request.start_response("101 Switching Protocols", &headers, false).unwrap();
        keep.lock().unwrap().push(request.hijack().unwrap());
        Outcome::Done
    };
    let book = Book::default();
    let (server, address) = serve(App(upgrade), &book, &[]);
    let mut client = Client::connect(address);
    client.send("GET /up HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    let line = book.line();
    assert_eq!((line.status, line.ended, line.keep_alive), (101, Ended::HandedOver, false));
    assert_eq!(book.done(1)[0].1, Ended::HandedOver);
    server.stop();
    book.line();
}

/// Handlers that panic, and handlers that call back.
#[test]
fn a_handler_that_panics_costs_no_connection() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let handlers = Handlers::new()
        .access_log(|_: &AccessRecord<'_>| panic!("no pen"))
        .error_log(move |_, code, text: &str| log.lock().unwrap().push((code, text.to_owned())));
    let (server, address) = serve_with(App(hello), handlers, &[]);
    let mut client = Client::connect(address);
    for _ in 0..3 {
        assert_eq!(client.get("/").answer(), (200, "hello".into()));
    }
    server.stop();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(told[0], (wsgiserver::LogCode::Panic, "a handler panicked: no pen".to_owned()));
}
