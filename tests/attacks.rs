//! Attacks, each by ten times as many clients as there are threads, and all of them at once. While
//! they hold on, a probe beside them is answered each time, and no thread is theirs; once they have
//! gone, nothing of them is left. How soon the probe is answered is measured by `./dev bench attacks`.

mod support;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use socket2::{Domain, Socket, Type};
use support::site::{Site, alone, reset};
use support::{App, Client, DEADLINE, Gate, eventually, ok, path, serve};
use wsgiserver::{Handlers, Outcome, Request};

const THREADS: usize = 2;
const ATTACKERS: usize = 10 * THREADS;
const PROBES: usize = 10;
/// More than the system keeps for a connection whose client reads nothing (`tcp_wmem`).
const LARGE: usize = 5 << 20;
const PIECE: usize = 64 * 1024;

fn app(request: &Request<'_>) -> Outcome {
    match path(request).as_str() {
        "/large" => ok(request, &vec![b'x'; LARGE]),
        "/stream" => {
            let length = LARGE.to_string();
            let head = request.start_response("200 OK", &[("Content-Length", &length)], false);
            let piece = [b'x'; PIECE];
            let sent =
                head.and_then(|()| (0..LARGE / PIECE).try_for_each(|_| request.write(&piece)));
            sent.map_or(Outcome::Failed, |()| Outcome::Done)
        }
        "/read" => loop {
            match request.read(&mut [0; 4096]) {
                Ok(0) => return ok(request, b"read"),
                Ok(_) => {}
                Err(_) => return Outcome::Failed,
            }
        },
        _ => ok(request, b"done"),
    }
}

fn site(options: &[(&str, &str)]) -> Site {
    let threads = THREADS.to_string();
    let mut all = vec![("numthreads", &*threads), ("timeout", "3600")];
    all.extend(options);
    Site::new(app, &all)
}

/// A client whose window is small, from this address.
fn from(own: &str, server: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(&format!("{own}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    Client(TcpStream::from(socket))
}

/// All attackers of a kind; each begins as this says.
fn attackers(site: &Site, mut begin: impl FnMut(&mut Client)) -> Vec<Client> {
    let begun = |_| {
        let mut client = from("127.0.0.1", site.address);
        begin(&mut client);
        client
    };
    (0..ATTACKERS).map(begun).collect()
}

/// Probes on one connection and on new ones, between which the attackers go on as this says.
fn probe(site: &Site, attackers: &mut [Client], mut go_on: impl FnMut(&mut Client)) {
    let mut kept = site.connect();
    for number in 0..PROBES {
        attackers.iter_mut().for_each(&mut go_on);
        assert_eq!(kept.get("/").answer(), (200, "done".into()), "kept, {number}");
        assert_eq!(site.connect().get("/").answer(), (200, "done".into()), "new, {number}");
    }
}

/// Every thread waits for work, although the attackers are there. What they have sent by now may be
/// work for a while: as long as more and more is answered (and counted), this goes on.
fn no_thread_is_theirs(site: &Site) {
    let (mut answered, mut until) = (0, Instant::now() + DEADLINE);
    loop {
        let stats = site.server.stats();
        if stats.threads_idle == THREADS && stats.requests_in_work == 0 {
            return;
        }
        if stats.requests > answered {
            (answered, until) = (stats.requests, Instant::now() + DEADLINE);
        }
        assert!(Instant::now() < until, "not all threads are idle: {stats:?}");
        std::thread::yield_now();
    }
}

fn nothing_is_left(site: &Site) {
    eventually("every connection is gone", || site.server.stats().connections == 0);
    no_thread_is_theirs(site);
    site.is_well();
}

/// The client may have been hung up on.
fn send_what_is_taken(client: &mut Client, bytes: impl AsRef<[u8]>) {
    let _hung_up = client.0.write_all(bytes.as_ref());
}

fn drip(client: &mut Client) {
    client.send("x");
}

fn nothing(_: &mut Client) {}

#[test]
fn slow_heads() {
    let _alone = alone();
    let site = site(&[]);
    let mut slow = attackers(&site, |client| {
        client.send("GET / HTTP/1.1\r\nHost: test\r\nX-Slow: ");
    });
    probe(&site, &mut slow, drip);
    no_thread_is_theirs(&site);
    assert!(site.server.stats().connections >= ATTACKERS, "they are all still there");
    drop(slow);
    nothing_is_left(&site);
}

#[test]
fn slow_bodies() {
    let _alone = alone();
    let site = site(&[]);
    let mut slow = attackers(&site, |client| {
        client.send("POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\nhalf");
    });
    probe(&site, &mut slow, drip);
    no_thread_is_theirs(&site);
    assert!(site.server.stats().connections >= ATTACKERS, "they are all still there");
    drop(slow);
    nothing_is_left(&site);
}

/// What is longer than `preread` is waited for in the application, but not by every thread.
#[test]
fn slow_bodies_that_the_application_reads() {
    let _alone = alone();
    let site = site(&[("preread", "1000")]);
    let mut slow = attackers(&site, |client| {
        client.send("POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n");
        client.send([b'x'; 1000]);
    });
    let most = THREADS - 1;
    eventually("as many wait as may", || site.server.stats().requests_in_work == most);
    // Who is served a byte at a time keeps its place: otherwise there is one too many some day.
    for _ in 0..5 {
        probe(&site, &mut slow, drip);
    }
    assert!(site.server.stats().connections >= ATTACKERS, "they are all still there");
    drop(slow);
    nothing_is_left(&site);
}

#[test]
fn slow_readers() {
    let _alone = alone();
    let site = site(&[("statistics", "1")]);
    let mut slow = attackers(&site, |client| {
        client.get("/large");
    });
    probe(&site, &mut slow, |client| {
        client.0.set_nonblocking(true).unwrap();
        let _nothing_there = std::io::Read::read(&mut client.0, &mut [0]);
    });
    no_thread_is_theirs(&site);
    let sent = site.server.stats().bytes_written as usize;
    assert!(sent < ATTACKERS * LARGE, "the rest is kept for them: {sent}");
    drop(slow);
    nothing_is_left(&site);
}

/// A thread may wait for them in `write`, but not every thread.
#[test]
fn slow_readers_of_streams() {
    let _alone = alone();
    let site = site(&[]);
    let mut slow = attackers(&site, |client| {
        client.get("/stream");
    });
    probe(&site, &mut slow, nothing);
    assert!(site.server.stats().connections >= ATTACKERS, "they are all still there");
    drop(slow);
    nothing_is_left(&site);
}

/// When what is kept for them is all that may be kept, those that have been slow for the longest time
/// make room, for answers and for streams, and the log says so.
#[test]
fn slow_readers_when_memory_is_used_up() {
    let _alone = alone();
    for path in ["/large", "/stream"] {
        let told = Arc::new(AtomicUsize::new(0));
        let counter = told.clone();
        let handlers = Handlers::new().error_log(move |_, _, text: &str| {
            counter.fetch_add(text.contains("max_buffered").into(), Ordering::SeqCst);
        });
        let most = (3 * LARGE).to_string();
        let options = [("numthreads", "2"), ("timeout", "3600"), ("max_buffered", &most)];
        let site = Site::with_handlers(app, handlers, &options);
        let mut slow = attackers(&site, |client| {
            client.get(path);
        });
        probe(&site, &mut slow, nothing);
        eventually("some have been cut", || site.server.stats().connections < ATTACKERS);
        eventually("it is told", || told.load(Ordering::SeqCst) > 0);
        let mut upload = site.connect();
        upload.send("POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n");
        upload.send([b'x'; 30_000]).send([b'x'; 30_000]);
        assert_eq!(upload.answer(), (200, "read".into()), "{path}");
        drop(upload);
        // Who takes the answer gets it whole.
        assert_eq!(site.connect().get(path).answer().1.len(), LARGE, "{path}");
        drop(slow);
        nothing_is_left(&site);
    }
}

/// An answer that is larger than all that may be kept is nobody's loss while nothing else is kept.
#[test]
fn the_only_answer_that_is_kept_is_not_cut() {
    let _alone = alone();
    let site = site(&[("max_buffered", "65536")]);
    let mut client = from("127.0.0.1", site.address);
    client.get("/large");
    probe(&site, &mut [], nothing);
    no_thread_is_theirs(&site);
    assert_eq!(client.answer().1.len(), LARGE);
    drop(client);
    nothing_is_left(&site);
}

/// However fast it comes: past `max_buffered` a connection is read no further than 2 KiB.
#[test]
fn bursts_of_unfinished_requests() {
    let _alone = alone();
    const LIMIT: usize = 100_000;
    const SMALL: usize = 2048;
    let site = site(&[("max_buffered", &LIMIT.to_string()), ("statistics", "1")]);
    let field = format!("X-Padding: {}\r\n", "x".repeat(7_000));
    let head = format!("POST / HTTP/1.1\r\nHost: test\r\n{}", field.repeat(8));
    let body = format!("{head}Content-Length: 65536\r\n\r\n{}", "x".repeat(60_000));
    for burst in [&head, &body] {
        let before = site.server.stats().bytes_read as usize;
        let mut clients: Vec<_> = (0..ATTACKERS)
            .map(|_| {
                let mut client = site.connect();
                client.send(burst);
                client
            })
            .collect();
        let read = || site.server.stats().bytes_read as usize - before;
        eventually("the limit is reached", || read() > LIMIT);
        probe(&site, &mut clients, nothing);
        // Each thread was in the middle of one burst when the limit was reached.
        let most = LIMIT + ATTACKERS * SMALL + THREADS * burst.len() + 2 * PROBES * SMALL;
        assert!(read() <= most, "{} of {most}", read());
        drop(clients);
        nothing_is_left(&site);
    }
}

/// Idle connections make room, so a probe always gets in.
#[test]
fn a_flood_of_connections_over_the_limit() {
    let _alone = alone();
    let limit = ATTACKERS / 2;
    let site = site(&[("max_connections", &limit.to_string())]);
    let mut flood = attackers(&site, nothing);
    for _ in 0..PROBES {
        flood.extend((0..THREADS).map(|_| site.connect()));
        assert_eq!(site.connect().get("/").answer(), (200, "done".into()));
        assert!(site.server.stats().connections <= limit);
    }
    no_thread_is_theirs(&site);
    drop(flood);
    nothing_is_left(&site);
}

/// Where the attackers make no room, the limit for an address keeps some for the others.
#[test]
fn a_flood_from_one_address() {
    let _alone = alone();
    let site = site(&[("max_connections", "30"), ("max_connections_per_ip", "10")]);
    let mut flood = Vec::new();
    for _ in 0..ATTACKERS {
        let mut client = from("127.0.0.2", site.address);
        send_what_is_taken(&mut client, "GET / HTTP/1.1\r\nX-Half: ");
        flood.push(client);
    }
    probe(&site, &mut flood, |client| send_what_is_taken(client, "x"));
    no_thread_is_theirs(&site);
    drop(flood);
    nothing_is_left(&site);
}

/// Thousands of requests each, and not one answer is read.
#[test]
fn pipelining_floods() {
    let _alone = alone();
    let site = site(&[("statistics", "1")]);
    let many = "GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(5000);
    let mut flood = attackers(&site, |client| {
        client.0.set_nonblocking(true).unwrap();
        send_what_is_taken(client, &many);
    });
    probe(&site, &mut flood, |client| send_what_is_taken(client, &many));
    no_thread_is_theirs(&site);
    assert!(site.server.stats().connections >= ATTACKERS, "they are all still there");
    drop(flood);
    nothing_is_left(&site);
}

/// Each of these is refused, whatever else it may send.
#[test]
fn floods_within_a_request() {
    let _alone = alone();
    let site = site(&[]);
    let chunked = "POST /read HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let floods = [
        ("GET / HTTP/1.1\r\nHost: test\r\n".into(), "X-Many: y\r\n".repeat(5000), 431),
        ("GET / HTTP/1.1\r\nHost: test\r\nX-Long: ".into(), "y".repeat(100_000), 431),
        ("GET /".into(), "y".repeat(100_000), 414),
        (chunked.to_owned(), format!("1;{}\r\nx\r\n", "e".repeat(2000)).repeat(100), 400),
        (format!("{chunked}1;"), "e".repeat(100_000), 400),
        (format!("{chunked}0\r\n"), "X-Many: y\r\n".repeat(20_000), 431),
    ];
    for (begin, flood, status) in floods {
        let mut all = attackers(&site, |client| {
            send_what_is_taken(client, &begin);
            send_what_is_taken(client, &flood);
        });
        probe(&site, &mut all, nothing);
        for client in &mut all {
            assert_eq!(client.answer().0, status, "{begin}");
        }
        no_thread_is_theirs(&site);
        drop(all);
        nothing_is_left(&site);
    }
}

#[test]
fn clients_that_reset_in_mid_answer() {
    let _alone = alone();
    let site = site(&[]);
    for target in ["/large", "/stream"] {
        let clients = attackers(&site, |client| {
            assert!(client.get(target).head().starts_with("HTTP/1.1 200 OK\r\n"));
        });
        for client in clients {
            reset(client);
            assert_eq!(site.connect().get("/").answer(), (200, "done".into()));
        }
        nothing_is_left(&site);
    }
}

/// They say that nothing more comes, and read nothing.
#[test]
fn half_closed_clients() {
    let _alone = alone();
    let site = site(&[]);
    let mut index = 0;
    let halves = [
        "GET /large HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf",
        "GET / HT",
    ];
    let mut clients = attackers(&site, |client| {
        client.send(halves[index % halves.len()]).0.shutdown(Shutdown::Write).unwrap();
        index += 1;
    });
    probe(&site, &mut clients, nothing);
    no_thread_is_theirs(&site);
    let open = site.server.stats().connections;
    assert!(open >= ATTACKERS / halves.len(), "unread answers are kept for them: {open}");
    drop(clients);
    nothing_is_left(&site);
}

/// Whoever has sent thousands of requests has sixteen of them answered, then the others' turn comes.
/// One thread, held in its first call until the probe's request is in the queue.
#[test]
fn a_pipeline_is_answered_by_turns_of_sixteen() {
    const GREEDY: usize = 10;
    const EACH: usize = 100;
    const TURN: usize = 16;
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let (calls, probed_at) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
    let first = AtomicBool::new(true);
    let app = {
        let (gate, calls, probed_at) = (gate.clone(), calls.clone(), probed_at.clone());
        App(move |request: &Request<'_>| {
            if first.swap(false, Ordering::SeqCst) {
                gate.pass();
            }
            let before = calls.fetch_add(1, Ordering::SeqCst);
            if path(request) == "/probe" {
                *probed_at.lock().unwrap() = Some(before);
            }
            ok(request, b"done")
        })
    };
    let (server, address) = serve(app, &[("numthreads", "1")]);
    let many = "GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(EACH);
    let mut greedy: Vec<_> = (0..GREEDY).map(|_| Client::connect(address)).collect();
    for client in &mut greedy {
        client.send(&many);
    }
    gate.wait_for(1);
    // Each has a request in the queue but the one that is at the gate; then there is the probe's.
    eventually("the greedy ones wait", || server.stats().queue == GREEDY - 1);
    let mut probe = Client::connect(address);
    probe.get("/probe");
    eventually("the probe's request waits", || server.stats().queue == GREEDY);
    gate.open();
    assert_eq!(probe.answer(), (200, "done".into()));
    let before = probed_at.lock().unwrap().unwrap();
    let most = GREEDY * (TURN + 2);
    assert!(before <= most, "{before} calls were made before it, at most {most} may be");
    for client in &mut greedy {
        (0..EACH).for_each(|_| assert_eq!(client.answer().0, 200));
    }
    assert_eq!(calls.load(Ordering::SeqCst), GREEDY * EACH + 1);
}
