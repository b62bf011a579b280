//! Slow applications and slow clients: who waits, who is refused, who is served meanwhile.

mod support;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use support::{App, Client, DEADLINE, Gate, PROMPT, eventually, ok, path, serve};
use wsgiserver::{HTTPServer, Outcome, PullWorker, Pulled, Request};

/// `/held` waits at the gate, everything else is answered at once.
fn held_at(gate: &Arc<Gate>) -> App<impl Fn(&Request<'_>) -> Outcome + Send + Sync + 'static> {
    let gate = gate.clone();
    App(move |request: &Request<'_>| {
        if path(request) == "/held" && !gate.pass() {
            return Outcome::Failed;
        }
        ok(request, b"done")
    })
}

#[test]
fn a_request_waits_in_the_queue_while_all_threads_are_busy() {
    let gate = Arc::new(Gate::default());
    let (server, address) = serve(held_at(&gate), &[("numthreads", "2")]);
    let mut held: Vec<_> = (0..2).map(|_| Client::connect(address)).collect();
    for client in &mut held {
        client.get("/held");
    }
    gate.wait_for(2);
    let mut queued = Client::connect(address);
    queued.get("/");
    assert!(!queued.has_answer());
    gate.open();
    assert_eq!(queued.answer(), (200, "done".into()));
    for client in &mut held {
        assert_eq!(client.answer().0, 200);
    }
    assert_eq!(server.stop(), 0);
}

/// One thread, a call that holds it, and five requests whose clients leave while they wait.
fn with_abandoned_requests(options: &[(&str, &str)]) -> usize {
    let (gate, calls) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let app = held_at(&gate);
    let counter = calls.clone();
    let app = App(move |request: &Request<'_>| {
        counter.fetch_add(1, Ordering::SeqCst);
        (app.0)(request)
    });
    let mut all = vec![("numthreads", "1"), ("statistics", "1")];
    all.extend(options);
    let (server, address) = serve(app, &all);
    let mut held = Client::connect(address);
    held.get("/held");
    gate.wait_for(1);
    let leave: Vec<_> = (0..5)
        .map(|_| {
            let mut client = Client::connect(address);
            client.get("/");
            client
        })
        .collect();
    let mut last = Client::connect(address);
    last.get("/");
    eventually("all are in the queue", || server.stats().queue == 6);
    drop(leave);
    let queued = Instant::now();
    eventually("they have waited", || queued.elapsed().as_millis() > 300);
    gate.open();
    assert_eq!(held.answer(), (200, "done".into()));
    assert_eq!(last.answer(), (200, "done".into()));
    eventually("each is counted", || server.stats().requests == 7);
    calls.load(Ordering::SeqCst)
}

#[test]
fn requests_whose_clients_have_left_the_queue_are_not_called() {
    assert_eq!(with_abandoned_requests(&[]), 2);
}

#[test]
fn requests_whose_clients_have_left_the_queue_are_called_if_asked_for() {
    assert_eq!(with_abandoned_requests(&[("serve_abandoned", "1")]), 7);
}

#[test]
fn without_a_queue_a_request_is_refused_while_all_threads_are_busy() {
    let gate = Arc::new(Gate::default());
    let options = [("numthreads", "2"), ("accepted_queue_size", "0")];
    let (_server, address) = serve(held_at(&gate), &options);
    let mut held: Vec<_> = (0..2).map(|_| Client::connect(address)).collect();
    for client in &mut held {
        client.get("/held");
    }
    gate.wait_for(2);
    let mut refused = Client::connect(address);
    let head = refused.get("/").head();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: "), "{head}");
    refused.rest();
    gate.open();
    assert_eq!(held[0].answer().0, 200);
    eventually("there is a free thread again", || {
        Client::connect(address).get("/").answer() == (200, "done".into())
    });
}

#[test]
fn a_full_queue_refuses_after_its_time() {
    let gate = Arc::new(Gate::default());
    let options =
        [("numthreads", "1"), ("accepted_queue_size", "1"), ("accepted_queue_timeout", "0.2")];
    let (_server, address) = serve(held_at(&gate), &options);
    let mut held = Client::connect(address);
    held.get("/held");
    gate.wait_for(1);
    let mut first = Client::connect(address);
    let mut second = Client::connect(address);
    first.get("/");
    second.get("/");
    // One of the two has the only place, the other is refused when its time is up.
    eventually("one is refused", || first.has_answer() || second.has_answer());
    let (mut refused, mut queued) =
        if first.has_answer() { (first, second) } else { (second, first) };
    assert_eq!(refused.answer().0, 503);
    assert!(!queued.has_answer());
    gate.open();
    assert_eq!(queued.answer(), (200, "done".into()));
    assert_eq!(held.answer().0, 200);
}

#[test]
fn a_place_that_becomes_free_is_taken_in_time() {
    let gate = Arc::new(Gate::default());
    let options = [("numthreads", "1"), ("accepted_queue_size", "1")];
    let (_server, address) = serve(held_at(&gate), &options);
    let mut clients: Vec<_> = (0..6).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/held");
    }
    gate.wait_for(1);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.answer(), (200, "done".into()));
    }
}

#[test]
fn the_pool_grows_to_max_while_requests_wait() {
    let gate = Arc::new(Gate::default());
    let (_server, address) = serve(held_at(&gate), &[("numthreads", "1"), ("max", "4")]);
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/held");
    }
    gate.wait_for(4);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.answer(), (200, "done".into()));
    }
}

#[test]
fn half_requests_hold_no_thread() {
    let (_server, address) =
        serve(App(|request: &Request<'_>| ok(request, b"done")), &[("numthreads", "1")]);
    let mut halves: Vec<_> = (0..50).map(|_| Client::connect(address)).collect();
    for (index, client) in halves.iter_mut().enumerate() {
        let halves =
            ["GET / HT", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf"];
        client.send(halves[index % 2]);
    }
    assert_eq!(Client::connect(address).get("/").answer(), (200, "done".into()));
    halves[0].send("TP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(halves[0].answer(), (200, "done".into()));
    halves[1].send("enough");
    assert_eq!(halves[1].answer(), (200, "done".into()));
}

#[test]
fn an_answer_that_nobody_reads_holds_no_thread() {
    let large = vec![b'x'; 16 << 20];
    let app = App(move |request: &Request<'_>| match path(request).as_str() {
        "/large" => ok(request, &large),
        _ => ok(request, b"done"),
    });
    let (_server, address) = serve(app, &[("numthreads", "1")]);
    let mut slow: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
    for client in &mut slow {
        client.get("/large");
    }
    assert_eq!(Client::connect(address).get("/").answer(), (200, "done".into()));
    for client in &mut slow {
        assert_eq!(client.answer().1.len(), 16 << 20);
        assert_eq!(client.get("/").answer(), (200, "done".into()), "the connection goes on");
    }
}

#[test]
fn a_first_slow_call_does_not_hold_what_its_worker_has_fetched() {
    // Two threads: one is stuck in a call that nobody could know to be slow. Whatever events it had
    // fetched with it, and the poller's role, have to reach the other.
    let gate = Arc::new(Gate::default());
    let (_server, address) = serve(held_at(&gate), &[("numthreads", "2"), ("pollers", "1")]);
    let mut clients: Vec<_> = (0..16).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").answer().0, 200);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        client.get(if index == 0 { "/held" } else { "/" });
    }
    for client in &mut clients[1..] {
        assert_eq!(client.answer(), (200, "done".into()));
    }
    gate.open();
    assert_eq!(clients[0].answer().0, 200);
}

#[test]
fn a_stop_cuts_what_does_not_end_and_counts_it() {
    let gate = Arc::new(Gate::default());
    let options = [("numthreads", "2"), ("shutdown_timeout", "0.1")];
    let (server, address) = serve(held_at(&gate), &options);
    let mut stuck = Client::connect(address);
    stuck.get("/held");
    gate.wait_for(1);
    let mut idle = Client::connect(address);
    assert_eq!(idle.get("/").answer().0, 200);
    let began = Instant::now();
    assert_eq!(server.stop(), 1);
    assert!(began.elapsed() < PROMPT);
    assert!(idle.rest().is_empty());
    gate.open();
    assert!(stuck.rest().is_empty(), "the answer came too late");
}

#[test]
fn a_stop_waits_for_the_answer_of_a_request_in_work() {
    let gate = Arc::new(Gate::default());
    let (server, address) = serve(held_at(&gate), &[]);
    let mut client = Client::connect(address);
    client.get("/held");
    gate.wait_for(1);
    let stopping = std::thread::spawn(move || server.stop());
    eventually("nobody is let in any more", || std::net::TcpStream::connect(address).is_err());
    gate.open();
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("Connection: close"), "{head}");
    assert_eq!(client.rest(), b"done");
    assert_eq!(stopping.join().unwrap(), 0);
}

#[test]
fn a_pulling_thread_that_never_comes_back_loses_its_work_to_the_others() {
    let server = Arc::new(HTTPServer::pull("127.0.0.1:0").unwrap());
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    let mut lost = PullWorker::new(&server).unwrap();
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/");
    }
    // This one takes a request, and maybe more events with it, and is not heard of again.
    let Pulled::Request(first) = lost.next(Some(5_000)) else { panic!("a request was to come") };
    let answered = Arc::new(AtomicUsize::new(0));
    let other = std::thread::spawn({
        let (server, answered) = (server.clone(), answered.clone());
        move || {
            let mut worker = PullWorker::new(&server).unwrap();
            while answered.load(Ordering::SeqCst) < 7 {
                if let Pulled::Request(id) = worker.next(Some(5_000)) {
                    worker.request(id).respond("200 OK", &[], b"other").unwrap();
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    other.join().unwrap();
    lost.request(first).respond("200 OK", &[], b"first").unwrap();
    let answers: Vec<_> = clients.iter_mut().map(|client| client.answer().1).collect();
    assert_eq!(answers.iter().filter(|answer| *answer == "other").count(), 7);
    assert_eq!(answers.iter().filter(|answer| *answer == "first").count(), 1);
    assert!(lost.request(first).respond("200 OK", &[], b"again").is_err());
}

#[test]
fn a_hundred_detached_requests_hold_no_thread() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let app = App(move |request: &Request<'_>| {
        if path(request) == "/" {
            return ok(request, b"done");
        }
        sender.lock().unwrap().send(request.detach().unwrap()).unwrap();
        Outcome::Detached
    });
    let (_server, address) = serve(app, &[("numthreads", "1")]);
    let mut clients: Vec<_> = (0..100).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/later");
    }
    let detached: Vec<_> = (0..100).map(|_| receiver.recv_timeout(DEADLINE).unwrap()).collect();
    assert_eq!(Client::connect(address).get("/").answer(), (200, "done".into()));
    for (index, request) in detached.into_iter().enumerate() {
        match index % 4 {
            0 => drop(request),
            _ => request.request().respond("200 OK", &[], b"later").unwrap(),
        }
    }
    let answers: Vec<_> = clients.iter_mut().map(Client::answer).collect();
    assert_eq!(answers.iter().filter(|(status, _)| *status == 500).count(), 25);
    assert_eq!(answers.iter().filter(|(_, body)| body == "later").count(), 75);
}

#[test]
fn a_long_pipeline_is_answered_in_order_beside_others() {
    let app = App(|request: &Request<'_>| ok(request, path(request).as_bytes()));
    let (_server, address) = serve(app, &[("numthreads", "1")]);
    let mut greedy = Client::connect(address);
    let many: String = (0..500).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    greedy.send(many);
    assert_eq!(Client::connect(address).get("/other").answer(), (200, "/other".into()));
    for n in 0..500 {
        assert_eq!(greedy.answer(), (200, format!("/{n}")));
    }
    greedy.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(greedy.0.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_endless_pipeline_does_not_keep_others_from_their_turn() {
    let app = App(|request: &Request<'_>| ok(request, b"done"));
    let (_server, address) = serve(app, &[("numthreads", "1")]);
    let greedy = Client::connect(address);
    let mut reading = greedy.0.try_clone().unwrap();
    let reader = std::thread::spawn(move || std::io::copy(&mut reading, &mut std::io::sink()));
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (mut greedy, over) = (greedy, over.clone());
        move || {
            let many = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
            while !over.load(Ordering::SeqCst) {
                greedy.send(&many);
            }
            greedy.0.shutdown(std::net::Shutdown::Write).unwrap();
        }
    });
    for _ in 0..50 {
        assert_eq!(Client::connect(address).get("/").answer(), (200, "done".into()));
    }
    over.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    assert!(reader.join().unwrap().unwrap() > 0);
}
