//! WSGIPathInfoDispatcher: which application is called, and what it is shown.

mod support;

use std::sync::Arc;

use support::{Client, Gate, serve};
use wsgiserver::{ErrorKind, Gateway, Outcome, Request, WSGIPathInfoDispatcher};

const THREADS: &[(&str, &str)] = &[("numthreads", "2")];

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
    assert_eq!(client.get(target).answer(), (200, shown.into()), "{target}");
}

#[test]
fn the_longest_prefix_wins_and_moves_to_script_name() {
    let applications = [("/", Named("root")), ("/blog", Named("blog")), ("/blog/x/", Named("x"))];
    let (_server, address) = serve(WSGIPathInfoDispatcher::new(applications).unwrap(), THREADS);
    let mut client = Client::connect(address);
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
    let (_server, address) = serve(WSGIPathInfoDispatcher::new(applications).unwrap(), THREADS);
    let mut client = Client::connect(address);
    let long = format!("/{}", "x".repeat(5000));
    let targets = ["/blog/1", "/2", "/blog", &format!("/blog{long}"), "/blog/3", "/4"];
    for target in targets {
        client.get(target);
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
        assert_eq!(client.answer().1, shown);
    }
}

#[test]
fn a_path_that_nothing_is_for_is_404() {
    let (_server, address) =
        serve(WSGIPathInfoDispatcher::new([("/blog", Named("blog"))]).unwrap(), THREADS);
    let mut client = Client::connect(address);
    for target in ["/", "/blo", "/blogs/", "/Blog"] {
        let head = client.get(target).head();
        let start = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n";
        assert!(head.starts_with(start), "{head}");
    }
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.answer().0, 404);
    expect(&mut client, "/blog", "blog '/blog' ''");
}

#[test]
fn dispatchers_may_be_nested() {
    let inner: Arc<dyn Gateway> = Arc::new(
        WSGIPathInfoDispatcher::new([("/", Named("inner")), ("/new", Named("new"))]).unwrap(),
    );
    let outer: [(&str, Arc<dyn Gateway>); 2] = [("/blog", inner), ("/", Arc::new(Named("root")))];
    let (_server, address) = serve(WSGIPathInfoDispatcher::new(outer).unwrap(), THREADS);
    let mut client = Client::connect(address);
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

/// Waits until it may answer.
struct Slow(Gate);

impl Gateway for Slow {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        if self.0.pass() { Named("slow").respond(request) } else { Outcome::Failed }
    }
}

#[test]
fn applications_come_and_go_while_the_server_serves() {
    let dispatcher = Arc::new(WSGIPathInfoDispatcher::default());
    let (_server, address) = serve(dispatcher.clone(), THREADS);
    let mut client = Client::connect(address);
    assert_eq!(client.get("/slow").answer().0, 404);

    let slow = Arc::new(Slow(Gate::default()));
    dispatcher.add("/slow", slow.clone()).unwrap();
    client.get("/slow/1");
    slow.0.wait_for(1);

    // It is inside the application: nothing is locked, and the application lives on.
    dispatcher.remove("/slow").unwrap();
    dispatcher.add("/slow", Named("other")).unwrap();
    expect(&mut Client::connect(address), "/slow/2", "other '/slow' '/2'");
    assert_eq!(Arc::strong_count(&slow), 2);
    slow.0.open();
    assert_eq!(client.answer().1, "slow '/slow' '/1'");
    // The next answer on the same connection comes after the call has returned.
    expect(&mut client, "/slow/3", "other '/slow' '/3'");
    assert_eq!(Arc::strong_count(&slow), 1);
}
