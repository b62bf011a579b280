//! Files as answers, in Rust; `tests/c/send_file.c` has the rest.

mod support;

use support::{App, Client, file_with, path, serve};
use wsgiserver::{Outcome, Request, RequestError};

/// `/SIZE` sends a file of that size, from its second byte on.
fn application() -> App<impl Fn(&Request<'_>) -> Outcome + Send + Sync + 'static> {
    App(|request: &Request<'_>| {
        let file = file_with(&vec![b'f'; path(request)[1..].parse().unwrap()]);
        let headers = [("Content-Type", "text/plain")];
        request.start_response("200 OK", &headers, false).unwrap();
        match request.send_file(&file, 1, None) {
            Ok(()) => Outcome::Done,
            Err(error) => {
                assert!(matches!(error, RequestError::State(_)), "{error}");
                request.start_response("404 Not Found", &headers, true).unwrap();
                request.write(b"too short").unwrap();
                Outcome::Done
            }
        }
    })
}

#[test]
fn a_file_is_sent_and_may_be_closed_at_once() {
    let (server, address) = serve(application(), &[("numthreads", "1")]);
    let mut client = Client::connect(address);
    for size in [1, 2, 1_000, 10_000_000] {
        let (status, body) = client.get(&format!("/{size}")).answer();
        assert_eq!((status, body.len()), (200, size - 1));
        assert!(body.bytes().all(|byte| byte == b'f'));
    }
    server.stop();
}

#[test]
fn a_client_that_reads_later_holds_no_thread() {
    let (server, address) = serve(application(), &[("numthreads", "1")]);
    let mut slow: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
    for client in &mut slow {
        client.get("/10000000");
    }
    assert_eq!(Client::connect(address).get("/3").answer(), (200, "ff".into()));
    for client in &mut slow {
        assert_eq!(client.answer().1.len(), 9_999_999);
    }
    server.stop();
}

#[test]
fn after_an_error_another_answer_is_possible() {
    let (server, address) = serve(application(), &[]);
    let mut client = Client::connect(address);
    client.get("/0");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    server.stop();
}
