//! How many connections there may be, in all and for one client, and how many requests on each:
//! who comes too late is told so, and the others are served on.

mod support;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use support::{App, Client, DEADLINE, Gate, eventually, ok, path, serve};
use wsgiserver::{ErrorKind, HTTPServer, Request};

const MOST: usize = 4;

/// Every request to `/hold` stays in the application until the gate opens.
fn serve_held(gate: &Arc<Gate>, options: &[(&str, &str)]) -> (Arc<HTTPServer>, SocketAddr) {
    let gate = gate.clone();
    serve(
        App(move |request: &Request<'_>| {
            if path(request) == "/hold" {
                gate.pass();
            }
            ok(request, b"done")
        }),
        options,
    )
}

#[test]
fn one_connection_too_many_gets_503_while_none_is_idle() {
    let gate = Arc::new(Gate::default());
    let (_server, address) = serve_held(&gate, &[("max_connections", &MOST.to_string())]);
    let mut clients: Vec<_> = (0..MOST).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/hold");
    }
    gate.wait_for(MOST);
    for _ in 0..3 {
        let mut late = Client::connect(address);
        let head = late.get("/").head();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        assert_eq!(late.rest(), b"");
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.answer(), (200, "done".into()));
    }
}

/// Clients that never finish what they begin, each since another millisecond than the one before.
#[test]
fn the_client_that_has_been_longest_in_a_request_makes_room() {
    let options = [("max_connections", &*MOST.to_string()), ("statistics", "1")];
    let (server, address) = serve(App(|request: &Request<'_>| ok(request, b"done")), &options);
    let begun = |bytes: &str| {
        let before = server.stats().bytes_read;
        let mut client = Client::connect(address);
        client.send(bytes);
        eventually("it is read", || server.stats().bytes_read == before + bytes.len() as u64);
        std::thread::sleep(Duration::from_millis(3));
        client
    };
    let mut clients: Vec<_> = (0..MOST - 1).map(|_| begun("GET / HTTP/1.1\r\nX-Half: ")).collect();
    clients.push(begun("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf"));
    // A byte more does not make it a new request.
    let before = server.stats().bytes_read;
    clients[0].send("x");
    eventually("it is read", || server.stats().bytes_read == before + 1);
    let mut later = Vec::new();
    for client in &mut clients {
        let mut late = Client::connect(address);
        assert_eq!(late.get("/").answer(), (200, "done".into()));
        drop(late);
        assert_eq!(rest_of_closed(client), b"", "closed without a word, the oldest one first");
        eventually("the others are there", || server.stats().connections < MOST);
        // The place that became free is taken again.
        later.push(begun("GET / HTTP/1.1\r\nX-Half: "));
    }
}

/// What comes before the end, be it a reset: the server has not read all that was sent.
fn rest_of_closed(client: &mut Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _reset = client.0.read_to_end(&mut bytes);
    bytes
}

#[test]
fn the_client_that_has_been_idle_longest_makes_room() {
    let (server, address) = serve(
        App(|request: &Request<'_>| ok(request, b"done")),
        &[("max_connections", &MOST.to_string()), ("statistics", "1")],
    );
    // A client has its answer before its connection is idle.
    let is_idle = || server.stats().threads_idle == server.stats().threads;
    let mut clients: Vec<_> = (0..MOST).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").answer(), (200, "done".into()));
        eventually("it is idle", is_idle);
        // Idle since another millisecond than the one before.
        std::thread::sleep(Duration::from_millis(3));
    }
    // The oldest one is not the first to have come.
    assert_eq!(clients[0].get("/").answer(), (200, "done".into()));
    eventually("it is idle", is_idle);
    let mut late = Client::connect(address);
    assert_eq!(late.get("/").answer(), (200, "done".into()));
    assert_eq!(clients[1].rest(), b"", "closed without a word");
    for number in [0, 2, 3] {
        assert_eq!(clients[number].get("/").answer(), (200, "done".into()), "{number}");
    }
    eventually("its place is free", || server.stats().connections == MOST);
}

#[test]
fn one_address_has_its_share_and_others_are_served() {
    let gate = Arc::new(Gate::default());
    let (server, address) = serve_held(&gate, &[("max_connections_per_ip", "2")]);
    let mut clients: Vec<_> = (0..2).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").answer(), (200, "done".into()));
    }
    let mut late = Client::connect(address);
    assert!(late.get("/").head().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    let mut other = from_another(address);
    assert_eq!(other.get("/").answer(), (200, "done".into()));
    clients.pop();
    drop(late);
    eventually("the place is free", || Client::connect(address).get("/").answer().0 == 200);
    let error = server.set("max_connections_per_ip", "3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
}

/// Whoever has their share already makes nobody else go.
#[test]
fn one_address_with_its_share_takes_no_place_from_others() {
    let options = [("max_connections", "2"), ("max_connections_per_ip", "1")];
    let gate = Arc::new(Gate::default());
    let (server, address) = serve_held(&gate, &options);
    let mut idle = Client::connect(address);
    assert_eq!(idle.get("/").answer(), (200, "done".into()));
    let mut other = from_another(address);
    assert_eq!(other.get("/").answer(), (200, "done".into()));
    eventually("both are idle", || server.stats().threads_idle == server.stats().threads);
    for _ in 0..3 {
        assert!(from_another(address).get("/").head().starts_with("HTTP/1.1 503 "));
    }
    for client in [&mut idle, &mut other] {
        assert_eq!(client.get("/").answer(), (200, "done".into()));
    }
}

/// Another address of the loopback network is another client.
fn from_another(address: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.2:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    Client(TcpStream::from(socket))
}

#[test]
fn a_connection_brings_so_many_requests_and_no_more() {
    let options = [("max_requests_per_connection", "3")];
    let (_server, address) = serve(App(|request: &Request<'_>| ok(request, b"done")), &options);
    let mut client = Client::connect(address);
    for _ in 0..2 {
        let head = client.get("/").head();
        assert!(!head.contains("Connection: close"), "{head}");
        client.0.read_exact(&mut [0; 4]).unwrap();
    }
    // What is pipelined behind the last one is not answered.
    client.get("/").get("/");
    let head = client.head();
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(client.rest(), b"done");
}

#[test]
fn a_flood_is_bounded_and_passes() {
    let options = [("max_connections", &*MOST.to_string()), ("statistics", "1")];
    let (server, address) = serve(App(|request: &Request<'_>| ok(request, b"done")), &options);
    let flood: Vec<_> = (0..400).map(|_| Client::connect(address)).collect();
    eventually("all are accepted", || server.stats().accepts == 400);
    assert!(server.stats().connections <= MOST + 128);
    drop(flood);
    eventually("there is room again", || Client::connect(address).get("/").answer().0 == 200);
}
