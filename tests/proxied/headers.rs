//! Fields that a proxy writes into the head.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use wsgiserver::{AccessRecord, Handlers};

use crate::support::Client;
use crate::support::eventually;
use crate::support::listening::{Server, new, value};

fn serve(options: &[(&str, &str)]) -> (Server, SocketAddr) {
    let server = new("127.0.0.1:0");
    for (name, value) in options {
        server.set(name, value).unwrap();
    }
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    (server, address)
}

/// The environ of a request with these fields.
fn ask(address: SocketAddr, fields: &str) -> String {
    let mut client = Client::connect(address);
    client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    let (status, body) = client.answer();
    assert_eq!(status, 200);
    body
}

const ALL: &str = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\
    X-Forwarded-Host: example.org\r\nForwarded: for=192.0.2.9;proto=https\r\n";

#[test]
fn nobody_is_believed_by_default() {
    let (_server, address) = serve(&[]);
    let environ = ask(address, ALL);
    assert_eq!(value(&environ, "REMOTE_ADDR"), Some("127.0.0.1"));
    assert_eq!(value(&environ, "wsgi.url_scheme"), Some("http"));
    assert_eq!(value(&environ, "HTTP_HOST"), Some("test"));
    assert_eq!(value(&environ, "HTTP_X_FORWARDED_FOR"), Some("192.0.2.1"), "it is left there");
    let (_server, address) =
        serve(&[("trusted_proxy", "10.0.0.0/8"), ("clear_untrusted_proxy_headers", "1")]);
    let environ = ask(address, ALL);
    assert_eq!(value(&environ, "REMOTE_ADDR"), Some("127.0.0.1"));
    assert!(!environ.contains("FORWARDED"), "{environ}");
    let (_server, address) = serve(&[
        ("trusted_proxy", "127.0.0.1"),
        ("clear_untrusted_proxy_headers", "1"),
        ("underscore_headers", "1"),
    ]);
    let environ =
        ask(address, "X_Forwarded_For: evil\r\nX-Forwarded-For: 192.0.2.1\r\nX_Own: 1\r\n");
    assert_eq!(value(&environ, "HTTP_X_FORWARDED_FOR"), Some("192.0.2.1"), "no other spelling");
    assert_eq!(value(&environ, "HTTP_X_OWN"), Some("1"));
}

#[test]
fn a_trusted_proxy_is_believed_what_it_is_said_to_write() {
    let (_server, address) =
        serve(&[("trusted_proxy", "127.0.0.1"), ("clear_untrusted_proxy_headers", "1")]);
    let environ = ask(address, ALL);
    assert_eq!(value(&environ, "REMOTE_ADDR"), Some("192.0.2.1"));
    assert_eq!(value(&environ, "REMOTE_PORT"), Some("0"));
    assert_eq!(value(&environ, "wsgi.url_scheme"), Some("https"));
    assert_eq!(value(&environ, "HTTP_HOST"), Some("test"), "not in the list");
    assert_eq!(value(&environ, "HTTP_X_FORWARDED_FOR"), Some("192.0.2.1"));
    assert!(!environ.contains("HTTP_FORWARDED") && !environ.contains("HTTP_X_FORWARDED_HOST"));
    let names = "x-forwarded-for x-forwarded-host";
    let (_server, address) =
        serve(&[("trusted_proxy", "127.0.0.0/8"), ("trusted_proxy_headers", names)]);
    assert_eq!(value(&ask(address, ALL), "HTTP_HOST"), Some("example.org"));
    assert_eq!(value(&ask(address, "X-Forwarded-Host: a/b\r\n"), "HTTP_HOST"), Some("test"));
}

#[test]
fn the_first_from_the_right_that_is_no_proxy_is_the_client() {
    let (_server, address) = serve(&[("trusted_proxy", "127.0.0.1, 10.0.0.0/8")]);
    for (list, client) in [
        ("192.0.2.1", "192.0.2.1"),
        ("203.0.113.5, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
        ("10.2.2.2,10.1.1.1", "10.2.2.2"),
        ("nonsense, 10.1.1.1", "10.1.1.1"),
        ("192.0.2.1, unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ] {
        let environ = ask(address, &format!("X-Forwarded-For: {list}\r\n"));
        assert_eq!(value(&environ, "REMOTE_ADDR"), Some(client), "{list}");
    }
    let environ = ask(address, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n");
    assert_eq!(
        value(&environ, "REMOTE_ADDR"),
        Some("192.0.2.2"),
        "the last field is the last proxy's"
    );
}

#[test]
fn forwarded_is_read_as_its_rfc_says() {
    let (_server, address) = serve(&[
        ("trusted_proxy", "127.0.0.1, 10.0.0.0/8"),
        ("trusted_proxy_headers", "forwarded"),
    ]);
    for (text, client, scheme, host) in [
        ("for=192.0.2.1;proto=https;host=example.org", "192.0.2.1", "https", "example.org"),
        ("For=\"[2001:db8::1]:4711\" ; Proto=HTTPS", "2001:db8::1", "https", "test"),
        (
            "for=203.0.113.9;proto=https, for=192.0.2.1;host=\"a:8080\", for=10.0.0.1",
            "192.0.2.1",
            "http",
            "a:8080",
        ),
        ("for=_hidden;proto=https", "127.0.0.1", "http", "test"),
        ("for=192.0.2.1;for=192.0.2.2", "127.0.0.1", "http", "test"),
        ("for=\"192.0.2.1", "127.0.0.1", "http", "test"),
        ("nonsense", "127.0.0.1", "http", "test"),
        ("for=203.0.113.9, by=\"a,b;for=1\";for=192.0.2.1,", "192.0.2.1", "http", "test"),
    ] {
        let environ =
            ask(address, &format!("Forwarded: {text}\r\nX-Forwarded-For: 192.0.2.77\r\n"));
        assert_eq!(value(&environ, "REMOTE_ADDR"), Some(client), "{text}");
        assert_eq!(value(&environ, "wsgi.url_scheme"), Some(scheme), "{text}");
        assert_eq!(value(&environ, "HTTP_HOST"), Some(host), "{text}");
    }
}

#[test]
fn it_is_said_of_each_request_alone() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = {
        let lines = lines.clone();
        move |record: &AccessRecord<'_>| {
            lines.lock().unwrap().push(record.remote.unwrap().ip().to_string())
        }
    };
    let server = new("127.0.0.1:0");
    server.set_handlers(Handlers::new().access_log(note)).unwrap();
    server.set("trusted_proxy", "127.0.0.1").unwrap();
    server.start_background().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    for (field, wanted) in [("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"), ("", "127.0.0.1")] {
        client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{field}\r\n"));
        assert_eq!(value(&client.answer().1, "REMOTE_ADDR"), Some(wanted));
    }
    eventually("two lines", || lines.lock().unwrap().len() == 2);
    assert_eq!(*lines.lock().unwrap(), ["192.0.2.1", "127.0.0.1"]);
}

#[test]
fn the_list_of_fields_is_checked() {
    for (names, why) in
        [("x-real-ip", "\"x-real-ip\" is none of"), ("forwarded x-forwarded-for", "with none of")]
    {
        let server = new("127.0.0.1:0");
        server.set("trusted_proxy_headers", names).unwrap();
        let error = server.prepare().unwrap_err().to_string();
        assert!(error.contains("trusted_proxy_headers") && error.contains(why), "{error}");
    }
}
