//! The places of calls that may wait for their clients: with two threads there is one, and whoever
//! gives it up makes way for the request that has waited for it, without another event.

mod support;

use std::sync::Arc;

use support::{App, Client, Gate, eventually, ok, path, serve};
use wsgiserver::{Outcome, Request};

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
