//! The status page: mounted or by the option, what it says in each form, and to whom.

mod support;

use std::sync::Arc;

use support::{App, Client, Gate, eventually, ok, serve};
use wsgiserver::{HTTPServer, PullWorker, Pulled, Request, StatusPage, WSGIPathInfoDispatcher};

const OPTIONS: &[(&str, &str)] =
    &[("numthreads", "2"), ("statistics", "1"), ("status_path", "/status")];

fn hello() -> App<impl Fn(&Request<'_>) -> wsgiserver::Outcome + Send + Sync + 'static> {
    App(|request: &Request<'_>| ok(request, b"hello"))
}

/// Head and body of an answer.
fn ask(address: std::net::SocketAddr, method: &str, path: &str) -> (String, String) {
    let mut client = Client::connect(address);
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
    let answer = String::from_utf8(client.rest()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The figure with this name in JSON that has no blanks.
fn member<'a>(json: &'a str, name: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap();
    rest.split([',', '}']).next().unwrap()
}

#[test]
fn each_form_has_its_type_and_may_do_nothing() {
    let (_server, address) = serve(hello(), OPTIONS);
    for (query, content_type) in [
        ("", "text/html; charset=utf-8"),
        ("?format=html", "text/html; charset=utf-8"),
        ("?format=json", "application/json"),
        ("?a=b&format=prometheus", "text/plain; version=0.0.4; charset=utf-8"),
        ("?format=text", "text/plain; charset=utf-8"),
    ] {
        let (head, body) = ask(address, "GET", &format!("/status{query}"));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{query}: {head}");
        assert!(head.contains(&format!("\r\nContent-Type: {content_type}\r\n")), "{head}");
        assert!(head.contains("\r\nCache-Control: no-store\r\n"), "{head}");
        assert!(head.contains("\r\nX-Content-Type-Options: nosniff\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Security-Policy: default-src 'none'; "), "{head}");
        assert!(body.contains(&address.to_string()), "{body}");
        assert!(ask(address, "HEAD", &format!("/status{query}")).1.is_empty());
    }
    let (head, body) = ask(address, "GET", "/status?format=%3Cscript%3E");
    assert!(head.starts_with("HTTP/1.1 400 ") && !body.contains("script"), "{head} {body}");
    let (head, _) = ask(address, "POST", "/status");
    assert!(
        head.starts_with("HTTP/1.1 405 ") && head.contains("\r\nAllow: GET, HEAD\r\n"),
        "{head}"
    );
}

#[test]
fn the_page_is_whole_in_itself() {
    let (_server, address) = serve(hello(), OPTIONS);
    assert_eq!(ask(address, "GET", "/").1, "hello");
    let (head, page) = ask(address, "GET", "/status");
    let (_, nonce) = head.split_once("script-src 'nonce-").unwrap();
    let (nonce, _) = nonce.split_once('\'').unwrap();
    assert_eq!(nonce.len(), 32);
    assert!(head.contains(&format!("; style-src 'nonce-{nonce}'; ")), "{head}");
    assert_eq!(page.matches(&format!("<script nonce=\"{nonce}\">")).count(), 1);
    assert_eq!(page.matches(&format!("<style nonce=\"{nonce}\">")).count(), 1);
    assert_eq!(page.matches("<script").count(), 1, "no script of anybody else's");
    assert!(!page.contains(" style=") && !page.contains(" onclick"), "the policy forbids them");
    let elsewhere =
        |page: &str| page.matches("//").count() - page.matches("http://www.w3.org/").count();
    assert_eq!(elsewhere(&page), page.matches("  // ").count(), "nothing from elsewhere");
    // Without the script it has the figures too.
    assert!(page.contains("<td data-of=\"requests\" data-unit=\"count\">1</td>"), "{page}");
    assert!(page.contains("<tr><th scope=\"row\">1</th>"), "{page}");
    assert!(page.contains("hidden>Nothing is counted"), "{page}");
    assert!(!ask(address, "GET", "/status").0.contains(nonce), "it is used once");
}

#[test]
fn the_path_is_the_options_and_no_other() {
    let (server, address) = serve(hello(), OPTIONS);
    for path in ["/", "/Status", "/status/", "/status/x", "/statusx", "/x/status"] {
        assert_eq!(ask(address, "GET", path).1, "hello", "{path}");
    }
    assert!(ask(address, "GET", "/st%61tus?format=text").1.starts_with("Enabled: 1\n"));
    // Answers of the page are counted as any others.
    eventually("all are counted", || server.stats().requests == 7);
    server.stop();

    let (_server, address) = serve(hello(), &[]);
    assert_eq!(ask(address, "GET", "/status").1, "hello", "off unless it is asked for");
    let (_server, address) = serve(hello(), &[("status_path", "s p")]);
    assert!(ask(address, "GET", "/s%20p").1.contains("<p class=\"note\" id=\"off\">Nothing"));
}

/// Pipelined with others on one connection, the page keeps its place.
#[test]
fn it_stands_in_line_with_the_applications_answers() {
    let (server, address) = serve(hello(), OPTIONS);
    let mut client = Client::connect(address);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send((get("/") + &get("/status?format=text")).repeat(20));
    for _ in 0..20 {
        assert_eq!(client.answer().1, "hello");
        assert!(client.answer().1.starts_with("Enabled: 1\n"));
    }
    eventually("all are counted", || server.stats().requests == 40);
    assert_eq!(server.stats().write.count(), 40);
}

#[test]
fn a_pull_server_has_it_as_well() {
    let server = Arc::new(HTTPServer::pull("127.0.0.1:0").unwrap());
    server.set("status_path", "/status").unwrap();
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
    for _ in 0..3 {
        assert_eq!(ask(address, "GET", "/").1, "pulled");
        assert_eq!(member(&ask(address, "GET", "/status?format=json").1, "threads"), "1");
    }
    server.stop();
    pulling.join().unwrap();
}

/// On a server of its own the page tells of one whose threads are all stuck.
#[test]
fn another_server_tells_of_one_that_is_stuck() {
    let gate = Arc::new(Gate::default());
    let waiting = gate.clone();
    let app = App(move |request: &Request<'_>| {
        waiting.pass();
        ok(request, b"late")
    });
    let (stuck, address) = serve(app, &[("numthreads", "2")]);
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.get("/");
    }
    gate.wait_for(2);
    let pages = [("/stuck", StatusPage::of(&stuck)), ("/own", StatusPage::new())];
    let pages = WSGIPathInfoDispatcher::new(pages).unwrap();
    let (_watcher, watching) = serve(pages, &[("numthreads", "1")]);
    eventually("one waits", || {
        member(&ask(watching, "GET", "/stuck?format=json").1, "queue") == "1"
    });
    let json = ask(watching, "GET", "/stuck?format=json").1;
    assert_eq!((member(&json, "threads_idle"), member(&json, "requests_in_work")), ("0", "2"));
    assert!(json.contains(&address.to_string()));
    assert!(ask(watching, "GET", "/own").1.contains(&watching.to_string()));
    gate.open();
    assert!(clients.iter_mut().all(|client| client.answer().0 == 200));
}
