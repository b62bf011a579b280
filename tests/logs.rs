//! The error log: what is told, with which code, and to whom.

mod support;

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use support::{App, Client, eventually, ok, path, serve_with};
use wsgiserver::{
    ErrorKind, HTTPServer, Handlers, LOG_TARGET, LogCode, LogLevel, Outcome, Request, RequestError,
};

type Message = (LogLevel, LogCode, String);

/// What a handler was told.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<Message>>>);

impl Messages {
    fn handlers(&self) -> Handlers {
        let messages = self.0.clone();
        Handlers::new().error_log(move |level, code, text: &str| {
            messages.lock().unwrap().push((level, code, text.to_owned()));
        })
    }

    /// The first message with this code, when it has come.
    fn wait_for(&self, code: LogCode) -> Message {
        let find = || self.0.lock().unwrap().iter().find(|message| message.1 == code).cloned();
        eventually(&format!("a message {code:?}"), || find().is_some());
        find().unwrap()
    }

    fn codes(&self) -> Vec<LogCode> {
        self.0.lock().unwrap().iter().map(|message| message.1).collect()
    }
}

/// Does wrong what its path says.
fn faulty(request: &Request<'_>) -> Outcome {
    let start = |length: &str| {
        request.start_response("200 OK", &[("Content-Length", length)], false).unwrap();
    };
    match path(request).as_str() {
        "/panic" => panic!("on purpose"),
        "/hijacked" => {
            request.hijack().unwrap();
            panic!("without a request");
        }
        "/failed" => return Outcome::Failed,
        "/reads" | "/reads/quiet" | "/reads/short" => {
            let mut window = [0; 4096];
            if path(request) == "/reads/short" {
                start("30");
                request.write(b"four").unwrap();
            }
            while let Ok(count) = request.read(&mut window) {
                if count == 0 {
                    return ok(request, b"whole");
                }
            }
            if path(request) == "/reads" {
                return Outcome::Failed;
            }
        }
        "/writes" => {
            request.start_response("200 OK", &[], false).unwrap();
            while request.write(&[b'x'; 65536]).is_ok() {}
            let again = [request.write(b"x"), request.start_response("500 X", &[], true)];
            assert!(again.iter().all(|result| matches!(result, Err(RequestError::Client(_)))));
            return Outcome::Failed;
        }
        "/nothing" => {}
        "/long" => {
            start("3");
            request.write(b"four").unwrap_err();
        }
        "/short" => {
            start("30");
            request.write(b"four").unwrap();
        }
        "/says" => {
            request.log(LogLevel::Warning, "look here\nand there").unwrap();
            return ok(request, b"said");
        }
        _ => return ok(request, b"fine"),
    }
    Outcome::Done
}

#[test]
fn what_an_application_does_wrong_has_its_code() {
    let messages = Messages::default();
    let (server, address) = serve_with(App(faulty), messages.handlers(), &[]);
    for (path, code, text) in [
        (
            "/panic",
            LogCode::ApplicationFailed,
            "the application panicked in GET /panic: on purpose",
        ),
        ("/nothing", LogCode::NoAnswer, "the application gave no answer"),
        ("/long", LogCode::BodyTooLong, "the response body is longer than its Content-Length"),
        ("/short", LogCode::BodyTooShort, "the response body is shorter than its Content-Length"),
    ] {
        Client::connect(address).get(path).rest();
        assert_eq!(messages.wait_for(code), (LogLevel::Error, code, text.to_owned()));
    }
    messages.0.lock().unwrap().clear();
    Client::connect(address).get("/failed").rest();
    let (_, _, text) = messages.wait_for(LogCode::ApplicationFailed);
    assert_eq!(text, "the application failed in GET /failed");
    messages.0.lock().unwrap().clear();
    Client::connect(address).get("/hijacked").rest();
    let (_, _, text) = messages.wait_for(LogCode::ApplicationFailed);
    assert_eq!(text, "the application panicked behind its request: without a request");
    server.stop();
    assert_eq!(messages.codes(), [LogCode::ApplicationFailed]);
}

/// It returns what reading or writing gave it, or nothing: the client has made it so.
#[test]
fn a_client_that_leaves_or_breaks_its_request_is_no_failure_of_the_application() {
    let messages = Messages::default();
    let options = [
        ("log_level", "debug"),
        ("body_timeout", "0.3"),
        ("write_timeout", "0.3"),
        ("max_buffered", "1000000"),
    ];
    let calls = Arc::new(AtomicUsize::new(0));
    let over = calls.clone();
    let app = App(move |request: &Request<'_>| {
        let outcome = faulty(request);
        over.fetch_add(1, Ordering::SeqCst);
        outcome
    });
    let (server, address) = serve_with(app, messages.handlers(), &options);
    // More than is read before the application is called.
    let part = "x".repeat(70_000);
    let length = "Content-Length: 1000000";
    let chunked = "Transfer-Encoding: chunked";
    let bad_chunk = format!("11170\r\n{part}\r\nno chunk\r\n");
    let expect = format!("Expect: 100-continue\r\n{length}");
    for path in ["/reads", "/reads/quiet", "/reads/short"] {
        for (fields, body, leaves) in [
            (length, &part, true),
            (length, &part, false),
            (chunked, &bad_chunk, false),
            (&expect, &String::new(), false),
            (&expect, &String::new(), true),
        ] {
            let mut client = Client::connect(address);
            client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}"));
            if leaves {
                client.0.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let _answer_or_reset = client.0.read_to_end(&mut Vec::new());
        }
    }
    Client::connect(address).get("/writes");
    let mut slow = Client::connect(address);
    slow.get("/writes");
    eventually("17 calls are over", || calls.load(Ordering::SeqCst) == 17);
    assert_eq!(server.stop(), 0);
    let messages = messages.0.lock().unwrap();
    // Refusals have messages of their own.
    let is_blame = |(level, code, _): &&(LogLevel, LogCode, String)| {
        *level > LogLevel::Debug && *code != LogCode::Refused
    };
    let blamed: Vec<_> = messages.iter().filter(is_blame).collect();
    assert!(blamed.is_empty(), "{blamed:?}");
}

#[test]
fn no_message_names_the_query() {
    let messages = Messages::default();
    let (server, address) = serve_with(App(faulty), messages.handlers(), &[]);
    for path in ["/failed", "/panic"] {
        Client::connect(address).get(&format!("{path}?token=secret")).rest();
    }
    server.stop();
    let texts: Vec<_> = messages.0.lock().unwrap().iter().map(|told| told.2.clone()).collect();
    let expected = [
        "the application failed in GET /failed",
        "the application panicked in GET /panic: on purpose",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn the_application_says_something_itself() {
    let messages = Messages::default();
    let (server, address) = serve_with(App(faulty), messages.handlers(), &[]);
    assert_eq!(Client::connect(address).get("/says").answer(), (200, "said".into()));
    let told = (LogLevel::Warning, LogCode::Application, "look here\nand there".to_owned());
    assert_eq!(messages.wait_for(LogCode::Application), told);
    server.stop();
}

#[test]
fn what_matters_less_is_left_out() {
    for (level, told) in
        [("debug", vec![LogCode::Refused, LogCode::Application]), ("error", vec![])]
    {
        let messages = Messages::default();
        let (server, address) =
            serve_with(App(faulty), messages.handlers(), &[("log_level", level)]);
        let mut client = Client::connect(address);
        let here = client.0.local_addr().unwrap();
        client.send("no request\r\n\r\n").rest();
        Client::connect(address).get("/says").answer();
        server.stop();
        assert_eq!(messages.codes(), told);
        if let Some((_, _, text)) = messages.0.lock().unwrap().first() {
            assert_eq!(*text, format!("refused 400 to {here}: Malformed Request-Line"));
        }
    }
}

/// What a client gets, and the warning that it leaves.
fn refusal(request: &str, options: &[(&str, &str)]) -> (String, String) {
    let messages = Messages::default();
    let (server, address) = serve_with(App(faulty), messages.handlers(), options);
    let mut client = Client::connect(address);
    let here = client.0.local_addr().unwrap();
    let answer = String::from_utf8(client.send(request).rest()).unwrap();
    let (level, _, text) = messages.wait_for(LogCode::Refused);
    assert_eq!(level, LogLevel::Warning);
    server.stop();
    let status = answer.get(9..12).unwrap_or_default();
    let why = text.strip_prefix(&format!("refused {status} to {here}: "));
    (status.to_owned(), why.unwrap_or_else(|| panic!("{status}: {text}")).to_owned())
}

#[test]
fn a_refusal_names_its_option_and_its_field_but_no_value() {
    let long = "s3cret".repeat(3_000);
    let (post, host) = ("POST / HTTP/1.1", "Host: a");
    for (request, options, status, why) in [
        (
            format!("{post}\r\n{host}\r\nAuthorization: Bearer {long}\r\n\r\n"),
            &[][..],
            "431",
            "the header field \"Authorization\" has more than 8190 bytes (max_request_field_size)",
        ),
        (
            format!("GET /{long} HTTP/1.1\r\n{host}\r\n\r\n"),
            &[],
            "414",
            "the request line has more than 8192 bytes (max_request_line_size)",
        ),
        (
            format!("{post}\r\n{host}\r\nContent-Length: 101\r\n\r\n"),
            &[("max_request_body_size", "100")],
            "413",
            "the request body has more than 100 bytes (max_request_body_size)",
        ),
        (format!("{post}\r\n{host}\r\nHost: b\r\n\r\n"), &[], "400", "Repeated Host header."),
        (
            format!("{post}\r\n{host}\r\nTransfer-Encoding: gzip\r\n\r\n"),
            &[],
            "501",
            "Unimplemented",
        ),
        (
            format!("{post}\r\n{host}\r\n"),
            &[("header_timeout", "0.1")],
            "408",
            "the request head came too slowly (header_timeout)",
        ),
        (
            format!("{post}\r\n{host}\r\nContent-Length: 5\r\n\r\nhel"),
            &[("body_timeout", "0.1")],
            "408",
            "the request body came too slowly (body_timeout, min_body_rate)",
        ),
    ] {
        assert_eq!(refusal(&request, options), (status.to_owned(), why.to_owned()));
    }
}

#[test]
fn clients_cannot_fill_the_log_with_refusals() {
    for (level, debugs) in [("info", 0), ("debug", 19)] {
        let messages = Messages::default();
        let options = [("log_level", level), ("header_timeout", "0.1")];
        let (server, address) = serve_with(App(faulty), messages.handlers(), &options);
        for _ in 0..20 {
            Client::connect(address).send("no request\r\n\r\n").rest();
        }
        // Nor with silence, which is usual.
        let silent = Client::connect(address).rest();
        assert!(silent.starts_with(b"HTTP/1.1 408 "));
        server.stop();
        let told = |wanted: LogLevel, about: &str| {
            let all = messages.0.lock().unwrap();
            all.iter().filter(|(level, _, text)| *level == wanted && text.contains(about)).count()
        };
        assert_eq!(
            (told(LogLevel::Warning, "refused 400"), told(LogLevel::Debug, "refused 400")),
            (1, debugs)
        );
        assert_eq!(told(LogLevel::Warning, "refused 408"), 0);
    }
}

#[test]
fn a_handler_that_panics_harms_nobody() {
    let handlers = Handlers::new().error_log(|_, _, _: &str| panic!("in the handler"));
    let (server, address) = serve_with(App(faulty), handlers, &[("numthreads", "1")]);
    for _ in 0..3 {
        let answer = Client::connect(address).get("/nothing").answer();
        assert_eq!(answer.0, 500);
        assert_eq!(Client::connect(address).get("/says").answer(), (200, "said".into()));
    }
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_handler_may_ask_the_server_things() {
    static SERVER: OnceLock<Arc<HTTPServer>> = OnceLock::new();
    let told = Arc::new(Mutex::new(String::new()));
    let kept = told.clone();
    let handlers = Handlers::new().error_log(move |_, _, _: &str| {
        let server = SERVER.get().unwrap();
        *kept.lock().unwrap() = server.get("numthreads").unwrap();
        server.signal_stop();
    });
    let (server, address) = serve_with(App(faulty), handlers, &[("numthreads", "3")]);
    assert!(SERVER.set(server.clone()).is_ok());
    Client::connect(address).get("/nothing").rest();
    server.wait();
    assert_eq!(*told.lock().unwrap(), "3");
}

#[test]
fn handlers_are_set_before_the_server_runs() {
    let (server, _) = serve_with(App(faulty), Handlers::new(), &[]);
    let error = server.set_handlers(Handlers::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    server.stop();
    server.set_handlers(Handlers::new()).unwrap();
}

/// The other way out: the logger of the process.
#[test]
fn the_log_crate_has_everything_too() {
    struct Logger(Mutex<Vec<String>>);

    impl log::Log for Logger {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            if record.target() == LOG_TARGET {
                let line = format!("{} {}", record.level(), record.args());
                self.0.lock().unwrap().push(line);
            }
        }

        fn flush(&self) {}
    }

    static LOGGER: Logger = Logger(Mutex::new(Vec::new()));
    log::set_logger(&LOGGER).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let own_words = |request: &Request<'_>| {
        request.log(LogLevel::Info, "for the logger of the process").unwrap();
        ok(request, b"")
    };
    let (server, address) = serve_with(App(own_words), Handlers::new(), &[]);
    Client::connect(address).get("/").answer();
    server.stop();
    let lines = LOGGER.0.lock().unwrap();
    assert!(lines.iter().any(|line| line == "INFO for the logger of the process"), "{lines:?}");
}
