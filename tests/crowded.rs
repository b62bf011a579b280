//! `max_connections`: who comes too late is told so, and the others are served on.

mod support;

use support::{App, Client, eventually, ok, serve};
use wsgiserver::Request;

const MOST: usize = 4;

#[test]
fn one_connection_too_many_gets_503() {
    let (_server, address) = serve(
        App(|request: &Request<'_>| ok(request, b"done")),
        &[("max_connections", &MOST.to_string())],
    );
    let mut clients: Vec<_> = (0..MOST).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").answer(), (200, "done".into()));
    }
    for _ in 0..3 {
        let mut late = Client::connect(address);
        let head = late.get("/").head();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        assert_eq!(late.rest(), b"");
    }
    for client in &mut clients {
        assert_eq!(client.get("/").answer(), (200, "done".into()));
    }
    clients.pop();
    eventually("the place is free", || Client::connect(address).get("/").answer().0 == 200);
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
