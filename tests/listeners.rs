//! Several listeners at once, and sockets that the host has made.

mod support;

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use socket2::{Domain, SockRef, Socket, Type};
use support::listening::*;
use support::{App, Client, ok};
use wsgiserver::{Address, Error, ErrorKind, Request};

#[test]
fn what_belongs_to_the_connection_is_counted_as_its_own() {
    let counts = App(|request: &Request<'_>| {
        let text = request.environ(|environ| {
            let key = |(key, _): (&[u8], &[u8])| String::from_utf8_lossy(key).into_owned();
            let keys: Vec<_> = environ.iter().map(key).collect();
            let (server, others) = keys.split_at(environ.server_count);
            let of_connection = others[..environ.connection_count].join(" ");
            format!("\nserver={}\nconnection={of_connection}\n", server.join(" "))
        });
        ok(request, text.unwrap().as_bytes())
    });
    let folder = Folder::new();
    let server = new_with("127.0.0.1:0", counts);
    server.listen(&folder.unix("socket")).unwrap();
    server.set("peercreds_enabled", "1").unwrap();
    server.start_background().unwrap();
    for address in server.bound_addrs() {
        let answer = ask_at(&address);
        let of_server = value(&answer, "server").unwrap();
        let of_connection = value(&answer, "connection").unwrap();
        assert!(of_server.contains("SERVER_NAME") && !of_server.contains("SERVER_PORT"));
        assert!(of_connection.starts_with("SERVER_PORT REMOTE_ADDR REMOTE_PORT"));
        assert_eq!(of_connection.contains("X_REMOTE_UID"), address.tcp().is_none());
    }
}

#[test]
fn several_listeners_serve_side_by_side() {
    let folder = Folder::new();
    let server = new("127.0.0.1:0");
    server.listen("127.0.0.1:0").unwrap();
    server.listen(&folder.unix("socket")).unwrap();
    server.listen(&format!("@wsgi-several-{}", std::process::id())).unwrap();
    server.start_background().unwrap();
    let addresses = server.bound_addrs();
    assert_eq!(addresses.len(), 4);
    for _ in 0..3 {
        for address in &addresses {
            let port = address.tcp().map_or_else(String::new, |tcp| tcp.port().to_string());
            assert_eq!(value(&ask_at(address), "SERVER_PORT"), Some(port.as_str()));
        }
    }
    let error = server.listen("127.0.0.1:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    server.stop();
    assert!(!folder.path("socket").exists());
    for address in addresses.iter().filter_map(Address::tcp) {
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn one_address_that_fails_closes_the_others() {
    let folder = Folder::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = holder.local_addr().unwrap().to_string();
    let server = new("127.0.0.1:0");
    server.listen(&folder.unix("socket")).unwrap();
    server.listen(&busy).unwrap();
    assert_says(&server.prepare().unwrap_err().to_string(), &[&busy, "in use"]);
    assert!(!folder.path("socket").exists());
    assert!(server.bound_addrs().is_empty());
    drop(holder);
    server.start_background().unwrap();
    assert_eq!(server.bound_addrs().len(), 3);
}

#[test]
fn an_added_address_is_looked_at_at_once_and_there_is_a_most() {
    let server = new("");
    for bad in ["", ":80", "127.0.0.1:65536", "[::1", "host", "unix:"] {
        let error = server.listen(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bind);
        assert_says(&error.to_string(), &[bad]);
    }
    for _ in 0..13 {
        server.listen("127.0.0.1:0").unwrap();
    }
    assert_says(&server.listen("127.0.0.1:0").unwrap_err().to_string(), &["at most 13"]);
    server.start_background().unwrap();
    ask_at(server.bound_addrs().last().unwrap());
    server.stop();
    server.set("bind_addr", "127.0.0.1:0").unwrap();
    assert_says(&server.prepare().unwrap_err().to_string(), &["at most 13"]);
}

#[test]
fn a_socket_of_the_hosts_is_served_for_one_run() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let tcp: OwnedFd = TcpListener::bind("127.0.0.1:0").unwrap().into();
    let unix: OwnedFd = UnixListener::bind(&path).unwrap().into();
    let server = new("");
    for _ in 0..2 {
        server.listen_fd(tcp.try_clone().unwrap()).unwrap();
        server.listen_fd(unix.try_clone().unwrap()).unwrap();
        server.start_background().unwrap();
        assert_eq!(server.bound_addrs().len(), 2);
        assert_eq!(server.bound_addrs()[1].to_string(), folder.unix("socket"));
        assert!(SockRef::from(&tcp).nonblocking().unwrap());
        for address in server.bound_addrs() {
            ask_at(&address);
        }
        server.stop();
        assert!(path.exists());
    }
    let error = server.prepare().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bind);
    assert_says(&error.to_string(), &["no descriptor was given for this run"]);
    // In the backlog of the host's own descriptor until a server has one again.
    let address = server.bound_addr().unwrap();
    let mut waiting = Client::connect(address);
    waiting.get("/");
    server.listen_fd(tcp).unwrap();
    server.start_background().unwrap();
    assert_eq!(waiting.answer().0, 200);
    server.stop();
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(server.bound_addr().unwrap(), address);
}

#[test]
fn a_descriptor_that_cannot_be_accepted_from_is_named() {
    let refused = |fd: OwnedFd| -> (i32, Error) {
        let number = fd.as_raw_fd();
        (number, new("").listen_fd(fd).unwrap_err())
    };
    let unbound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let connected = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(connected.local_addr().unwrap()).unwrap();
    let packets = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let cases: [(OwnedFd, &str); 5] = [
        (fs::File::open("/proc/self/exe").unwrap().into(), "not a socket"),
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "datagram"),
        (unbound.into(), "does not listen"),
        (connected.into(), "does not listen"),
        (packets.into(), "not a stream socket"),
    ];
    for (fd, reason) in cases {
        let (number, error) = refused(fd);
        assert_eq!(error.kind(), ErrorKind::Bind);
        assert_says(&error.to_string(), &[&format!("descriptor {number}:"), reason]);
    }
    let server = started("127.0.0.1:0");
    let late = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(server.listen_fd(late.into()).unwrap_err().kind(), ErrorKind::State);
}
