//! The thread pool: it grows and shrinks when it is told to and with the load, and loses nobody.

mod support;

use std::panic::resume_unwind;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use support::{App, Client, Gate, eventually, ok, path, serve, serve_with};
use wsgiserver::{ErrorKind, Gateway, HTTPServer, Handlers, LogCode, Outcome, Request};

fn say_ok(request: &Request<'_>) -> Outcome {
    ok(request, b"ok")
}

/// Answers once the gate is open.
fn gated(gate: &Arc<Gate>) -> impl Gateway + use<> {
    let gate = gate.clone();
    App(move |request: &Request<'_>| match gate.pass() {
        true => say_ok(request),
        false => Outcome::Failed,
    })
}

fn ask_all(clients: &mut [Client]) {
    clients.iter_mut().for_each(|client| {
        client.get("/");
    });
}

#[test]
fn the_pool_grows_and_shrinks_within_its_bounds() {
    let (server, address) = serve(App(say_ok), &[("numthreads", "2"), ("max", "5")]);
    assert_eq!((server.threads(), server.min_threads(), server.max_threads()), (2, 2, Some(5)));
    assert_eq!(server.grow(10).unwrap(), 3);
    assert_eq!(server.grow(1).unwrap(), 0);
    eventually("five threads wait", || server.threads() == 5 && server.idle() == 5);
    assert_eq!(server.shrink(100).unwrap(), 3);
    assert_eq!(server.shrink(1).unwrap(), 0);
    eventually("three have left", || server.threads() == 2);
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
    assert_eq!((server.grow(0).unwrap(), server.shrink(0).unwrap()), (0, 0));
    server.stop();
    assert_eq!((server.threads(), server.idle(), server.qsize()), (0, 0, 0));
}

#[test]
fn without_a_max_only_grow_makes_the_pool_grow() {
    let gate = Arc::new(Gate::default());
    let (server, address) = serve(gated(&gate), &[("numthreads", "1")]);
    assert_eq!(server.max_threads(), None);
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    ask_all(&mut clients);
    eventually("two wait", || server.qsize() == 2);
    assert_eq!(server.threads(), 1);
    assert_eq!(server.grow(2).unwrap(), 2);
    gate.wait_for(3);
    assert_eq!((server.qsize(), server.idle()), (0, 0));
    gate.open();
    assert!(clients.iter_mut().all(|client| client.answer().0 == 200));
}

#[test]
fn the_load_makes_the_pool_grow_and_idleness_makes_it_shrink() {
    let gate = Arc::new(Gate::default());
    let options = [("numthreads", "1"), ("max", "3"), ("idle_thread_timeout", "0.05")];
    let (server, address) = serve(gated(&gate), &options);
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
    ask_all(&mut clients);
    gate.wait_for(3);
    eventually("one waits", || server.qsize() == 1);
    assert_eq!((server.threads(), server.idle()), (3, 0));
    gate.open();
    assert!(clients.iter_mut().all(|client| client.answer().0 == 200));
    eventually("the two have left", || server.threads() == 1);
    assert_eq!(clients[0].get("/").answer().0, 200);
}

/// What the host has grown it shrinks itself.
#[test]
fn threads_that_the_host_wanted_stay() {
    let gate = Arc::new(Gate::default());
    let options = [("numthreads", "1"), ("max", "4"), ("idle_thread_timeout", "0.02")];
    let (server, address) = serve(gated(&gate), &options);
    assert_eq!(server.grow(1).unwrap(), 1);
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
    ask_all(&mut clients);
    gate.wait_for(4);
    gate.open();
    assert!(clients.iter_mut().all(|client| client.answer().0 == 200));
    eventually("those of the load have left", || server.threads() == 2);
    assert_eq!(server.shrink(100).unwrap(), 1, "one above numthreads is still there");
}

#[test]
fn nobody_is_cut_when_the_pool_shrinks() {
    let gate = Arc::new(Gate::default());
    let (server, address) = serve(gated(&gate), &[("numthreads", "1")]);
    server.grow(2).unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    ask_all(&mut clients);
    gate.wait_for(3);
    assert_eq!(server.shrink(2).unwrap(), 2);
    assert_eq!(server.threads(), 3, "they are in their calls");
    gate.open();
    assert!(clients.iter_mut().all(|client| client.answer().0 == 200));
    eventually("two have left", || server.threads() == 1);
    assert!(clients.iter_mut().all(|client| client.get("/").answer().0 == 200));
}

/// What a thread had fetched, or was woken for, is done by others when it leaves.
#[test]
fn no_request_is_lost_while_the_pool_changes_all_the_time() {
    const REQUESTS: usize = 300;
    let (server, address) = serve(App(say_ok), &[("numthreads", "1"), ("max", "6")]);
    let (left, changes) = (AtomicUsize::new(6), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for pipelined in [1, 1, 1, 3, 3, 20] {
            let left = &left;
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for _ in 0..REQUESTS / pipelined {
                    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(pipelined));
                    (0..pipelined).for_each(|_| assert_eq!(client.answer().0, 200));
                }
                left.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while left.load(Ordering::SeqCst) > 0 {
            server.grow(5).unwrap();
            server.shrink(5).unwrap();
            changes.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
        }
    });
    assert!(changes.load(Ordering::SeqCst) > 0);
    server.shrink(100).unwrap();
    eventually("one is left", || server.threads() == 1);
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
}

/// Only those are left behind that the application does not let go, however long the others take.
#[test]
fn a_stop_that_cuts_waits_for_all_who_only_need_a_processor_to_leave() {
    let (kept, stuck) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (keep, told) = (kept.clone(), stuck.clone());
    let app = App(move |request: &Request<'_>| {
        keep.lock().unwrap().push(request.detach().unwrap());
        Outcome::Detached
    });
    let handlers = Handlers::new().error_log(move |_, code, text: &str| {
        if code == LogCode::Stuck {
            told.lock().unwrap().push(text.to_owned());
        }
    });
    let options = [("numthreads", "1000"), ("shutdown_timeout", "0.01")];
    let (server, address) = serve_with(app, handlers, &options);
    let mut client = Client::connect(address);
    client.get("/");
    eventually("it is detached", || kept.lock().unwrap().len() == 1);
    assert_eq!(server.stop(), 1);
    assert_eq!(*stuck.lock().unwrap(), [""; 0]);
}

struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        resume_unwind(Box::new("once more"));
    }
}

#[test]
fn a_thousand_panics_cost_no_thread() {
    let app = App(|request: &Request<'_>| match path(request).as_str() {
        "/panic" => resume_unwind(Box::new("of the application")),
        "/worse" => resume_unwind(Box::new(PanicsAgain)),
        _ => say_ok(request),
    });
    let (server, address) = serve(app, &[("numthreads", "3")]);
    for path in (0..1000).map(|n| if n % 100 == 0 { "/worse" } else { "/panic" }) {
        let mut client = Client::connect(address);
        assert_eq!(client.get(path).answer().0, 500);
    }
    assert_eq!(server.threads(), 3);
    eventually("all are back", || server.idle() == 3);
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
}

#[test]
fn what_is_not_possible_is_said_by_name() {
    let kind = |result: Result<usize, wsgiserver::Error>| result.unwrap_err().kind();
    let server = Arc::new(HTTPServer::new("127.0.0.1:0", App(say_ok)).unwrap());
    assert_eq!(kind(server.grow(1)), ErrorKind::State);
    assert_eq!(kind(server.shrink(1)), ErrorKind::State);
    assert_eq!((server.threads(), server.idle(), server.qsize()), (0, 0, 0));
    server.start_background().unwrap();
    for option in ["numthreads", "minthreads", "max", "maxthreads"] {
        let error = server.set(option, "3").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().contains("grow and shrink"), "{error}");
    }
    server.stop();
    assert_eq!(kind(server.grow(1)), ErrorKind::State);
    assert_eq!(kind(server.shrink(1)), ErrorKind::State);

    let pull = Arc::new(HTTPServer::pull("127.0.0.1:0").unwrap());
    pull.start_background().unwrap();
    assert_eq!(kind(pull.grow(1)), ErrorKind::State);
    assert_eq!(kind(pull.shrink(1)), ErrorKind::State);
    let worker = wsgiserver::PullWorker::new(&pull).unwrap();
    assert_eq!(pull.threads(), 1);
    drop(worker);
    assert_eq!(pull.threads(), 0);
}

#[test]
fn the_application_may_change_the_pool_and_a_server_that_stops_does_not() {
    let server: Arc<OnceLock<Arc<HTTPServer>>> = Arc::default();
    let (gate, handle) = (Arc::new(Gate::default()), server.clone());
    let waiting = gate.clone();
    let app = App(move |request: &Request<'_>| {
        let server = handle.get().unwrap();
        let changed = match path(request).as_str() {
            "/grow" => server.grow(2),
            "/shrink" => server.shrink(9),
            _ => Ok(usize::from(waiting.pass())),
        };
        ok(request, changed.unwrap().to_string().as_bytes())
    });
    let (made, address) = serve(app, &[("numthreads", "1")]);
    server.set(made.clone()).unwrap();
    let mut client = Client::connect(address);
    assert_eq!(client.get("/grow").answer(), (200, "2".into()));
    assert_eq!(client.get("/shrink").answer(), (200, "2".into()));
    eventually("two have left", || made.threads() == 1);
    client.get("/wait");
    gate.wait_for(1);
    let stopping = made.clone();
    let stopped = std::thread::spawn(move || stopping.stop());
    eventually("it says that it stops", || {
        made.grow(0).is_err_and(|error| error.kind() == ErrorKind::Stopping)
    });
    gate.open();
    assert_eq!(client.answer(), (200, "1".into()));
    assert_eq!(stopped.join().unwrap(), 0);
}

/// Runs an ignored test of this file with so much address space.
fn with_memory(kibibytes: u32, test: &str) {
    let child = Command::new("sh")
        .args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &kibibytes.to_string()])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--test-threads=1", test])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

const STACK: &str = "1073741824";

#[test]
fn threads_that_cannot_be_made_make_a_smaller_pool() {
    with_memory(4 * 1024 * 1024, "in_little_memory_the_pool_is_smaller");
    with_memory(1024 * 1024, "without_memory_there_is_no_pool");
}

static WARNED: AtomicBool = AtomicBool::new(false);
static WARNINGS: Mutex<String> = Mutex::new(String::new());

struct Warnings;

impl log::Log for Warnings {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        WARNED.fetch_or(record.level() == log::Level::Warn, Ordering::SeqCst);
        WARNINGS.lock().unwrap().push_str(&format!("{}\n", record.args()));
    }

    fn flush(&self) {}
}

#[test]
#[ignore = "run by threads_that_cannot_be_made_make_a_smaller_pool"]
fn in_little_memory_the_pool_is_smaller() {
    log::set_logger(&Warnings).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let options = [("numthreads", "10"), ("max", "10"), ("thread_stack_size", STACK)];
    let (server, address) = serve(App(say_ok), &options);
    let threads = server.threads();
    assert!((1..10).contains(&threads), "{threads}");
    assert!(WARNED.load(Ordering::SeqCst), "{}", WARNINGS.lock().unwrap());
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
    let error = server.grow(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::System, "{error}");
    assert_eq!((server.threads(), server.shrink(10).unwrap()), (threads, 0));
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
}

#[test]
#[ignore = "run by threads_that_cannot_be_made_make_a_smaller_pool"]
fn without_memory_there_is_no_pool() {
    let server = Arc::new(HTTPServer::new("127.0.0.1:0", App(say_ok)).unwrap());
    server.set("thread_stack_size", STACK).unwrap();
    let error = server.start_background().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::System, "{error}");
    server.set("thread_stack_size", "0").unwrap();
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    assert_eq!(Client::connect(address).get("/").answer().0, 200);
}
