//! Requests that hold a thread for long: they are reported, and whoever asks finds out which they are.

mod support;

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{App, Client, Gate, eventually, ok, path, serve_with};
use wsgiserver::{Gateway, HTTPServer, Handlers, LogCode, LogLevel, Outcome, Request, WorkerCall};

type Reports = Arc<Mutex<Vec<(LogLevel, String)>>>;

fn serve(
    gateway: impl Gateway,
    options: &[(&str, &str)],
) -> (Arc<HTTPServer>, std::net::SocketAddr, Reports) {
    let reports = Reports::default();
    let told = reports.clone();
    let handlers = Handlers::new().error_log(move |level, code, text: &str| {
        if code == LogCode::SlowRequest {
            told.lock().unwrap().push((level, text.to_owned()));
        }
    });
    let (server, address) = serve_with(gateway, handlers, options);
    (server, address, reports)
}

fn calls(server: &HTTPServer) -> Vec<WorkerCall> {
    server.stats().workers.into_iter().filter_map(|worker| worker.call).collect()
}

/// Waits at the gate, if its path says so.
fn gated(gate: &Arc<Gate>) -> impl Gateway {
    let gate = gate.clone();
    App(move |request: &Request<'_>| {
        if path(request).starts_with("/wait") {
            gate.pass();
        }
        ok(request, b"answer")
    })
}

#[test]
fn a_stuck_thread_is_reported_again_and_at_its_end() {
    let gate = Arc::new(Gate::default());
    let options = [("slow_request_after", "0.2"), ("numthreads", "3")];
    let (server, address, reports) = serve(gated(&gate), &options);
    let mut stuck = Client::connect(address);
    stuck.get("/wait\"%22?a=secret");
    let mut second = Client::connect(address);
    second.get("/wait/too");
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
    eventually("both again and again", || reports.lock().unwrap().len() >= 6);
    let told = reports.lock().unwrap().clone();
    let peer = stuck.0.local_addr().unwrap();
    let first = told.iter().find(|(_, text)| text.starts_with("GET /wait\\")).unwrap();
    assert_eq!(first.0, LogLevel::Warning);
    let (request, rest) = first.1.split_once(" has held WSGI Worker ").unwrap();
    assert_eq!(request, format!("GET /wait\\x22%22 of {peer}"));
    assert!(rest.contains("(thread ") && rest.contains(" of 3 threads are held so long"), "{rest}");
    assert!(
        told.iter().any(|(_, text)| text.ends_with("2 of 3 threads are held so long")),
        "{told:?}"
    );
    gate.open();
    assert_eq!((stuck.answer().0, second.answer().0), (200, 200));
    let is_end = |(level, text): &&(LogLevel, String)| {
        *level == LogLevel::Info
            && text.contains(" held WSGI Worker ")
            && text.ends_with(" and is back")
    };
    eventually("two ends", || reports.lock().unwrap().iter().filter(is_end).count() == 2);
    server.stop();
}

#[test]
fn quick_requests_and_a_server_that_does_not_want_it_have_no_reports() {
    let gate = Arc::new(Gate::default());
    let (server, address, reports) = serve(gated(&gate), &[("slow_request_after", "0")]);
    let mut stuck = Client::connect(address);
    stuck.get("/wait");
    eventually("the call", || calls(&server).len() == 1);
    eventually("a while", || calls(&server)[0].duration > Duration::from_millis(300));
    gate.open();
    stuck.answer();
    server.stop();
    assert_eq!(*reports.lock().unwrap(), []);
}

#[test]
fn the_statistics_tell_what_each_worker_is_doing() {
    let gate = Arc::new(Gate::default());
    let (server, address, _) = serve(gated(&gate), &[("numthreads", "2")]);
    eventually("threads", || server.stats().workers.len() == 2);
    assert_eq!(calls(&server), []);
    let mut stuck = Client::connect(address);
    stuck.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    // What it is for is not known while another thread has its connection for a moment.
    let mut found = None;
    eventually("the call", || {
        found = calls(&server).into_iter().find(|call| !call.target.is_empty());
        found.is_some()
    });
    let call = found.unwrap();
    assert_eq!((&*call.method, &*call.target), (&b"POST"[..], &b"/wait"[..]));
    assert_eq!(call.remote, Some(stuck.0.local_addr().unwrap()));
    assert!(!call.waits_for_client && call.duration < support::PROMPT);
    let busy = server.stats().workers.into_iter().position(|worker| worker.call.is_some()).unwrap();
    let target = || server.worker_stats(busy).unwrap().call.unwrap().target;
    eventually("what it is for", || target() == b"/wait");
    let worker = server.worker_stats(busy).unwrap();
    assert!(worker.thread > 0 && server.worker_stats(2).is_none());
    gate.open();
    stuck.answer();
    eventually("the end", || calls(&server).is_empty());
    server.stop();
    assert!(server.worker_stats(0).is_none());
}

#[test]
fn a_thread_that_waits_for_its_client_is_told_as_such() {
    let app = App(|request: &Request<'_>| {
        request.start_response("200 OK", &[], false).unwrap();
        let piece = vec![b'x'; 1 << 20];
        while request.write(&piece).is_ok() {}
        Outcome::Done
    });
    let options = [("slow_request_after", "0.5"), ("shutdown_timeout", "0")];
    let (server, address, reports) = serve(app, &options);
    let mut client = Client::connect(address);
    client.get("/stream");
    let waits = |call: &WorkerCall| call.waits_for_client && call.target == b"/stream";
    eventually("the call", || calls(&server).iter().any(waits));
    let says = |(_, text): &(LogLevel, String)| {
        text.starts_with("GET /stream of ") && text.contains("(it waits for its client) has held")
    };
    eventually("a report", || reports.lock().unwrap().iter().any(says));
    server.stop();
}

/// Their threads are in calls of the library nearly all the time, in short waits one after another.
#[test]
fn answers_to_slow_readers_are_reported_with_their_requests() {
    for (threads, clients) in [("4", 1), ("2", 3)] {
        let app = App(|request: &Request<'_>| {
            request.start_response("200 OK", &[], false).unwrap();
            let piece = vec![b'x'; 1 << 18];
            while request.write(&piece).is_ok() {}
            Outcome::Done
        });
        let options = [
            ("numthreads", threads),
            ("slow_request_after", "0.3"),
            ("max_buffered", "1000000"),
            ("shutdown_timeout", "0"),
        ];
        let (server, address, reports) = serve(app, &options);
        let over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..clients)
            .map(|_| {
                let mut client = Client::connect(address);
                client.get("/stream?a=b");
                let over = over.clone();
                std::thread::spawn(move || {
                    let mut window = vec![0; 1 << 17];
                    while !over.load(Ordering::SeqCst) && client.0.read(&mut window).is_ok() {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                })
            })
            .collect();
        eventually("reports", || reports.lock().unwrap().len() >= 2);
        over.store(true, Ordering::SeqCst);
        server.stop();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let reports = reports.lock().unwrap();
        let unnamed = |(_, text): &&(LogLevel, String)| !text.starts_with("GET /stream of 127.");
        let warnings = reports.iter().filter(|(level, _)| *level == LogLevel::Warning);
        assert_eq!(warnings.filter(unnamed).collect::<Vec<_>>(), [] as [&(LogLevel, String); 0]);
    }
}

#[test]
fn a_call_that_goes_on_behind_its_request_is_reported() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let app = App(move |request: &Request<'_>| {
        let outcome = ok(request, b"answer");
        held.pass();
        outcome
    });
    let (server, address, reports) = serve(app, &[("slow_request_after", "0.2")]);
    let mut client = Client::connect(address);
    assert_eq!(client.get("/behind").answer().0, 200);
    eventually("a report", || !reports.lock().unwrap().is_empty());
    assert!(reports.lock().unwrap()[0].1.contains("GET /behind"), "{reports:?}");
    gate.open();
    server.stop();
}
