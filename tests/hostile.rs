//! Bad input: clients that reset, half-close or flood, and applications that fail. Each leaves the
//! server as it was: it answers, and no descriptor stays.

mod support;

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use support::site::{Site, alone, reset};
use support::{Client, Gate, ok, path};
use wsgiserver::{Outcome, Request};

const LARGE: usize = 8 << 20;

/// Sends a request together with our FIN.
fn send_with_fin(client: &mut Client, request: &str) {
    let socket = socket2::SockRef::from(&client.0);
    socket.set_tcp_cork(true).unwrap();
    client.0.set_nodelay(false).unwrap();
    std::io::Write::write_all(&mut client.0, request.as_bytes()).unwrap();
    client.0.shutdown(Shutdown::Write).unwrap();
}

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn a_request_and_fin_in_one_packet_leave_nothing_behind() {
    let _alone = alone();
    let site = Site::new(|request| ok(request, b"done"), &[("numthreads", "4")]);
    for _ in 0..200 {
        let mut clients: Vec<_> = (0..50).map(|_| site.connect()).collect();
        clients.iter_mut().for_each(|client| send_with_fin(client, GET));
        for client in &mut clients {
            assert_eq!(client.answer(), (200, "done".into()));
            assert_eq!(client.rest(), b"");
        }
    }
    site.is_well();
}

#[test]
fn a_half_request_and_fin_leave_nothing_behind() {
    let _alone = alone();
    let site = Site::new(|request| ok(request, b"done"), &[("numthreads", "2")]);
    let halves = [
        ("", None),
        ("GET / HT", None),
        ("GET / HTTP/1.1\r\nHost: test\r\n", None),
        ("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf", Some(400)),
        ("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha", Some(400)),
    ];
    for _ in 0..20 {
        for (half, status) in halves {
            let mut client = site.connect();
            send_with_fin(&mut client, half);
            if let Some(status) = status {
                assert_eq!(client.answer().0, status, "{half}");
            }
            assert_eq!(client.rest(), b"", "{half}");
        }
    }
    site.is_well();
}

#[test]
fn clients_that_reset_before_their_request_is_complete() {
    let _alone = alone();
    let site = Site::new(|request| ok(request, b"done"), &[("numthreads", "2")]);
    let phases = [
        "",
        "GET / HTTP/1.1\r\nHo",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    ];
    for _ in 0..50 {
        for bytes in phases {
            let mut client = site.connect();
            client.send(bytes);
            reset(client);
        }
    }
    site.is_well();
}

#[test]
fn clients_that_reset_between_requests() {
    let _alone = alone();
    let site = Site::new(|request| ok(request, b"done"), &[("numthreads", "2")]);
    let mut clients: Vec<_> = (0..100).map(|_| site.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").answer().0, 200);
    }
    clients.into_iter().for_each(reset);
    site.is_well();
}

#[test]
fn clients_that_reset_while_the_application_runs() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let at_gate = gate.clone();
    let app = move |request: &Request<'_>| {
        match path(request).as_str() {
            "/" => return ok(request, b"done"),
            "/respond" if at_gate.pass() => return ok(request, &vec![b'x'; LARGE]),
            "/read" if at_gate.pass() => assert!(request.read(&mut [0; 10]).is_err()),
            _ => assert!(at_gate.pass()),
        }
        // Sooner or later a write finds out.
        request.start_response("200 OK", &[], false).unwrap();
        let piece = vec![b'x'; 64 * 1024];
        while request.write(&piece).is_ok() {}
        Outcome::Failed
    };
    let site = Site::new(app, &[("numthreads", "4")]);
    let mut clients: Vec<_> = (0..3).map(|_| site.connect()).collect();
    clients[0].get("/respond");
    clients[1].get("/write");
    clients[2].send("POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 999999\r\n\r\n");
    // Only read to see that it is away: what is over the limit for reading ahead must be there.
    clients[2].send(vec![b'x'; 65536]);
    gate.wait_for(3);
    clients.into_iter().for_each(reset);
    gate.open();
    site.is_well();
}

#[test]
fn clients_that_reset_in_the_middle_of_a_large_answer() {
    let _alone = alone();
    let large = vec![b'x'; LARGE];
    let app = move |request: &Request<'_>| match path(request).as_str() {
        "/large" => ok(request, &large),
        "/stream" => {
            request.start_response("200 OK", &[], false).unwrap();
            while request.write(&large).is_ok() {}
            Outcome::Failed
        }
        _ => ok(request, b"done"),
    };
    let site = Site::new(app, &[("numthreads", "4")]);
    for _ in 0..10 {
        for target in ["/large", "/stream"] {
            let mut client = site.connect();
            client.get(target).0.read_exact(&mut [0; 1000]).unwrap();
            reset(client);
        }
    }
    site.is_well();
}

#[test]
fn eighty_requests_in_one_packet_get_eighty_answers_in_order() {
    let _alone = alone();
    let app = |request: &Request<'_>| match path(request).as_str() {
        "/" => ok(request, b"done"),
        path => ok(request, path.as_bytes()),
    };
    for threads in ["1", "4"] {
        let site = Site::new(app, &[("numthreads", threads)]);
        let all: String =
            (0..80).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: test\r\n\r\n")).collect();
        let mut client = site.connect();
        send_with_fin(&mut client, &all);
        for n in 0..80 {
            assert_eq!(client.answer(), (200, format!("/{n}")));
        }
        assert_eq!(client.rest(), b"");
        drop(client);
        site.is_well();
    }
}

/// Everything up to the end of the connection, by whichever way it ends.
fn until_cut(client: &mut Client) -> Vec<u8> {
    let mut all = Vec::new();
    match client.0.read_to_end(&mut all) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => all,
    }
}

#[test]
fn an_application_that_fails_before_its_answer_gives_500() {
    let _alone = alone();
    let app = |request: &Request<'_>| match path(request).as_str() {
        "/" => ok(request, b"done"),
        "/started" => {
            request.start_response("200 OK", &[("X-Started", "1")], false).unwrap();
            Outcome::Failed
        }
        _ => Outcome::Failed,
    };
    let site = Site::new(app, &[("numthreads", "1")]);
    for target in ["/at-once", "/started"] {
        let mut client = site.connect();
        let head = client.get(target).head();
        assert!(head.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{head}");
        assert!(head.contains("Connection: close") && !head.contains("X-Started"), "{head}");
        client.rest();
    }
    site.is_well();
}

#[test]
fn an_application_that_fails_in_its_stream_has_it_cut() {
    let _alone = alone();
    let app = |request: &Request<'_>| {
        let length: &[_] = match path(request).as_str() {
            "/" => return ok(request, b"done"),
            "/length" => &[("Content-Length", "100")],
            _ => &[],
        };
        request.start_response("200 OK", length, false).unwrap();
        request.write(b"half").unwrap();
        Outcome::Failed
    };
    let site = Site::new(app, &[("numthreads", "1")]);
    for (target, body) in [("/chunked", "4\r\nhalf\r\n"), ("/length", "half")] {
        let mut client = site.connect();
        let answer = String::from_utf8(until_cut(client.get(target))).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
    }
    site.is_well();
}

#[test]
fn an_application_that_fails_after_its_answer_has_answered() {
    let _alone = alone();
    let app = |request: &Request<'_>| {
        if ok(request, b"done") != Outcome::Done {
            return Outcome::Failed;
        }
        if path(request) == "/panic" { panic!("after the answer") } else { Outcome::Failed }
    };
    let site = Site::new(app, &[("numthreads", "1")]);
    for target in ["/failed", "/panic"] {
        let mut client = site.connect();
        for _ in 0..3 {
            assert_eq!(client.get(target).answer(), (200, "done".into()), "the connection goes on");
        }
    }
    site.is_well();
}

#[test]
fn a_panic_is_answered_with_500_and_the_thread_goes_on() {
    let _alone = alone();
    let app = |request: &Request<'_>| match path(request).as_str() {
        "/" => ok(request, b"done"),
        "/streaming" => {
            request.start_response("200 OK", &[], false).unwrap();
            request.write(b"half").unwrap();
            panic!("in the middle of the answer")
        }
        _ => panic!("before the answer"),
    };
    let site = Site::new(app, &[("numthreads", "1")]);
    for _ in 0..5 {
        let mut client = site.connect();
        assert_eq!(client.get("/panic").answer().0, 500);
        assert_eq!(client.rest(), b"");
        let mut client = site.connect();
        assert!(until_cut(client.get("/streaming")).ends_with(b"4\r\nhalf\r\n"));
    }
    site.is_well();
}

#[test]
fn an_application_that_detaches_and_then_fails() {
    let _alone = alone();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let app = move |request: &Request<'_>| {
        let target = path(request);
        if target == "/" {
            return ok(request, b"done");
        }
        let detached = request.detach().unwrap();
        match target.as_str() {
            "/dropped" => drop(detached),
            "/answered" => detached.request().respond("200 OK", &[], b"in time").unwrap(),
            "/panic" => {
                keep.lock().unwrap().push(detached);
                panic!("after the detachment")
            }
            _ => keep.lock().unwrap().push(detached),
        }
        Outcome::Failed
    };
    let site = Site::new(app, &[("numthreads", "1")]);
    let cases = [("/kept", 500), ("/panic", 500), ("/dropped", 500), ("/answered", 200)];
    for (target, status) in cases {
        let mut client = site.connect();
        assert_eq!(client.get(target).answer().0, status, "{target}");
    }
    for late in kept.lock().unwrap().drain(..) {
        assert!(late.request().respond("200 OK", &[], b"late").is_err(), "the request is gone");
    }
    site.is_well();
}

#[test]
fn a_flood_of_resets_from_many_threads_leaves_a_server_that_answers() {
    let _alone = alone();
    let site = Site::new(|request| ok(request, b"done"), &[("numthreads", "4")]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let site = &site;
            scope.spawn(move || {
                for n in 0..250 {
                    let mut client = site.connect();
                    client.send(&GET[..GET.len() * (n % 5) / 4]);
                    if (n + thread) % 3 == 0 {
                        client.send(GET);
                    }
                    reset(client);
                }
            });
        }
    });
    site.is_well();
}
