//! A pull server from Rust: the same events as in C, and answers from wherever the host likes.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use support::{App, Client};
use wsgiserver::{HTTPServer, Happened, PullWorker, Pulled, Request, RequestError, RequestId};

const FACT: Duration = Duration::from_secs(20);

struct Pull {
    server: Arc<HTTPServer>,
    worker: PullWorker,
}

impl Pull {
    fn new(options: &[(&str, &str)]) -> Self {
        let server = Arc::new(HTTPServer::pull("127.0.0.1:0").unwrap());
        for (name, value) in options {
            server.set(name, value).unwrap();
        }
        server.start_background().unwrap();
        let worker = PullWorker::new(&server).unwrap();
        Self { server, worker }
    }

    fn client(&self) -> TcpStream {
        let address = self.server.bound_addr().unwrap().to_string();
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(FACT)).unwrap();
        client
    }

    fn next(&mut self) -> Pulled {
        self.worker.next(Some(FACT.as_millis() as u64))
    }

    fn next_request(&mut self) -> RequestId {
        match self.next() {
            Pulled::Request(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn expect_nothing(&mut self) {
        assert_eq!(self.worker.next(Some(30)), Pulled::Nothing);
    }
}

fn get(client: &mut TcpStream) {
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
}

/// Reads until the text has come.
fn read_until(client: &mut TcpStream, text: &str) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&all).contains(text) {
        let count = client.read(&mut piece).unwrap();
        assert!(count > 0, "ended after {:?}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn a_body_is_read_when_it_has_come() {
    let mut pull = Pull::new(&[("preread", "0")]);
    let mut client = pull.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n").unwrap();
    let id = pull.next_request();
    let mut body = [0; 8];
    assert_eq!(pull.worker.request(id).try_read(&mut body), Err(RequestError::Again));
    pull.expect_nothing();
    client.write_all(b"abc").unwrap();
    assert_eq!(pull.next(), Pulled::Event(id, Happened::Readable));
    assert_eq!(pull.worker.request(id).try_read(&mut body), Ok(3));
    assert_eq!(pull.worker.request(id).try_read(&mut body), Ok(0));
    pull.worker.request(id).respond("200 OK", &[], &body[..3]).unwrap();
    assert!(read_until(&mut client, "abc").starts_with("HTTP/1.1 200"));
}

/// The client is asked for its body by a read that does not wait, too.
#[test]
fn a_read_that_does_not_wait_sends_100_continue() {
    let mut pull = Pull::new(&[]);
    let mut client = pull.client();
    let head =
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    client.write_all(head).unwrap();
    let id = pull.next_request();
    let mut body = [0; 8];
    assert_eq!(pull.worker.request(id).try_read(&mut body), Err(RequestError::Again));
    read_until(&mut client, "100 Continue\r\n\r\n");
    client.write_all(b"abc").unwrap();
    assert_eq!(pull.next(), Pulled::Event(id, Happened::Readable));
    assert_eq!(pull.worker.request(id).try_read(&mut body), Ok(3));
    pull.worker.request(id).respond("200 OK", &[], b"done").unwrap();
    read_until(&mut client, "done");
}

#[test]
fn a_client_that_leaves_is_told_to_any_worker() {
    let mut pull = Pull::new(&[]);
    let mut other = PullWorker::new(&pull.server).unwrap();
    let mut client = pull.client();
    get(&mut client);
    let id = pull.next_request();
    let request = pull.worker.request(id);
    request.watch_aborted().unwrap();
    request.watch_released().unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(other.next(Some(20_000)), Pulled::Event(id, Happened::Aborted(1)));
    other.request(id).respond("200 OK", &[], b"still there").unwrap();
    assert_eq!(pull.next(), Pulled::Event(id, Happened::Released(true)));
    assert_eq!(pull.worker.request(id).watch_aborted(), Err(RequestError::Gone));
    read_until(&mut client, "still there");
}

/// Requests are handed to threads that have no worker, and come back answered in any order.
#[test]
fn answers_come_from_threads_without_a_worker() {
    let mut pull = Pull::new(&[]);
    let mut clients: Vec<_> = (0..20).map(|_| pull.client()).collect();
    clients.iter_mut().for_each(get);
    let ids: Vec<_> = clients.iter().map(|_| pull.next_request()).collect();
    thread::scope(|scope| {
        for id in ids.iter().rev() {
            let detached = pull.worker.request(*id).detach().unwrap();
            let again = pull.worker.request(*id).detach();
            assert!(matches!(again, Err(RequestError::State(_))));
            scope.spawn(move || {
                detached.request().respond("200 OK", &[], b"answered").unwrap();
            });
        }
    });
    for client in &mut clients {
        read_until(client, "answered");
    }
    for id in ids {
        assert_eq!(
            pull.worker.request(id).respond("200 OK", &[], b"late"),
            Err(RequestError::Gone)
        );
    }
}

/// The next request on the same connection finds the buffers as they were.
#[test]
fn a_connection_goes_on_after_a_detached_request() {
    let mut pull = Pull::new(&[]);
    let mut client = pull.client();
    for round in 0..3 {
        let pipelined = "GET / HTTP/1.1\r\nHost: test\r\nX-Long: ".to_owned()
            + &"x".repeat(2000 * (round + 1))
            + "\r\n\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n";
        client.write_all(pipelined.as_bytes()).unwrap();
        let id = pull.next_request();
        let detached = pull.worker.request(id).detach().unwrap();
        let path =
            detached.request().environ(|environ| environ.get(b"PATH_INFO").map(<[u8]>::to_vec));
        assert_eq!(path.unwrap().unwrap(), b"/");
        detached.request().respond("200 OK", &[], b"first").unwrap();
        let id = pull.next_request();
        let path = pull
            .worker
            .request(id)
            .environ(|environ| environ.get(b"PATH_INFO").map(<[u8]>::to_vec));
        assert_eq!(path.unwrap().unwrap(), b"/next");
        pull.worker.request(id).respond("200 OK", &[], b"second").unwrap();
        read_until(&mut client, "second");
    }
}

#[test]
fn a_called_server_has_no_events_and_no_descriptor() {
    let called = |request: &Request<'_>| {
        assert!(matches!(request.watch_aborted(), Err(RequestError::State(_))));
        support::ok(request, b"called")
    };
    let (server, address) = support::serve(App(called), &[]);
    assert!(server.event_fd().is_err() && PullWorker::new(&server).is_err());
    assert_eq!(Client::connect(address).get("/").answer(), (200, "called".into()));
}

#[test]
fn a_stop_ends_every_worker_in_next() {
    let pull = Pull::new(&[]);
    let workers: Vec<_> = (0..3).map(|_| PullWorker::new(&pull.server).unwrap()).collect();
    thread::scope(|scope| {
        for mut worker in workers {
            scope.spawn(move || {
                let begun = Instant::now();
                assert_eq!(worker.next(None), Pulled::Stopped);
                assert!(begun.elapsed() < FACT);
                assert_eq!(worker.next(Some(0)), Pulled::Stopped);
            });
        }
        pull.server.stop();
    });
}
