//! WSGIPathInfoDispatcher: which application is called, and what it is shown.

mod client;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use client::{Client, Host};
use wsgiserver::{ErrorKind, Gateway, Outcome, Request, WSGIPathInfoDispatcher};

/// Answers with its name and what it is shown.
struct Named(&'static str);

impl Gateway for Named {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        let shown = request.environ(|environ| {
            let text = |key: &str| {
                let value = environ.get(key.as_bytes()).unwrap_or(b"none");
                String::from_utf8_lossy(value).into_owned()
            };
            format!("{} '{}' '{}'", self.0, text("SCRIPT_NAME"), text("PATH_INFO"))
        });
        match shown.and_then(|shown| request.respond("200 OK", &[], shown.as_bytes())) {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        }
    }
}

fn expect(client: &mut Client, target: &str, shown: &str) {
    let reply = client.get(target);
    assert_eq!((reply.status(), reply.body.as_str()), ("200 OK", shown), "{target}");
}

#[test]
fn the_longest_prefix_wins_and_moves_to_script_name() {
    let applications = [("/", Named("root")), ("/blog", Named("blog")), ("/blog/x/", Named("x"))];
    let host = Host::new(WSGIPathInfoDispatcher::new(applications).unwrap());
    let mut client = host.connect();
    for _ in 0..2 {
        expect(&mut client, "/", "root '' '/'");
        expect(&mut client, "/a?/blog", "root '' '/a'");
        expect(&mut client, "/blog", "blog '/blog' ''");
        expect(&mut client, "/blog/", "blog '/blog' '/'");
        expect(&mut client, "/blog/new", "blog '/blog' '/new'");
        expect(&mut client, "/%62log/new", "blog '/blog' '/new'");
        expect(&mut client, "/blog%2Fnew", "root '' '/blog%2Fnew'");
        expect(&mut client, "/blogs", "root '' '/blogs'");
        expect(&mut client, "/blog/x", "x '/blog/x' ''");
        expect(&mut client, "/blog/x/y", "x '/blog/x' '/y'");
    }
}

#[test]
fn pipelined_requests_do_not_see_each_others_names() {
    let applications = [("/", Named("root")), ("/blog", Named("blog"))];
    let host = Host::new(WSGIPathInfoDispatcher::new(applications).unwrap());
    let mut client = host.connect();
    let long = format!("/{}", "x".repeat(5000));
    let targets = ["/blog/1", "/2", "/blog", &format!("/blog{long}"), "/blog/3", "/4"];
    for target in targets {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
    }
    let long = format!("blog '/blog' '{long}'");
    let shown = [
        "blog '/blog' '/1'",
        "root '' '/2'",
        "blog '/blog' ''",
        &long,
        "blog '/blog' '/3'",
        "root '' '/4'",
    ];
    for shown in shown {
        assert_eq!(client.reply().body, shown);
    }
}

#[test]
fn a_path_that_nothing_is_for_is_404() {
    let host = Host::new(WSGIPathInfoDispatcher::new([("/blog", Named("blog"))]).unwrap());
    let mut client = host.connect();
    for target in ["/", "/blo", "/blogs/", "/Blog"] {
        let reply = client.get(target);
        assert_eq!((reply.status(), reply.body.as_str()), ("404 Not Found", ""));
        assert!(reply.head.contains("\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"));
    }
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.reply().status(), "404 Not Found");
    expect(&mut client, "/blog", "blog '/blog' ''");
}

#[test]
fn dispatchers_may_be_nested() {
    let inner: Arc<dyn Gateway> = Arc::new(
        WSGIPathInfoDispatcher::new([("/", Named("inner")), ("/new", Named("new"))]).unwrap(),
    );
    let outer: [(&str, Arc<dyn Gateway>); 2] = [("/blog", inner), ("/", Arc::new(Named("root")))];
    let host = Host::new(WSGIPathInfoDispatcher::new(outer).unwrap());
    let mut client = host.connect();
    expect(&mut client, "/blog/new/1", "new '/blog/new' '/1'");
    expect(&mut client, "/blog/other", "inner '/blog' '/other'");
    expect(&mut client, "/blog", "inner '/blog' '/'");
    expect(&mut client, "/new", "root '' '/new'");
}

#[test]
fn prefixes_that_cannot_be_are_named() {
    for prefix in ["blog", "", "*"] {
        let error = WSGIPathInfoDispatcher::new([(prefix, Named("x"))]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Option);
        assert!(error.to_string().contains(&format!("'{prefix}'")), "{error}");
    }
    for twice in [["/a", "/a"], ["/a", "/a/"], ["/", "//"]] {
        let error = WSGIPathInfoDispatcher::new(twice.map(|prefix| (prefix, Named("x"))));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Option);
        assert!(error.to_string().contains(&format!("'{}'", twice[1])), "{error}");
    }
}

/// Says that it was called, and waits until it may answer.
struct Slow {
    called: Sender<()>,
    may_answer: Mutex<Receiver<()>>,
}

impl Gateway for Slow {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        let wait = || self.may_answer.lock().ok()?.recv_timeout(Duration::from_secs(20)).ok();
        match self.called.send(()).ok().and_then(|()| wait()) {
            Some(()) => Named("slow").respond(request),
            None => Outcome::Failed,
        }
    }
}

#[test]
fn applications_come_and_go_while_the_server_serves() {
    let dispatcher = Arc::new(WSGIPathInfoDispatcher::default());
    let host = Host::new(dispatcher.clone());
    let mut client = host.connect();
    assert_eq!(client.get("/slow").status(), "404 Not Found");

    let (called, was_called) = channel();
    let (answer, may_answer) = channel();
    let slow = Arc::new(Slow { called, may_answer: Mutex::new(may_answer) });
    let left: Weak<Slow> = Arc::downgrade(&slow);
    dispatcher.add("/slow", slow).unwrap();
    client.send(b"GET /slow/1 HTTP/1.1\r\nHost: test\r\n\r\n");
    was_called.recv_timeout(Duration::from_secs(20)).unwrap();

    // It is inside the application: nothing is locked, and the application lives on.
    dispatcher.remove("/slow").unwrap();
    dispatcher.add("/slow", Named("other")).unwrap();
    expect(&mut host.connect(), "/slow/2", "other '/slow' '/2'");
    assert!(left.upgrade().is_some());
    answer.send(()).unwrap();
    assert_eq!(client.reply().body, "slow '/slow' '/1'");
    // The next answer on the same connection comes after the call has returned.
    expect(&mut client, "/slow/3", "other '/slow' '/3'");
    assert!(left.upgrade().is_none());
}
