//! The option `access_log`: what is written where, and what happens when it cannot be.

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{App, Client, PROMPT, eventually, ok, serve_with};
use wsgiserver::{AccessRecord, ErrorKind, HTTPServer, Handlers, LogCode, LogLevel, Request};

/// A folder of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wsgiserver-log-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

type Messages = Arc<Mutex<Vec<(LogLevel, LogCode, String)>>>;

fn serve(options: &[(&str, &str)]) -> (Arc<HTTPServer>, std::net::SocketAddr, Messages) {
    let app = App(|request: &Request<'_>| ok(request, b"answer"));
    let messages = Messages::default();
    let told = messages.clone();
    let handlers = Handlers::new().error_log(move |level, code, text: &str| {
        told.lock().unwrap().push((level, code, text.to_owned()));
    });
    let (server, address) = serve_with(app, handlers, options);
    (server, address, messages)
}

/// What was said of the access log.
fn said(messages: &Messages) -> Vec<String> {
    let messages = messages.lock().unwrap();
    let ours = messages.iter().filter(|(_, code, _)| *code == LogCode::AccessLog);
    ours.map(|(_, _, text)| text.clone()).collect()
}

fn lines(path: impl AsRef<Path>) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn why_not(options: &[(&str, &str)]) -> wsgiserver::Error {
    let server =
        HTTPServer::new("127.0.0.1:0", App(|request: &Request<'_>| ok(request, b""))).unwrap();
    for (name, value) in options {
        server.set(name, value).unwrap();
    }
    server.prepare().unwrap_err()
}

/// Everything between the brackets is the time.
fn without_time(line: &str) -> String {
    let (before, rest) = line.split_once('[').unwrap();
    let (time, after) = rest.split_once(']').unwrap();
    assert!(time.len() == 26 && time.ends_with(" +0000"), "{time}");
    format!("{before}[]{after}")
}

#[test]
fn a_line_is_there_within_a_second_and_is_appended() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    fs::write(&path, "before\n").unwrap();
    let (server, address, _) = serve(&[("access_log", &path)]);
    let mut client = Client::connect(address);
    client.send("GET /a?b HTTP/1.1\r\nHost: a\r\nReferer: http://r/\r\nUser-Agent: me\r\n\r\n");
    client.answer();
    let asked = Instant::now();
    eventually("the line", || lines(&path).len() == 2);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    // In a second round as in the first one.
    client.get("/").answer();
    eventually("the line", || lines(&path).len() == 3);
    // And what nobody waited for, at the stop.
    client.get("/last").answer();
    server.stop();
    let lines = lines(&path);
    assert_eq!(lines[0], "before");
    let expected = r#"127.0.0.1 - - [] "GET /a?b HTTP/1.1" 200 6 "http://r/" "me""#;
    assert_eq!(without_time(&lines[1]), expected);
    let expected = r#"127.0.0.1 - - [] "GET /last HTTP/1.1" 200 6 "-" "-""#;
    assert_eq!(without_time(&lines[3]), expected);
}

#[test]
fn nothing_that_a_client_sends_makes_another_line() {
    let folder = Folder::new();
    for format in ["common", "combined", "json"] {
        let path = folder.path(format);
        let (server, address, _) = serve(&[("access_log", &path), ("access_log_format", format)]);
        let mut client = Client::connect(address);
        client.send(b"GET /\"\\ HTTP/1.1\r\nHost: a\r\nUser-Agent: \"\\\xff\xc3\xa4\t\r\n");
        client.send(b"Referer: x\" 200 1 \"y\r\n\r\n").answer();
        client.send(b"nonsense\r\n\r\n").answer();
        server.stop();
        let lines = lines(&path);
        assert_eq!(lines.len(), 2, "{lines:?}");
        let request = r#""GET /\x22\x5C HTTP/1.1" 200 6"#;
        match format {
            "common" => assert!(lines[0].ends_with(request), "{lines:?}"),
            "combined" => {
                let fields = r#""x\x22 200 1 \x22y" "\x22\x5C\xFF\xC3\xA4""#;
                assert!(lines[0].ends_with(&format!("{request} {fields}")), "{lines:?}");
                assert!(lines[1].contains("] \"-\" 400 "), "{lines:?}");
            }
            _ => {
                let fields = r#""target":"/\"\\","protocol":"HTTP/1.1","referer":"x\" 200 1 \"y","user_agent":"\"\\\\xFFä","status":200"#;
                assert!(lines[0].contains(fields), "{lines:?}");
                assert!(lines[0].ends_with(r#""keep_alive":true,"ended":"sent"}"#), "{lines:?}");
                assert!(lines[1].contains(r#""method":"","#), "{lines:?}");
            }
        }
    }
}

#[test]
fn a_callback_and_a_file_are_both_told() {
    let folder = Folder::new();
    for format in ["combined", "json"] {
        let path = folder.path(format);
        let app = App(|request: &Request<'_>| ok(request, b"answer"));
        let server = Arc::new(HTTPServer::new("127.0.0.1:0", app).unwrap());
        let targets: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let told = targets.clone();
        let note = move |record: &AccessRecord<'_>| {
            assert!(record.arrived.elapsed().unwrap() < Duration::from_secs(3600));
            told.lock().unwrap().push(record.target.to_vec());
        };
        server.set_handlers(Handlers::new().access_log(note)).unwrap();
        server.set("access_log", &path).unwrap();
        server.set("access_log_format", format).unwrap();
        server.start_background().unwrap();
        Client::connect(server.bound_addr().unwrap()).get("/both").answer();
        server.stop();
        assert_eq!(*targets.lock().unwrap(), [b"/both"]);
        assert!(lines(&path)[0].contains("/both"));
    }
}

#[test]
fn a_file_that_is_rotated_away_is_followed() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    let (server, address, messages) = serve(&[("access_log", &path)]);
    let mut client = Client::connect(address);
    client.get("/first").answer();
    eventually("the first line", || lines(&path).len() == 1);
    fs::rename(&path, folder.path("access.log.1")).unwrap();
    // What comes until it is noticed is in the old file; nothing is lost.
    eventually("the new file", || {
        client.get("/then").answer();
        std::thread::sleep(Duration::from_millis(50));
        !lines(&path).is_empty()
    });
    fs::remove_file(&path).unwrap();
    eventually("another new file", || {
        client.get("/again").answer();
        std::thread::sleep(Duration::from_millis(50));
        !lines(&path).is_empty()
    });
    // A folder that is away: the file that was open goes on.
    let moved = folder.0.with_extension("moved");
    fs::rename(&folder.0, &moved).unwrap();
    eventually("a word about it", || {
        client.get("/astray").answer();
        std::thread::sleep(Duration::from_millis(50));
        !said(&messages).is_empty()
    });
    server.stop();
    fs::rename(&moved, &folder.0).unwrap();
    let said = said(&messages);
    assert!(said.len() == 1 && said[0].contains("cannot be opened again"), "{said:?}");
    assert!(lines(&path).last().unwrap().contains("/astray"));
    assert!(lines(folder.path("access.log.1"))[0].contains("/first"));
    assert_eq!(server.stats().access_log_dropped, 0);
}

#[test]
fn a_full_disk_is_told_once_and_costs_no_request() {
    let (server, address, messages) = serve(&[("access_log", "/dev/full")]);
    let mut client = Client::connect(address);
    client.get("/").answer();
    eventually("a word about it", || !said(&messages).is_empty());
    for _ in 0..10 {
        assert_eq!(client.get("/").answer().0, 200);
    }
    server.stop();
    let said = said(&messages);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("/dev/full: cannot be written: No space left"), "{said:?}");
    assert!(said[1].contains("11 lines could not be written before the stop"), "{said:?}");
    assert_eq!(server.stats().access_log_dropped, 11);
}

/// A reader that takes nothing until it is told to.
fn pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    std::io::pipe().unwrap()
}

/// So many requests whose lines are long, on one connection.
fn ask_long(address: std::net::SocketAddr, count: usize) {
    let mut client = Client::connect(address);
    let long = "x".repeat(4000);
    let request = format!("GET /{long} HTTP/1.1\r\nHost: a\r\nUser-Agent: {long}\r\n\r\n");
    for _ in 0..count {
        assert_eq!(client.send(&request).answer().0, 200);
    }
}

#[test]
fn a_slow_reader_holds_no_request_and_lines_are_dropped_and_told() {
    let (mut reader, writer) = pipe();
    let name = format!("fd:{}", writer.as_raw_fd());
    let (server, address, messages) = serve(&[("access_log", &name), ("numthreads", "1")]);
    drop(writer);
    let count = 1300;
    ask_long(address, count);
    let told = || said(&messages);
    eventually("a word about it", || told().iter().any(|text| text.contains("are dropped")));
    let reading = std::thread::spawn(move || {
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        all
    });
    eventually("room", || {
        ask_long(address, 1);
        server.stats().access_log_dropped > 0 && told().len() == 1
    });
    server.stop();
    let all = reading.join().unwrap();
    let dropped: u64 = all
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.strip_suffix(" lines were dropped here"))
        .map(|number| number.parse::<u64>().unwrap())
        .sum();
    assert!(dropped > 0);
    assert_eq!(server.stats().access_log_dropped, dropped);
    let written = all.lines().filter(|line| line.starts_with("127.0.0.1 - - [")).count();
    assert!(written as u64 + dropped >= count as u64, "{written} and {dropped}");
}

#[test]
fn a_stop_waits_for_a_stuck_reader_no_longer_than_a_moment() {
    let (reader, writer) = pipe();
    let name = format!("fd:{}", writer.as_raw_fd());
    let (server, address, messages) = serve(&[("access_log", &name)]);
    ask_long(address, 40);
    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < PROMPT / 2, "{:?}", began.elapsed());
    let said = said(&messages);
    assert!(said.last().unwrap().contains("could not be written before the stop"), "{said:?}");
    assert!(server.stats().access_log_dropped > 0);
    drop((reader, writer));
}

#[test]
fn a_reader_that_leaves_is_told() {
    let (reader, writer) = pipe();
    let name = format!("fd:{}", writer.as_raw_fd());
    let (server, address, messages) = serve(&[("access_log", &name)]);
    drop((reader, writer));
    Client::connect(address).get("/").answer();
    eventually("a word about it", || !said(&messages).is_empty());
    assert!(said(&messages)[0].contains("Broken pipe"), "{:?}", said(&messages));
    server.stop();
}

#[test]
fn lines_over_a_socket_stay_whole() {
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let name = format!("fd:{}", theirs.as_raw_fd());
    let (server, address, _) = serve(&[("access_log", &name)]);
    drop(theirs);
    let mut client = Client::connect(address);
    for _ in 0..100 {
        client.get("/socket").answer();
    }
    server.stop();
    let mut all = String::new();
    ours.read_to_string(&mut all).unwrap();
    assert_eq!(all.lines().filter(|line| line.contains("\"GET /socket HTTP/1.1\"")).count(), 100);
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = Folder::new();
    let readable = File::open("/dev/null").unwrap();
    let missing = folder.path("no/such");
    let closed = "fd:998877";
    let only_read = format!("fd:{}", readable.as_raw_fd());
    for (name, why) in [
        (&*missing, "No such file or directory"),
        (&folder.path(""), "Is a directory"),
        (closed, "Bad file descriptor"),
        (&only_read, "Bad file descriptor"),
    ] {
        let error = why_not(&[("access_log", name)]);
        assert_eq!(error.kind(), ErrorKind::System);
        let text = error.to_string();
        assert!(text.starts_with(&format!("access_log {name}: {why}")), "{text}");
    }
    for name in ["fd:", "fd:1x", "fd:-1"] {
        let error = why_not(&[("access_log", name)]);
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = HTTPServer::new("", App(|request: &Request<'_>| ok(request, b"")))
        .unwrap()
        .set("access_log_format", "apache")
        .unwrap_err();
    assert!(error.to_string().contains("common or combined or json"), "{error}");
}

#[test]
fn a_server_that_runs_again_goes_on_with_the_file() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    let (server, address, _) = serve(&[("access_log", &path)]);
    Client::connect(address).get("/one").answer();
    server.stop();
    server.start_background().unwrap();
    Client::connect(server.bound_addr().unwrap()).get("/two").answer();
    server.stop();
    assert_eq!(lines(&path).len(), 2);
}

#[test]
fn threads_write_whole_lines() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    let (server, address, _) = serve(&[("access_log", &path), ("access_log_format", "common")]);
    std::thread::scope(|scope| {
        for client in 0..8 {
            scope.spawn(move || {
                let mut connection = Client::connect(address);
                for number in 0..200 {
                    connection.get(&format!("/{client}/{number}")).answer();
                }
            });
        }
    });
    server.stop();
    let mut seen: Vec<_> = lines(&path)
        .iter()
        .map(|line| without_time(line).split('"').nth(1).unwrap().to_owned())
        .collect();
    let mut expected: Vec<String> = (0..8)
        .flat_map(|client| (0..200).map(move |number| format!("GET /{client}/{number} HTTP/1.1")))
        .collect();
    seen.sort();
    expected.sort();
    assert!(seen == expected, "{} of {}", seen.len(), expected.len());
}
