//! Answers that go out before the request's body has come: the client gets them, whatever it still
//! sends, and a connection that ends meanwhile neither holds a thread nor lasts for ever.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use support::{App, Client, DEADLINE, PROMPT, ok, path, serve};
use wsgiserver::{Outcome, Request};

const MIB: usize = 1 << 20;

/// Reads nothing of a body.
fn refuse(request: &Request<'_>) -> Outcome {
    let (status, body) = match path(request).as_str() {
        "/401" => ("401 Unauthorized", "who?"),
        "/413" => ("413 Content Too Large", "too much"),
        _ => return ok(request, b"done"),
    };
    request.respond(status, &[], body.as_bytes()).map_or(Outcome::Failed, |()| Outcome::Done)
}

fn upload(path: &str, length: usize) -> String {
    format!("PUT {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n")
}

/// Sends all of it before anything is read, as simple clients do.
fn send_all(address: SocketAddr, path: &str, length: usize) -> String {
    let mut client = Client::connect(address);
    client.send(upload(path, length));
    let piece = vec![b'x'; MIB];
    for _ in 0..length / MIB {
        client.send(&piece);
    }
    let mut answer = String::new();
    client.0.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_large_upload_gets_its_early_answer() {
    let (_server, address) = serve(App(refuse), &[]);
    for round in 0..20 {
        for (path, length) in [("/401", 16 * MIB), ("/413", 64 * MIB)] {
            let answer = send_all(address, path, length);
            let expected = format!("HTTP/1.1 {} ", &path[1..]);
            assert!(answer.starts_with(&expected), "{round}: {answer:?}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        }
    }
}

#[test]
fn a_large_upload_gets_the_servers_own_413() {
    let (_server, address) = serve(App(refuse), &[("max_request_body_size", "1000")]);
    for round in 0..5 {
        let answer = send_all(address, "/", 16 * MIB);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{round}: {answer:?}");
    }
}

/// Sends until the server does not take it any more.
fn send_until_cut(client: &mut Client) -> Duration {
    let (begun, piece) = (Instant::now(), [b'x'; 64 * 1024]);
    while begun.elapsed() < DEADLINE {
        match client.0.write(&piece) {
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                return begun.elapsed();
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it is taken for ever");
}

#[test]
fn a_client_that_never_stops_is_cut_at_the_bound_and_holds_no_thread() {
    let options = [("linger_timeout", "1"), ("numthreads", "1")];
    let (_server, address) = serve(App(refuse), &options);
    let mut endless: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    let cut = std::thread::scope(|scope| {
        let cut: Vec<_> = endless
            .iter_mut()
            .map(|client| {
                client.send(upload("/401", usize::MAX >> 1));
                scope.spawn(|| send_until_cut(client))
            })
            .collect();
        let mut probe = Client::connect(address);
        for _ in 0..20 {
            assert_eq!(probe.get("/").answer(), (200, "done".into()));
        }
        cut.into_iter().map(|cut| cut.join().unwrap()).max().unwrap()
    });
    assert!(cut >= Duration::from_millis(500) && cut < PROMPT, "{cut:?}");
}

#[test]
fn without_lingering_a_connection_closes_at_once() {
    let (_server, address) = serve(App(refuse), &[("linger_timeout", "0")]);
    let mut client = Client::connect(address);
    client.send(upload("/401", usize::MAX >> 1));
    assert!(send_until_cut(&mut client) < PROMPT);
}

#[test]
fn lingering_connections_make_room_for_others() {
    let (_server, address) =
        serve(App(refuse), &[("max_connections", "4"), ("deliver_at_head", "1")]);
    let lingering: Vec<_> = (0..4)
        .map(|_| {
            let mut client = Client::connect(address);
            let mut head = [0; 12];
            client.send(upload("/401", MIB)).0.read_exact(&mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 401");
            client
        })
        .collect();
    for _ in 0..4 {
        assert_eq!(Client::connect(address).get("/").answer(), (200, "done".into()));
    }
    drop(lingering);
}

#[test]
fn the_rest_of_a_body_that_the_application_began_is_passed_over() {
    let (_server, address) = serve(
        App(|request: &Request<'_>| match request.read(&mut [0; 100]) {
            Ok(_) => ok(request, b"enough"),
            Err(_) => Outcome::Failed,
        }),
        &[],
    );
    let mut client = Client::connect(address);
    client.send(upload("/", MIB)).send(vec![b'x'; MIB]);
    assert_eq!(client.answer(), (200, "enough".into()));
    assert_eq!(client.get("/").answer(), (200, "enough".into()));
}

#[test]
fn a_slow_reader_gets_all_of_an_answer_that_ends_its_connection() {
    const LENGTH: usize = 20 * MIB;
    let (_server, address) = serve(
        App(|request: &Request<'_>| {
            let piece = vec![b'x'; MIB];
            let sent = request
                .start_response("200 OK", &[], false)
                .and_then(|()| (0..LENGTH / MIB).try_for_each(|_| request.write(&piece)));
            sent.map_or(Outcome::Failed, |()| Outcome::Done)
        }),
        &[],
    );
    // To a client of 1.0 the end of the connection is the end of the answer.
    let mut client = Client::connect(address);
    client.send("GET / HTTP/1.0\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.0.shutdown(Shutdown::Write).unwrap();
    let (mut received, mut piece) = (Vec::new(), vec![0; 256 * 1024]);
    loop {
        match client.0.read(&mut piece).unwrap() {
            0 => break,
            count => received.extend_from_slice(&piece[..count]),
        }
        // Slower than the server, which has to keep what is not taken.
        std::thread::sleep(Duration::from_millis(5));
    }
    let body = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(String::from_utf8_lossy(&received[..body]).contains("\r\nConnection: close\r\n"));
    assert_eq!(received.len() - body, LENGTH);
}
