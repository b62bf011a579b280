//! Options that are set while the server runs: what comes next obeys them.

mod support;

use std::io::Read;
use std::time::{Duration, Instant};

use socket2::SockRef;
use support::{App, Client, PROMPT, eventually, ok, serve};
use wsgiserver::{ErrorKind, HTTPServer, Outcome, Request};

fn answers(request: &Request<'_>) -> Outcome {
    let mut buffer = [0; 1000];
    loop {
        match request.read(&mut buffer) {
            Ok(0) => return ok(request, b"done"),
            Ok(_) => {}
            Err(_) => return Outcome::Failed,
        }
    }
}

fn status_of(client: &mut Client, request: impl AsRef<[u8]>) -> u16 {
    client.send(request).answer().0
}

#[test]
fn limits_of_requests() {
    let (server, address) = serve(App(answers), &[]);
    let long_field = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(300));
    let long_line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(300));
    let fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(20));
    let body =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n".to_owned() + &"x".repeat(300);
    let long_name = format!("GET / HTTP/1.1\r\nHost: a\r\nX-{}: y\r\n\r\n", "x".repeat(100));
    for (option, limit, request, status) in [
        ("max_request_field_size", "200", &long_field, 431),
        ("max_request_header_size", "200", &long_field, 431),
        ("max_request_field_name_size", "50", &long_name, 431),
        ("max_request_line_size", "200", &long_line, 414),
        ("max_request_header_fields", "10", &fields, 431),
        ("max_request_body_size", "200", &body, 413),
    ] {
        // The same connection was there before: the limit is no connection's own.
        let mut client = Client::connect(address);
        let before = server.get(option).unwrap();
        assert_eq!(status_of(&mut client, request), 200, "{option}");
        server.set(option, limit).unwrap();
        assert_eq!(server.get(option).unwrap(), limit);
        assert_eq!(status_of(&mut client, request), status, "{option}");
        server.set(option, &before).unwrap();
        assert_eq!(status_of(&mut Client::connect(address), request), 200, "{option}");
    }
}

#[test]
fn time_outs_count_from_the_next_wait_on() {
    let (server, address) = serve(App(answers), &[("timeout", "3600")]);
    let mut kept = Client::connect(address);
    assert_eq!(kept.get("/").answer().0, 200);
    eventually("it waits", || server.stats().threads_idle == server.stats().threads);
    server.set("timeout", "0.05").unwrap();
    let silent = Client::connect(address);
    let started = Instant::now();
    // Its wait began with the time-out of before, so this may come at any time.
    assert_eq!(kept.get("/").answer().0, 200);
    assert_eq!(kept.rest(), b"", "the finer time-outs follow");
    for mut client in [silent, Client::connect(address)] {
        assert!(client.head().starts_with("HTTP/1.1 408 "));
    }
    assert!(started.elapsed() < PROMPT);
}

#[test]
fn the_protocol_of_answers() {
    let (server, address) = serve(
        App(|request: &Request<'_>| {
            let protocol = request.environ(|environ| {
                environ.get(b"ACTUAL_SERVER_PROTOCOL").unwrap_or_default().to_vec()
            });
            ok(request, &protocol.unwrap())
        }),
        &[],
    );
    let mut client = Client::connect(address);
    assert_eq!(client.get("/").answer(), (200, "HTTP/1.1".into()));
    server.set("protocol", "HTTP/1.0").unwrap();
    let head = client.get("/").head();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    let mut body = [0; 8];
    client.0.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"HTTP/1.0");
}

#[test]
fn the_server_header_of_answers() {
    let (server, address) = serve(App(answers), &[("server_header", "one")]);
    let mut client = Client::connect(address);
    for (text, line) in [("one", "Server: one\r\n"), ("two/2.0", "Server: two/2.0\r\n")] {
        server.set("server_header", text).unwrap();
        let head = client.get("/").head();
        assert!(head.contains(line), "{head}");
        client.0.read_exact(&mut [0; 4]).unwrap();
    }
    server.set("server_header", "").unwrap();
    let head = client.get("/").head();
    assert!(!head.contains("Server:"), "{head}");
    let error = server.set("server_header", "a\r\nb: c").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Option);
}

#[test]
fn nodelay_of_connections_to_come() {
    let sees = |nodelay: &str| {
        let (server, address) = serve(App(answers), &[("nodelay", nodelay)]);
        let turned = if nodelay == "1" { "0" } else { "1" };
        server.set("nodelay", turned).unwrap();
        let asked = listener_nodelay(&server);
        assert_eq!(status_of(&mut Client::connect(address), "GET / HTTP/1.0\r\n\r\n"), 200);
        asked
    };
    assert!(!sees("1"));
    assert!(sees("0"));
}

/// The listener of TCP is asked, from which accepted sockets inherit it.
fn listener_nodelay(server: &HTTPServer) -> bool {
    of_listener(server, |socket| socket.tcp_nodelay().unwrap())
}

/// Its descriptor is found by the address that it is bound to.
fn of_listener<R>(server: &HTTPServer, ask: impl Fn(&SockRef<'_>) -> R) -> R {
    use std::os::fd::BorrowedFd;
    let address = server.bound_addr().unwrap();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let name = entry.unwrap().file_name();
        let Ok(number) = name.to_string_lossy().parse::<i32>() else { continue };
        // SAFETY: a descriptor that is closed meanwhile gives an error, nothing else.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = SockRef::from(&fd);
        let here = socket.local_addr().ok().and_then(|here| here.as_socket());
        if here == Some(address) && socket.is_listener().unwrap_or(false) {
            return ask(&socket);
        }
    }
    panic!("the listening socket is not found")
}

#[test]
fn clients_are_asked_for_a_sign_of_life() {
    let seconds = |count| Some(Duration::from_secs(count));
    let first_and_again =
        |first, again| Some((Duration::from_secs(first), Duration::from_secs(again)));
    let asks = |options: &[(&str, &str)]| {
        let (server, _) = serve(App(answers), options);
        of_listener(&server, |socket| {
            let after = socket.keepalive().unwrap().then(|| {
                (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap())
            });
            (after, socket.tcp_user_timeout().unwrap())
        })
    };
    assert_eq!(asks(&[]), (first_and_again(60, 10), seconds(60)));
    // With 10 seconds between two questions a silent client would be missed for 7 + 10 seconds.
    assert_eq!(
        asks(&[("tcp_keepalive", "7"), ("tcp_user_timeout", "8")]),
        (first_and_again(7, 7), seconds(10))
    );
    assert_eq!(asks(&[("tcp_keepalive", "0"), ("write_timeout", "90")]), (None, seconds(90)));
    assert_eq!(
        asks(&[("tcp_keepalive", "0.1"), ("write_timeout", "0")]),
        (first_and_again(1, 1), None)
    );
    assert_eq!(asks(&[("tcp_user_timeout", "0")]), (first_and_again(60, 10), None));
}

#[test]
fn how_many_connections_and_requests() {
    let (server, address) = serve(App(answers), &[]);
    let mut one = Client::connect(address);
    assert_eq!(one.get("/").answer().0, 200);
    server.set("max_connections", "1").unwrap();
    // It has its answer, but is not idle before its worker is done with it.
    eventually("it is idle", || server.stats().threads_idle == server.stats().threads);
    let mut two = Client::connect(address);
    assert_eq!(two.get("/").answer().0, 200);
    assert_eq!(one.rest(), b"", "the idle one made room");
    server.set("max_requests_per_connection", "2").unwrap();
    assert!(two.get("/").head().contains("\r\nConnection: close\r\n"));
}

#[test]
fn the_others_are_for_the_next_start() {
    let (server, _address) = serve(App(answers), &[]);
    for (option, value) in [("server_name", "a"), ("preread", "1"), ("bind_addr", "127.0.0.1:0")] {
        let error = server.set(option, value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().contains(option), "{error}");
    }
    assert_eq!(server.set("timeout", "soon").unwrap_err().kind(), ErrorKind::Option);
    server.stop();
    server.set("server_name", "a").unwrap();
}
