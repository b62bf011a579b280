//! Connections that came before the server began to serve.

mod support;

use std::sync::Arc;

use support::{App, Client, ok};
use wsgiserver::{HTTPServer, Request};

#[test]
fn who_has_knocked_before_the_opening_is_let_in() {
    for _ in 0..200 {
        let app = App(|request: &Request<'_>| ok(request, b"done"));
        let server = Arc::new(HTTPServer::new("127.0.0.1:0", app).unwrap());
        server.set("numthreads", "4").unwrap();
        server.prepare().unwrap();
        let mut client = Client::connect(server.bound_addr().unwrap());
        client.get("/");
        let serving = server.clone();
        let thread = std::thread::spawn(move || serving.serve());
        assert_eq!(client.answer(), (200, "done".into()));
        server.stop();
        thread.join().unwrap().unwrap();
    }
}
