//! The start and stop hooks of worker threads.

mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};

use support::{App, Client, Gate, eventually, ok, path};
use wsgiserver::{
    ErrorKind, HTTPServer, Handlers, LogCode, LogLevel, Request, ThreadData, ThreadHooks,
};

/// What a start hook gives here.
struct Data {
    index: usize,
    thread: ThreadId,
    calls: AtomicUsize,
}

/// Hooks that write a diary. The threads from `fails_from` on do not start.
#[derive(Clone)]
struct Diary {
    lines: Arc<Mutex<Vec<String>>>,
    fails_from: usize,
}

impl Diary {
    fn new(fails_from: usize) -> Self {
        Self { lines: Arc::default(), fails_from }
    }

    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    fn sorted(&self) -> Vec<String> {
        let mut lines = self.lines.lock().unwrap().clone();
        lines.sort();
        lines
    }
}

impl ThreadHooks for Diary {
    fn thread_start(&self, index: usize) -> Result<ThreadData, String> {
        if index >= self.fails_from {
            return Err(format!("no place for {index}"));
        }
        self.write(format!("{index} starts"));
        Ok(Box::new(Data { index, thread: current().id(), calls: AtomicUsize::new(0) }))
    }

    fn thread_stop(&self, index: usize, data: ThreadData) {
        let data = data.downcast::<Data>().unwrap();
        assert_eq!((data.index, data.thread), (index, current().id()));
        self.write(format!("{index} stops"));
    }
}

fn server(
    gateway: impl wsgiserver::Gateway,
    handlers: Handlers,
    options: &[(&str, &str)],
) -> Arc<HTTPServer> {
    let server = Arc::new(HTTPServer::new("127.0.0.1:0", gateway).unwrap());
    server.set_handlers(handlers).unwrap();
    for (name, value) in options {
        server.set(name, value).unwrap();
    }
    server
}

fn started(server: &Arc<HTTPServer>) -> SocketAddr {
    server.start_background().unwrap();
    server.bound_addr().unwrap()
}

/// Says how often the thread that answers was asked.
fn count(request: &Request<'_>) -> wsgiserver::Outcome {
    let data = request.thread_data().unwrap().downcast_ref::<Data>().unwrap();
    assert_eq!(data.thread, current().id());
    let calls = data.calls.fetch_add(1, Ordering::Relaxed) + 1;
    ok(request, calls.to_string().as_bytes())
}

#[test]
fn every_thread_has_its_hooks_and_its_data() {
    let diary = Diary::new(9);
    let handlers = Handlers::new().threads(diary.clone());
    let server = server(App(count), handlers, &[("numthreads", "1")]);
    server.prepare().unwrap();
    assert_eq!(diary.sorted(), ["0 starts"]);
    server.stop();
    assert_eq!(diary.sorted(), ["0 starts", "0 stops"]);
    let mut client = Client::connect(started(&server));
    for calls in 1..4 {
        assert_eq!(client.get("/").answer(), (200, calls.to_string()));
    }
    server.set("numthreads", "3").unwrap_err();
    server.stop();
    server.set("numthreads", "3").unwrap();
    started(&server);
    server.stop();
    let starts_and_stops = |count| {
        let lines = diary.sorted();
        let with = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
        (with("starts"), with("stops")) == (count, count)
    };
    assert!(starts_and_stops(5), "{:?}", diary.sorted());
}

#[test]
fn without_hooks_there_is_no_data() {
    let none = |request: &Request<'_>| {
        assert!(request.thread_data().is_none());
        ok(request, b"none")
    };
    let server = server(App(none), Handlers::new(), &[]);
    assert_eq!(Client::connect(started(&server)).get("/").answer(), (200, "none".into()));
    server.stop();
}

#[test]
fn a_start_hook_that_fails_fails_prepare() {
    let diary = Diary::new(2);
    let handlers = Handlers::new().threads(diary.clone());
    let server = server(App(count), handlers, &[("numthreads", "3")]);
    for _ in 0..2 {
        let error = server.prepare().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ThreadStart);
        assert_eq!(error.to_string(), "the start hook of worker thread 2: no place for 2");
        assert_eq!(diary.sorted(), ["0 starts", "0 stops", "1 starts", "1 stops"]);
        diary.lines.lock().unwrap().clear();
    }
    server.set("numthreads", "2").unwrap();
    assert_eq!(Client::connect(started(&server)).get("/").answer(), (200, "1".into()));
    server.stop();
}

#[test]
fn a_hook_that_panics_is_an_error() {
    struct Panics;

    impl ThreadHooks for Panics {
        fn thread_start(&self, index: usize) -> Result<ThreadData, String> {
            assert!(index == 0, "not {index}");
            Ok(Box::new(()))
        }

        fn thread_stop(&self, _: usize, _: ThreadData) {
            panic!("at the end");
        }
    }

    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let handlers = Handlers::new().threads(Panics).error_log(move |level, code, text: &str| {
        log.lock().unwrap().push((level, code, text.to_owned()));
    });
    let no_data = |request: &Request<'_>| ok(request, b"");
    let server = server(App(no_data), handlers, &[("numthreads", "2")]);
    let error = server.prepare().unwrap_err().to_string();
    assert_eq!(error, "the start hook of worker thread 1: it panicked: not 1");
    let text = "a stop hook panicked: at the end".to_owned();
    assert_eq!(*told.lock().unwrap(), [(LogLevel::Error, LogCode::Panic, text)]);
}

/// The pool grows under load, and a thread that cannot come is not missed.
#[test]
fn a_later_thread_that_fails_makes_a_warning() {
    let gate = Arc::new(Gate::default());
    let told = Arc::new(Mutex::new(Vec::new()));
    let (diary, log, door) = (Diary::new(2), told.clone(), gate.clone());
    let handlers =
        Handlers::new().threads(diary.clone()).error_log(move |level, code, text: &str| {
            log.lock().unwrap().push((level, code, text.to_owned()));
        });
    let waiting = move |request: &Request<'_>| {
        if path(request) == "/wait" {
            door.pass();
        }
        ok(request, b"done")
    };
    let options = [("numthreads", "1"), ("max", "4")];
    let server = server(App(waiting), handlers, &options);
    let address = started(&server);
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/wait");
    }
    gate.wait_for(2);
    // The load may want the next one before this one has failed, and both fail in any order.
    let text = "the start hook of worker thread 2: no place for 2".to_owned();
    let warning = (LogLevel::Warning, LogCode::Thread, text);
    eventually("a warning", || told.lock().unwrap().contains(&warning));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.answer(), (200, "done".into()));
    }
    server.stop();
    assert_eq!(diary.sorted(), ["0 starts", "0 stops", "1 starts", "1 stops"]);
}

/// Whoever is left behind in the application still gets its stop hook.
#[test]
fn a_thread_that_is_late_stops_late() {
    let gate = Arc::new(Gate::default());
    let door = gate.clone();
    let diary = Diary::new(9);
    let waiting = move |request: &Request<'_>| {
        door.pass();
        ok(request, b"late")
    };
    let options = [("numthreads", "1"), ("shutdown_timeout", "0.01")];
    let handlers = Handlers::new().threads(diary.clone());
    let server = server(App(waiting), handlers, &options);
    let mut client = Client::connect(started(&server));
    client.get("/");
    gate.wait_for(1);
    assert_eq!(server.stop(), 1);
    assert_eq!(diary.sorted(), ["0 starts"]);
    gate.open();
    eventually("the stop hook", || diary.sorted() == ["0 starts", "0 stops"]);
}

/// The server can be asked things, and be told to stop, while it is being prepared.
#[test]
fn a_hook_may_call_the_server() {
    struct Calls(Mutex<Option<Arc<HTTPServer>>>);

    impl ThreadHooks for Calls {
        fn thread_start(&self, _: usize) -> Result<ThreadData, String> {
            let server = self.0.lock().unwrap().take();
            if let Some(server) = server {
                assert_eq!(server.get("numthreads").unwrap(), "2");
                assert_eq!(server.prepare().unwrap_err().kind(), ErrorKind::State);
                assert_eq!(server.set("numthreads", "4").unwrap_err().kind(), ErrorKind::State);
                assert_eq!(server.stop(), 0);
            }
            Ok(Box::new(()))
        }
    }

    let no_data = |request: &Request<'_>| ok(request, b"");
    let server = server(App(no_data), Handlers::new(), &[("numthreads", "2")]);
    let hooks = Calls(Mutex::new(Some(server.clone())));
    server.set_handlers(Handlers::new().threads(hooks)).unwrap();
    server.start().unwrap();
    server.wait();
}

/// The seed's Gateway, in the place of the one that the server was made with.
#[test]
fn the_handlers_may_have_the_gateway() {
    let first = |request: &Request<'_>| ok(request, b"first");
    let second = |request: &Request<'_>| ok(request, b"second");
    let handlers = Handlers::new().gateway(App(second));
    let server = server(App(first), handlers, &[]);
    assert_eq!(Client::connect(started(&server)).get("/").answer(), (200, "second".into()));
    server.stop();
    server.set_handlers(Handlers::new()).unwrap();
    assert_eq!(Client::connect(started(&server)).get("/").answer(), (200, "first".into()));
    server.stop();
}
