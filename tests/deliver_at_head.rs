//! The option `deliver_at_head`: the application decides about a body that has not come.

mod support;

use support::{App, Client, ok, path, serve};
use wsgiserver::{Outcome, Request};

const HEAD: &str = "Host: h\r\nContent-Length: 5\r\n";

/// `/refuse` and `/forbid` look at no body; everything else is told what its body was.
fn application(request: &Request<'_>) -> Outcome {
    let refusal = match path(request).as_str() {
        "/refuse" => Some("413 Content Too Large"),
        "/forbid" => Some("403 Forbidden"),
        _ => None,
    };
    if let Some(status) = refusal {
        return match request.respond(status, &[], b"no") {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        };
    }
    let mut body = Vec::new();
    let mut piece = [0; 3];
    loop {
        match request.read(&mut piece) {
            Ok(0) => return ok(request, &body),
            Ok(count) => body.extend_from_slice(&piece[..count]),
            Err(_) => return Outcome::Failed,
        }
    }
}

#[test]
fn a_body_is_refused_before_it_comes() {
    let (server, address) = serve(App(application), &[("deliver_at_head", "1")]);
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = Client::connect(address);
        client.send(format!("POST /refuse HTTP/1.1\r\n{HEAD}{expect}\r\n"));
        assert_eq!(client.answer(), (413, "no".into()));
    }
    server.stop();
}

/// What was refused and comes all the same is no request.
#[test]
fn a_refused_body_that_comes_is_thrown_away() {
    let (server, address) = serve(App(application), &[("deliver_at_head", "1")]);
    let mut client = Client::connect(address);
    client.send(format!("POST /forbid HTTP/1.1\r\n{HEAD}\r\n"));
    assert_eq!(client.answer(), (403, "no".into()));
    // Five bytes of body, then a request.
    client.send(format!("GET /POST /next HTTP/1.1\r\n{HEAD}\r\nnext!"));
    assert_eq!(client.answer(), (200, "next!".into()));
    server.stop();
}

#[test]
fn a_body_that_is_wanted_is_read() {
    let (server, address) = serve(App(application), &[("deliver_at_head", "1")]);
    let mut client = Client::connect(address);
    client.send(format!("POST / HTTP/1.1\r\n{HEAD}\r\nhe")).send("llo");
    assert_eq!(client.answer(), (200, "hello".into()));
    client.send(format!("POST / HTTP/1.1\r\n{HEAD}Expect: 100-continue\r\n\r\n"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("again");
    assert_eq!(client.answer(), (200, "again".into()));
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none");
    client.send("\r\n0\r\n\r\n");
    assert_eq!(client.answer(), (200, "one".into()));
    client.get("/none");
    assert_eq!(client.answer(), (200, String::new()));
    server.stop();
}
