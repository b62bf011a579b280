//! What a request can be given beside its answer, in Rust; `tests/c/holding.c` has the rest.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{App, Client, eventually, ok, path, serve};
use wsgiserver::{DetachedRequest, Outcome, RequestError};

/// Counts what is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &[b'o'; 3_000_000]
    }
}

fn counter() -> (Arc<AtomicUsize>, impl Fn(usize) -> bool) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    (count, move |expected| seen.load(Ordering::SeqCst) == expected)
}

#[test]
fn data_is_dropped_with_its_request_and_its_connection() {
    let (count, is) = counter();
    let app = App(move |request: &wsgiserver::Request<'_>| {
        if path(request) == "/first" {
            request.set_data(Counted(count.clone())).unwrap();
            request.set_connection_data(String::from("kept")).unwrap();
        }
        let kept = request.connection_data(|data| {
            data.and_then(|data| data.downcast_ref::<String>()).cloned().unwrap_or_default()
        });
        assert_eq!(request.data(|data| data.is_some()), Ok(path(request) == "/first"));
        ok(request, kept.unwrap().as_bytes())
    });
    let (server, address) = serve(app, &[("numthreads", "1")]);
    let mut client = Client::connect(address);
    assert_eq!(client.get("/first").answer().1, "kept");
    assert_eq!(client.get("/second").answer().1, "kept");
    // The service thread may have it in hand.
    eventually("the first request's is dropped", || is(1));
    assert_eq!(Client::connect(address).get("/second").answer().1, "");
    server.stop();
}

#[test]
fn a_deadline_ends_what_was_detached() {
    let (give, take) = std::sync::mpsc::channel::<DetachedRequest>();
    let app = App(move |request: &wsgiserver::Request<'_>| {
        // In this order: what is over cannot be detached.
        let detached = request.detach().unwrap();
        detached.request().set_deadline(Some(Duration::from_millis(50))).unwrap();
        give.send(detached).unwrap();
        Outcome::Detached
    });
    let (server, address) = serve(app, &[("numthreads", "1")]);
    let (status, _) = Client::connect(address).get("/").answer();
    assert_eq!(status, 503);
    let detached = take.recv().unwrap();
    let late = detached.request().respond("200 OK", &[], b"late");
    assert_eq!(late, Err(RequestError::Gone));
    server.stop();
}

#[test]
fn somebody_hears_that_the_client_has_left() {
    let (give, take) = std::sync::mpsc::channel::<DetachedRequest>();
    let (count, is) = counter();
    let app = App(move |request: &wsgiserver::Request<'_>| {
        let count = count.clone();
        let note = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        request.on_abort(note).unwrap();
        give.send(request.detach().unwrap()).unwrap();
        Outcome::Detached
    });
    let (server, address) = serve(app, &[("numthreads", "1")]);
    let mut client = Client::connect(address);
    client.get("/");
    let detached = take.recv().unwrap();
    assert!(is(0));
    drop(client);
    eventually("it is told", || is(1));
    drop(detached);
    server.stop();
}

#[test]
fn a_buffer_is_sent_from_where_it_is_and_dropped_once() {
    let (count, is) = counter();
    let app = App(move |request: &wsgiserver::Request<'_>| {
        request.start_response("200 OK", &[("Content-Length", "3000000")], false).unwrap();
        request.write_owned(Counted(count.clone())).unwrap();
        Outcome::Done
    });
    let (server, address) = serve(app, &[("numthreads", "1")]);
    let (_, body) = Client::connect(address).get("/").answer();
    assert_eq!(body, "o".repeat(3_000_000));
    eventually("it is dropped", || is(1));
    server.stop();
}
