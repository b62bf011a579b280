//! The places of calls that may wait for their clients: with two threads there is one, and whoever
//! gives it up makes way for the request that has waited for it, without another event.

mod support;

use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::{App, Client, Gate, eventually, ok, path, serve};
use wsgiserver::{HTTPServer, Outcome, Request};

/// One call has the only place and is in the application; a second request waits for a place. Then
/// the call goes on in a way of its own, and while it has not returned the second one is answered.
fn makes_way(goes_on: impl Fn(&Request<'_>, &Gate) -> Outcome + Send + Sync + 'static) {
    let (first, last) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (begins, ends) = (first.clone(), last.clone());
    let app = App(move |request: &Request<'_>| {
        if path(request) == "/first" {
            assert!(first.pass());
            return goes_on(request, &last);
        }
        match request.read(&mut [0; 16]) {
            Ok(_) => ok(request, b"read"),
            Err(_) => Outcome::Failed,
        }
    });
    // Without the watchdog nobody looks at the queues who was not told to.
    let options = [("numthreads", "2"), ("preread", "0"), ("takeover_after", "0")];
    let (server, address) = serve(app, &options);
    let mut one = Client::connect(address);
    one.send("POST /first HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n");
    begins.wait_for(1);
    let mut other = Client::connect(address);
    other
        .send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    eventually("the second one waits", || server.stats().queue == 1);
    begins.open();
    assert!(other.head().starts_with("HTTP/1.1 100 "));
    assert_eq!(other.send("body").answer(), (200, "read".into()));
    ends.open();
}

#[test]
fn a_call_that_detaches_its_request() {
    makes_way(|request, last| {
        let request = request.detach().unwrap();
        assert!(last.pass());
        ok(&request.request(), b"late");
        request.finish().unwrap();
        Outcome::Detached
    });
}

#[test]
fn a_call_that_hijacks_its_connection() {
    makes_way(|request, last| {
        let _stream = request.hijack().unwrap();
        assert!(last.pass());
        Outcome::Done
    });
}

#[test]
fn a_call_that_leaves_its_request_to_others_by_its_outcome() {
    makes_way(|_, _| Outcome::Detached);
}

/// Streams without end to clients that take nothing, two more than there are threads.
const SLOW_READERS: usize = 6;

/// With four threads three may wait for their clients. Memory for the others is soon used up.
const FOUR: [(&str, &str); 4] = [
    ("numthreads", "4"),
    ("max_buffered", "1000000"),
    ("write_timeout", "0"),
    ("body_timeout", "0"),
];

fn endless(request: &Request<'_>) -> Outcome {
    if path(request) != "/endless" {
        return ok(request, b"done");
    }
    let piece = [b'x'; 16 * 1024];
    let mut result = request.start_response("200 OK", &[], false);
    while result.is_ok() {
        result = request.write(&piece);
    }
    Outcome::Failed
}

/// Clients that ask for such a stream, and take nothing by themselves.
fn readers(address: SocketAddr, count: usize) -> Vec<Client> {
    let ask = |_| {
        let mut client = Client::connect(address);
        client.get("/endless");
        client
    };
    (0..count).map(ask).collect()
}

#[test]
fn slow_readers_of_streams_hold_no_more_threads_than_may_wait() {
    let (server, address) = serve(App(endless), &FOUR);
    let slow = readers(address, SLOW_READERS);
    eventually("one thread is free again", || {
        server.stats().requests_in_work == 3 && server.stats().queue == 0
    });
    for _ in 0..20 {
        assert_eq!(Client::connect(address).get("/").answer(), (200, "done".into()));
    }
    assert_eq!(server.stats().requests_in_work, 3, "those that wait are left alone");
    drop(slow);
    eventually("the streams have ended", || server.stats().requests_in_work == 0);
}

#[test]
fn a_slow_reader_loses_its_thread_to_an_upload() {
    let app = App(|request: &Request<'_>| match path(request).as_str() {
        "/endless" => endless(request),
        _ => read_all(request),
    });
    let (server, address) = serve(app, &FOUR);
    let _slow = readers(address, 3);
    eventually("all places are taken", || server.stats().requests_in_work == 3);
    let mut upload = Client::connect(address);
    upload.send(head_of_upload(3_000_000)).send(vec![b'x'; 100_000]);
    upload.send(vec![b'x'; 2_900_000]);
    assert_eq!(upload.answer(), (200, "3000000".into()));
}

/// Clients that send the beginning of a body and then nothing.
#[test]
fn uploads_that_stand_still_make_way_for_others() {
    let (server, address) = serve(App(read_all), &FOUR);
    let _still: Vec<_> = (0..12)
        .map(|_| {
            let mut client = Client::connect(address);
            client.send(head_of_upload(1_000_000_000)).send(vec![b'x'; 70_000]);
            client
        })
        .collect();
    eventually("places are waited for", || server.stats().queue > 0);
    for _ in 0..3 {
        let mut upload = Client::connect(address);
        upload.send(head_of_upload(1_000_000)).send(vec![b'x'; 1_000_000]);
        assert_eq!(upload.answer(), (200, "1000000".into()));
    }
}

#[test]
fn a_body_that_is_there_needs_no_place() {
    let gate = Arc::new(Gate::default());
    let opens = gate.clone();
    let app = App(move |request: &Request<'_>| {
        if path(request) == "/held" {
            assert!(opens.pass());
        }
        read_all(request)
    });
    let (_server, address) = serve(app, &[("numthreads", "2"), ("preread", "0")]);
    let mut held = Client::connect(address);
    held.send("POST /held HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
    gate.wait_for(1);
    let mut upload = Client::connect(address);
    upload.send([head_of_upload(9).as_bytes(), b"all there"].concat());
    assert_eq!(upload.answer(), (200, "9".into()));
    gate.open();
    assert_eq!(held.send("body").answer(), (200, "4".into()));
}

/// With two threads and nothing read ahead: the one place is taken by a call that waits at the gate.
fn one_place(options: &[(&str, &str)]) -> (Arc<Gate>, Arc<HTTPServer>, SocketAddr, Client) {
    let gate = Arc::new(Gate::default());
    let opens = gate.clone();
    let app = App(move |request: &Request<'_>| {
        if path(request) == "/held" {
            assert!(opens.pass());
        }
        if path(request) == "/get" { ok(request, b"first") } else { read_all(request) }
    });
    let mut all = vec![("numthreads", "2"), ("preread", "0")];
    all.extend(options);
    let (server, address) = serve(app, &all);
    let mut held = Client::connect(address);
    held.send("POST /held HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
    gate.wait_for(1);
    (gate, server, address, held)
}

#[test]
fn an_answer_before_a_request_that_waits_for_a_place_goes_out() {
    let (gate, server, address, mut held) = one_place(&[]);
    let expects = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let mut client = Client::connect(address);
    client.send(format!("GET /get HTTP/1.1\r\nHost: a\r\n\r\n{expects}"));
    assert_eq!(client.answer(), (200, "first".into()));
    eventually("the other one waits", || server.stats().queue == 1);
    gate.open();
    assert_eq!(held.send("body").answer(), (200, "4".into()));
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    assert_eq!(client.send("body").answer(), (200, "4".into()));
}

/// It has sent more than is read ahead, and only ended its own side.
#[test]
fn a_half_closed_upload_that_waits_for_a_place_is_answered() {
    let (gate, server, address, mut held) = one_place(&[("serve_abandoned", "1")]);
    let mut client = Client::connect(address);
    client.send(head_of_upload(1_200_000)).send(vec![b'x'; 1_200_000]);
    client.0.shutdown(Shutdown::Write).unwrap();
    eventually("it waits", || server.stats().queue == 1);
    gate.open();
    assert_eq!(held.send("body").answer(), (200, "4".into()));
    assert_eq!(client.answer(), (200, "1200000".into()));
}

/// It waits for room in the socket's buffer, of which the system speaks when a third of it is free.
#[test]
fn a_reader_of_a_stream_that_goes_on_is_not_slow() {
    let (server, address) = serve(App(endless), &FOUR);
    let mut readers = readers(address, 3);
    eventually("all places are taken", || server.stats().requests_in_work == 3);
    let mut upload = Client::connect(address);
    upload.send(head_of_upload(2_000_000)).send(vec![b'x'; 1_900_000]);
    let began = Instant::now();
    let mut piece = vec![0; 20_000];
    // Longer than a client that takes nothing is waited for.
    while began.elapsed() < Duration::from_secs(4) {
        for client in &mut readers {
            client.0.read_exact(&mut piece).unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(server.stats().requests_in_work, 3, "each of them has its place");
}

fn head_of_upload(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n")
}

fn read_all(request: &Request<'_>) -> Outcome {
    let (mut buffer, mut length) = ([0; 16 * 1024], 0);
    loop {
        match request.read(&mut buffer) {
            Ok(0) => return ok(request, length.to_string().as_bytes()),
            Ok(count) => length += count,
            Err(_) => return Outcome::Failed,
        }
    }
}
