//! Statistics: what the server says equals what its clients have sent and received, to the byte.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{App, Client, Gate, eventually, ok, path, serve};
use wsgiserver::{
    DetachedRequest, HTTPServer, Histogram, Outcome, PullWorker, Pulled, Request, Stats,
};

const FILE: usize = 3_000_000;
const LONG: usize = 5_000_000;

/// What the clients did.
#[derive(Default)]
struct Sums {
    connections: u64,
    requests: u64,
    sent: u64,
    received: u64,
}

impl Sums {
    /// One connection that carries so many requests: sends all, reads to the server's end.
    fn exchange(&mut self, address: SocketAddr, requests: u64, bytes: &[u8]) -> Vec<u8> {
        let mut client = Client::connect(address);
        let mut writer = client.0.try_clone().unwrap();
        let answer = std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(bytes).unwrap());
            client.rest()
        });
        self.connections += 1;
        self.requests += requests;
        self.sent += bytes.len() as u64;
        self.received += answer.len() as u64;
        answer
    }

    /// Waits until the server says the same.
    fn expect(&self, server: &HTTPServer) {
        let same = || {
            let stats = server.stats();
            (stats.accepts, stats.requests, stats.bytes_read, stats.bytes_written)
                == (self.connections, self.requests, self.sent, self.received)
        };
        let until = std::time::Instant::now() + support::DEADLINE;
        while !same() {
            let Self { connections, requests, sent, received } = self;
            assert!(
                std::time::Instant::now() < until,
                "not {connections} {requests} {sent} {received} but {:?}",
                server.stats()
            );
            std::thread::yield_now();
        }
    }
}

/// Answers by path: whole, in pieces, from a file, long, detached, and with what was uploaded.
fn application() -> (impl wsgiserver::Gateway, Arc<Mutex<Vec<DetachedRequest>>>) {
    let detached: Arc<Mutex<Vec<DetachedRequest>>> = Arc::default();
    let kept = detached.clone();
    // The tests of one process run side by side.
    let here = &raw const detached as usize;
    let name = format!("wsgiserver-statistics-{}-{here:x}", std::process::id());
    let name = std::env::temp_dir().join(name);
    let mut file =
        File::options().read(true).write(true).create(true).truncate(true).open(&name).unwrap();
    std::fs::remove_file(&name).unwrap();
    file.write_all(&vec![b'f'; FILE]).unwrap();
    let app = App(move |request: &Request<'_>| {
        match path(request).as_str() {
            "/pieces" => {
                request.start_response("200 OK", &[], false).unwrap();
                for size in [1, 100, 20_000, 300_000] {
                    request.write(&vec![b'p'; size]).unwrap();
                }
            }
            "/file" => {
                request.start_response("200 OK", &[], false).unwrap();
                request.send_file(&file, 0, None).unwrap();
            }
            "/long" => request.respond("200 OK", &[], &vec![b'l'; LONG]).unwrap(),
            "/upload" => {
                let (mut all, mut piece) = (0, [0; 10_000]);
                while let count @ 1.. = request.read(&mut piece).unwrap() {
                    all += count;
                }
                request.respond("200 OK", &[], all.to_string().as_bytes()).unwrap();
            }
            "/later" => {
                kept.lock().unwrap().push(request.detach().unwrap());
                return Outcome::Detached;
            }
            _ => return ok(request, b"Hello world!"),
        }
        Outcome::Done
    });
    (app, detached)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

fn last(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
}

fn post(path: &str, more: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{more}\r\n{body}")
}

fn ask_all(clients: &mut [Client]) {
    clients.iter_mut().for_each(|client| {
        client.get("/");
    });
}

#[test]
fn every_byte_is_counted_once() {
    let (app, detached) = application();
    let (server, address) = serve(app, &[("numthreads", "3"), ("statistics", "1")]);
    let mut sums = Sums::default();
    sums.exchange(address, 3, (get("/") + &get("/") + &last("/")).as_bytes());
    sums.exchange(address, 101, (get("/").repeat(100) + &last("/")).as_bytes());
    sums.exchange(address, 1, last("/pieces").as_bytes());
    assert!(sums.exchange(address, 2, (get("/file") + &last("/")).as_bytes()).len() > FILE);
    assert!(sums.exchange(address, 1, last("/long").as_bytes()).len() > LONG);
    sums.expect(&server);

    let body = "b".repeat(400_000);
    let length = format!("Content-Length: {}\r\n", body.len());
    let answer = sums.exchange(address, 1, post("/upload", &length, &body).as_bytes());
    assert!(answer.ends_with(b"400000"));
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let chunks = chunk.repeat(2) + "0\r\nTrailer: yes\r\n\r\n";
    sums.exchange(
        address,
        1,
        post("/upload", "Transfer-Encoding: chunked\r\n", &chunks).as_bytes(),
    );
    let unread = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n".to_owned();
    let unread = unread + &body[..200_000];
    sums.exchange(address, 2, (unread + &last("/")).as_bytes());
    sums.expect(&server);

    assert!(sums.exchange(address, 1, b"what?\r\n\r\n").starts_with(b"HTTP/1.1 400 "));
    assert!(sums.exchange(address, 2, (get("/") + "\x01\r\n").as_bytes()).len() > 100);
    sums.expect(&server);

    let mut later = Client::connect(address);
    later.send(last("/later"));
    eventually("it is detached", || !detached.lock().unwrap().is_empty());
    assert_eq!(server.stats().requests_in_work, 1);
    let request = detached.lock().unwrap().pop().unwrap();
    request.request().respond("200 OK", &[], &vec![b'd'; 100_000]).unwrap();
    sums.connections += 1;
    sums.requests += 1;
    sums.sent += last("/later").len() as u64;
    sums.received += later.rest().len() as u64;
    sums.expect(&server);

    let mut half = Client::connect(address);
    half.send("GET / HTTP/1.1\r\nHos");
    sums.connections += 1;
    sums.sent += 19;
    sums.expect(&server);
    half.0.shutdown(Shutdown::Write).unwrap();
    sums.received += half.rest().len() as u64;
    sums.expect(&server);
    server.stop();
    sums.expect(&server);
}

#[test]
fn the_workers_figures_add_up() {
    let (app, _) = application();
    let (server, address) = serve(app, &[("numthreads", "3"), ("statistics", "1")]);
    let mut sums = Sums::default();
    for _ in 0..50 {
        sums.exchange(address, 2, (get("/") + &last("/")).as_bytes());
    }
    sums.expect(&server);
    let stats = server.stats();
    let sum = |of: fn(&wsgiserver::WorkerStats) -> u64| stats.workers.iter().map(of).sum::<u64>();
    assert_eq!(sum(|worker| worker.requests), 100);
    assert_eq!(sum(|worker| worker.bytes_written), sums.received);
    assert!(sum(|worker| worker.bytes_read) <= sums.sent);
    let work: Duration = stats.workers.iter().map(|worker| worker.work_time).sum();
    assert_eq!(work, stats.work_time);
    assert!(stats.write_throughput() > 0.0 && stats.accepts_per_second() > 0.0);
    let mut numbers: Vec<_> = stats.workers.iter().map(|worker| worker.number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
}

/// A thread that leaves takes nothing with it, and a new one does not bring it again.
#[test]
fn the_sums_outlive_the_threads() {
    let (app, _) = application();
    let (server, address) = serve(app, &[("numthreads", "1"), ("statistics", "1")]);
    let mut sums = Sums::default();
    for _ in 0..20 {
        server.grow(3).unwrap();
        sums.exchange(address, 2, (get("/") + &last("/")).as_bytes());
        server.shrink(3).unwrap();
    }
    sums.expect(&server);
    eventually("all but one have left", || server.threads() == 1);
    sums.expect(&server);
    server.stop();
    let before = server.stats();
    assert!(before.run_time > Duration::ZERO && before.workers.is_empty());
    assert_eq!(before.run_time, server.stats().run_time, "it does not run");
    server.start_background().unwrap();
    sums.exchange(server.bound_addr().unwrap(), 1, last("/").as_bytes());
    sums.expect(&server);
    assert!(server.stats().run_time > before.run_time);
}

#[test]
fn off_is_off_and_clear_begins_anew() {
    let (app, _) = application();
    let (server, address) = serve(app, &[("numthreads", "2")]);
    let mut sums = Sums::default();
    sums.exchange(address, 1, last("/").as_bytes());
    eventually("it has closed", || server.stats().connections == 0);
    Sums::default().expect(&server);
    assert!(!server.stats().enabled);
    assert!(server.stats().to_string().contains("\nRequests: -1\n"));

    server.set("statistics", "on").unwrap();
    let mut sums = Sums::default();
    sums.exchange(address, 1, last("/").as_bytes());
    sums.expect(&server);
    server.clear_stats();
    Sums::default().expect(&server);
    assert!(server.stats().workers.iter().all(|worker| worker.requests == 0));
    assert_eq!(server.stats().work_time, Duration::ZERO);
    let mut sums = Sums::default();
    sums.exchange(address, 3, (get("/").repeat(2) + &last("/")).as_bytes());
    sums.expect(&server);
    server.set("statistics", "off").unwrap();
    Sums::default().exchange(address, 1, last("/").as_bytes());
    eventually("it has closed", || server.stats().connections == 0);
    sums.expect(&server);
    server.stop();
    server.clear_stats();
    Sums::default().expect(&server);
}

#[test]
fn what_is_going_on_is_told_when_somebody_asks() {
    let gate = Arc::new(Gate::default());
    let waiting = gate.clone();
    let app = App(move |request: &Request<'_>| {
        waiting.pass();
        ok(request, b"ok")
    });
    let (server, address) = serve(app, &[("numthreads", "2")]);
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    let _idle = Client::connect(address);
    ask_all(&mut clients);
    gate.wait_for(2);
    eventually("one waits", || server.stats().queue == 1);
    eventually("all are there", || server.stats().connections == 4);
    let stats = server.stats();
    assert_eq!((stats.requests_in_work, stats.threads, stats.threads_idle), (2, 2, 0));
    gate.open();
    assert!(clients.iter_mut().all(|client| client.answer().0 == 200));
    eventually("nothing goes on", || {
        let stats = server.stats();
        (stats.queue, stats.requests_in_work, stats.threads_idle) == (0, 0, 2)
    });
    assert_eq!(server.stats().bind_addr, address.to_string());
}

/// What the server answers by itself counts as well, but has no worker.
#[test]
fn refusals_are_requests() {
    let gate = Arc::new(Gate::default());
    let waiting = gate.clone();
    let app = App(move |request: &Request<'_>| {
        waiting.pass();
        ok(request, b"ok")
    });
    let options = [("numthreads", "1"), ("accepted_queue_size", "0"), ("statistics", "1")];
    let (server, address) = serve(app, &options);
    let mut sums = Sums::default();
    let mut busy = Client::connect(address);
    busy.send(last("/"));
    gate.wait_for(1);
    let refused = sums.exchange(address, 1, last("/").as_bytes());
    assert!(refused.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&refused));
    gate.open();
    sums.connections += 1;
    sums.requests += 1;
    sums.sent += last("/").len() as u64;
    sums.received += busy.rest().len() as u64;
    sums.expect(&server);
    assert_eq!(server.stats().workers[0].requests, 1);
}

#[test]
fn work_time_is_the_applications() {
    const CALL: Duration = Duration::from_millis(20);
    let app = App(|request: &Request<'_>| {
        std::thread::sleep(CALL);
        ok(request, b"ok")
    });
    let (server, address) = serve(app, &[("numthreads", "2"), ("statistics", "1")]);
    let mut sums = Sums::default();
    (0..2).for_each(|_| drop(sums.exchange(address, 1, last("/").as_bytes())));
    sums.expect(&server);
    assert!(server.stats().work_time >= 2 * CALL);
}

#[test]
fn a_client_that_resets_is_a_socket_error() {
    let (app, _) = application();
    let (server, address) = serve(app, &[("statistics", "1")]);
    let mut client = Client::connect(address);
    client.get("/");
    eventually("it is answered", || client.has_answer());
    // To close with something unread resets the connection.
    drop(client);
    eventually("it is noticed", || server.stats().connections == 0);
    assert_eq!(server.stats().socket_errors, 1);
}

#[test]
fn pulled_requests_are_counted() {
    let server = Arc::new(HTTPServer::pull("127.0.0.1:0").unwrap());
    server.set("statistics", "1").unwrap();
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    let puller = server.clone();
    let pulling = std::thread::spawn(move || {
        let mut worker = PullWorker::new(&puller).unwrap();
        loop {
            match worker.next(None) {
                Pulled::Request(id) => drop(ok(&worker.request(id), b"pulled")),
                Pulled::Event(..) | Pulled::Nothing => {}
                Pulled::Stopped => return,
            }
        }
    });
    let mut sums = Sums::default();
    sums.exchange(address, 4, (get("/").repeat(3) + &last("/")).as_bytes());
    sums.expect(&server);
    assert_eq!(server.stats().workers[0].requests, 4);
    server.stop();
    pulling.join().unwrap();
    sums.expect(&server);
}

/// How many there are in each histogram, once they are as many as they should be and the calls have
/// taken as long as the work.
fn expect_counts(server: &HTTPServer, counts: [u64; 3]) -> Stats {
    let of =
        |stats: &Stats| [&stats.queue_wait, &stats.application, &stats.write].map(Histogram::count);
    let until = std::time::Instant::now() + support::DEADLINE;
    loop {
        let stats = server.stats();
        // Counters that are read one after the other while a call ends may be apart for a moment.
        if of(&stats) == counts && stats.application.sum() == stats.work_time {
            return stats;
        }
        assert!(std::time::Instant::now() < until, "not {counts:?} but {stats:?}");
        std::thread::yield_now();
    }
}

#[test]
fn every_call_and_every_answer_is_in_the_histograms() {
    let (app, detached) = application();
    let (server, address) = serve(app, &[("numthreads", "3"), ("statistics", "1")]);
    let mut sums = Sums::default();
    sums.exchange(address, 101, (get("/").repeat(100) + &last("/")).as_bytes());
    sums.exchange(address, 2, (get("/pieces") + &last("/file")).as_bytes());
    sums.exchange(address, 1, last("/long").as_bytes());
    sums.expect(&server);
    expect_counts(&server, [104; 3]);
    // What the server refuses has had no call.
    sums.exchange(address, 2, (get("/") + "\x01\r\n").as_bytes());
    sums.expect(&server);
    expect_counts(&server, [105; 3]);
    let mut later = Client::connect(address);
    later.send(last("/later"));
    expect_counts(&server, [106, 106, 105]);
    let request = detached.lock().unwrap().pop().unwrap();
    request.request().respond("200 OK", &[], b"later").unwrap();
    later.rest();
    expect_counts(&server, [106; 3]);
    for _ in 0..5 {
        server.grow(3).unwrap();
        sums.exchange(address, 2, (get("/") + &last("/")).as_bytes());
        server.shrink(3).unwrap();
    }
    eventually("all but three have left", || server.threads() == 3);
    expect_counts(&server, [116; 3]);
    server.clear_stats();
    expect_counts(&server, [0; 3]);
    Sums::default().exchange(address, 1, last("/").as_bytes());
    expect_counts(&server, [1; 3]);
    server.set("statistics", "off").unwrap();
    Sums::default().exchange(address, 1, last("/").as_bytes());
    eventually("it has closed", || server.stats().connections == 0);
    expect_counts(&server, [1; 3]);
    server.stop();
    expect_counts(&server, [1; 3]);
}

/// Of three requests at one thread the second waits for the first, and the third for both.
#[test]
fn who_waits_for_a_thread_is_seen_in_the_queue_wait() {
    const CALL: Duration = Duration::from_millis(60);
    for pipelined in [false, true] {
        let gate = Arc::new(Gate::default());
        let waiting = gate.clone();
        let app = App(move |request: &Request<'_>| {
            waiting.pass();
            std::thread::sleep(CALL);
            ok(request, b"ok")
        });
        let (server, address) = serve(app, &[("numthreads", "1"), ("statistics", "1")]);
        let mut clients: Vec<_> = if pipelined {
            let mut client = Client::connect(address);
            client.send(get("/").repeat(2) + &last("/"));
            vec![client]
        } else {
            let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
            for client in &mut clients {
                client.send(last("/"));
            }
            clients
        };
        if !pipelined {
            eventually("two wait", || server.stats().queue == 2);
        }
        gate.open();
        clients.iter_mut().for_each(|client| drop(client.rest()));
        let stats = expect_counts(&server, [3; 3]);
        let told = &stats.queue_wait;
        assert!(told.sum() >= 3 * CALL, "{pipelined}: {told:?}");
        assert!(told.quantile(1.0) >= 2 * CALL, "{pipelined}: {told:?}");
        assert!(stats.application.quantile(0.01) >= CALL.mul_f64(0.9), "{:?}", stats.application);
        assert!(stats.work_time >= 3 * CALL);
    }
}

/// A client that takes its answer late is seen in the time of the write, and in no other.
#[test]
fn a_slow_client_is_seen_in_the_write() {
    const LATE: Duration = Duration::from_millis(150);
    let (app, _) = application();
    let (server, address) = serve(app, &[("numthreads", "2"), ("statistics", "1")]);
    let mut client = Client::connect(address);
    client.send(last("/long"));
    expect_counts(&server, [1, 1, 0]);
    std::thread::sleep(LATE);
    assert!(client.rest().len() > LONG);
    let stats = expect_counts(&server, [1; 3]);
    assert!(stats.write.sum() >= LATE, "{:?}", stats.write);
    // One that leaves instead has had its answer too, as far as it goes.
    let mut client = Client::connect(address);
    client.send(last("/long"));
    expect_counts(&server, [2, 2, 1]);
    drop(client);
    expect_counts(&server, [2; 3]);
}

/// The seed's names, in the seed's order.
#[test]
fn the_text_has_the_seeds_names() {
    const NAMES: &[&str] = &[
        "Enabled",
        "Bind Address",
        "Run time",
        "Accepts",
        "Accepts/sec",
        "Queue",
        "Threads",
        "Threads Idle",
        "Socket Errors",
        "Requests",
        "Bytes Read",
        "Bytes Written",
        "Work Time",
        "Read Throughput",
        "Write Throughput",
        "Connections",
        "Requests In Work",
        "Access Log Dropped",
        "Queue Wait 50%",
        "Queue Wait 99%",
        "Application 50%",
        "Application 99%",
        "Write 50%",
        "Write 99%",
        "Worker Threads",
        "WSGI Worker 1 Requests",
        "WSGI Worker 1 Bytes Read",
        "WSGI Worker 1 Bytes Written",
        "WSGI Worker 1 Work Time",
        "WSGI Worker 1 Read Throughput",
        "WSGI Worker 1 Write Throughput",
    ];
    let (app, _) = application();
    let (server, address) = serve(app, &[("numthreads", "1"), ("statistics", "1")]);
    let mut client = Client::connect(address);
    client.get("/").answer();
    let text = server.stats().to_string();
    let lines: Vec<_> = text.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, NAMES);
    assert_eq!(lines[1].1, address.to_string());
    assert!(lines.iter().all(|(_, value)| !value.is_empty()));
    client.0.shutdown(Shutdown::Both).unwrap();
    let _ended = client.0.read(&mut [0]);
}
