//! Where a server listens: each form of an address, what is wrong with one, several at once, and
//! what the environ says of them.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, SockRef, Socket, Type};
use support::*;
use wsgiserver::{Address, Error, ErrorKind, Gateway, HTTPServer, Outcome, Request};

/// Answers with the environ, a pair to a line.
fn environ(request: &Request<'_>) -> Outcome {
    let lines = request.environ(|environ| {
        let line = |(key, value): (&[u8], &[u8])| {
            format!("{}={}\n", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        };
        environ.iter().map(line).collect::<String>()
    });
    ok(request, lines.unwrap().as_bytes())
}

fn gateway() -> impl Gateway {
    App(environ)
}

/// A server that is stopped at the end of its test.
struct Server(Arc<HTTPServer>);

impl std::ops::Deref for Server {
    type Target = Arc<HTTPServer>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn new_with(bind_addr: &str, gateway: impl Gateway) -> Server {
    let server = HTTPServer::new(bind_addr, gateway).unwrap();
    server.set("numthreads", "2").unwrap();
    Server(Arc::new(server))
}

fn new(bind_addr: &str) -> Server {
    new_with(bind_addr, gateway())
}

fn started(bind_addr: &str) -> Server {
    let server = new(bind_addr);
    server.start_background().unwrap();
    server
}

/// The environ that a request by this stream has.
fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

fn ask_at(address: &Address) -> String {
    match address {
        Address::Tcp(address) => ask(tcp(*address)),
        Address::Unix(path) => ask(UnixStream::connect(path).unwrap()),
        Address::Abstract(name) => {
            let name = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
            ask(UnixStream::connect_addr(&name).unwrap())
        }
        _ => unreachable!(),
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    Client::connect(address).0
}

fn value<'a>(environ: &'a str, key: &str) -> Option<&'a str> {
    environ.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// What preparing says. Nothing of the address may stay behind.
fn refused(bind_addr: &str) -> String {
    let server = HTTPServer::new(bind_addr, gateway()).unwrap();
    let error = server.prepare().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bind, "{error}");
    assert!(server.bound_addrs().is_empty());
    error.to_string()
}

fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

fn has_ipv6(test: &str) -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("{test}: skipped, this machine has no IPv6");
    }
    has
}

/// A directory of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wsgi-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn unix(&self, name: &str) -> String {
        format!("unix:{}", self.path(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn an_ipv4_address_with_port_0_tells_its_port() {
    let server = started("127.0.0.1:0");
    let address = server.bound_addr().unwrap();
    assert_ne!(address.port(), 0);
    assert_eq!(server.bound_addrs(), [Address::Tcp(address)]);
    let environ = ask(tcp(address));
    assert_eq!(value(&environ, "SERVER_PORT"), Some(address.port().to_string().as_str()));
    assert_eq!(value(&environ, "REMOTE_ADDR"), Some("127.0.0.1"));
}

#[test]
fn an_ipv6_address_is_listened_on() {
    if !has_ipv6("an_ipv6_address_is_listened_on") {
        return;
    }
    let server = started("[::1]:0");
    let address = server.bound_addr().unwrap();
    assert_eq!(server.bound_addrs()[0].to_string(), format!("[::1]:{}", address.port()));
    assert_eq!(value(&ask(tcp(address)), "REMOTE_ADDR"), Some("::1"));
}

#[test]
fn the_unspecified_ipv6_address_takes_ipv4_too() {
    if !has_ipv6("the_unspecified_ipv6_address_takes_ipv4_too") {
        return;
    }
    let server = started("[::]:0");
    let port = server.bound_addr().unwrap().port();
    let environ = ask(tcp(SocketAddr::from(([127, 0, 0, 1], port))));
    assert_eq!(value(&environ, "SERVER_PORT"), Some(port.to_string().as_str()));
    ask(tcp(SocketAddr::from((Ipv6Addr::LOCALHOST, port))));
}

#[test]
fn a_scope_is_kept_in_the_address() {
    // Every link has an address of this kind, if the machine has IPv6 beyond the loopback.
    let links = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let Some(link) = links.lines().find(|line| line.starts_with("fe80")) else {
        eprintln!("a_scope_is_kept_in_the_address: skipped, no link has an IPv6 address");
        return;
    };
    let groups: Vec<_> = (0..8).map(|group| &link[group * 4..group * 4 + 4]).collect();
    let name = link.split_whitespace().last().unwrap();
    let server = started(&format!("[{}%{name}]:0", groups.join(":")));
    let told = server.bound_addrs()[0].to_string();
    assert!(told.contains('%'), "{told}");
    ask_at(&server.bound_addrs()[0]);
    server.stop();
    let again = started(&told);
    assert_eq!(again.bound_addrs()[0].to_string(), told);
}

#[test]
fn a_name_is_resolved() {
    let server = started("localhost:0");
    assert!(server.bound_addr().unwrap().ip().is_loopback());
    ask_at(&server.bound_addrs()[0]);
}

#[test]
fn every_address_of_a_name_is_tried_and_every_failure_told() {
    let holders: Vec<_> = ["127.0.0.1:0", "[::1]:0"]
        .iter()
        .filter_map(|address| TcpListener::bind(address).ok())
        .collect();
    let port = holders[0].local_addr().unwrap().port();
    let _the_same = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    let name = format!("localhost:{port}");
    let addresses: Vec<_> = std::net::ToSocketAddrs::to_socket_addrs(&name).unwrap().collect();
    let error = refused(&name);
    assert_says(&error, &["No socket could be created", "in use", &name]);
    for address in addresses {
        assert_says(&error, &[&format!("({address}: ")]);
    }
}

#[test]
fn an_address_that_cannot_be_is_named_with_the_reason() {
    for (address, reason) in [
        ("", "nothing to listen on"),
        (":8070", "the host is empty"),
        ("127.0.0.1:65536", "\"65536\" is not a port"),
        ("127.0.0.1:", "not a port"),
        ("127.0.0.1:http", "not a port"),
        ("[::1", "the ] is missing"),
        ("[::1]", "the port is missing"),
        ("[::g]:0", "not an IPv6 address"),
        ("::1:80", "needs [ and ]"),
        ("host", "the port is missing"),
        ("unix:", "the path is empty"),
        ("@", "the name is empty"),
        ("no-such-host.invalid:80", "failed to lookup address"),
        ("192.0.2.1:0", "Cannot assign requested address"),
    ] {
        assert_says(&refused(address), &[address, reason]);
    }
}

#[test]
fn a_busy_port_is_named_and_free_again_later() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    assert_says(&refused(&address.to_string()), &[&address.to_string(), "in use"]);
    drop(holder);
    assert_eq!(started(&address.to_string()).bound_addr().unwrap(), address);
}

#[test]
fn a_port_that_was_free_can_be_listened_on_again_at_once() {
    let server = started("127.0.0.1:0");
    let address = server.bound_addr().unwrap();
    // The server closes first, so its side stays in TIME_WAIT.
    ask(tcp(address));
    server.stop();
    server.set("bind_addr", &address.to_string()).unwrap();
    server.start_background().unwrap();
    ask(tcp(address));
}

#[test]
fn a_port_may_be_shared_when_both_say_so() {
    let first = new("127.0.0.1:0");
    first.set("reuse_port", "1").unwrap();
    first.start_background().unwrap();
    let address = first.bound_addr().unwrap();
    let second = new(&address.to_string());
    assert_eq!(second.prepare().unwrap_err().kind(), ErrorKind::Bind);
    second.set("reuse_port", "1").unwrap();
    second.start_background().unwrap();
    assert_eq!(second.bound_addr().unwrap(), address);
    first.stop();
    ask(tcp(address));
}

#[test]
fn a_unix_socket_serves_and_is_removed_at_the_stop() {
    let folder = Folder::new();
    let path = folder.path("socket");
    for form in [folder.unix("socket"), path.display().to_string()] {
        let server = new(&form);
        server.prepare().unwrap();
        assert_eq!(server.bound_addrs()[0].to_string(), folder.unix("socket"));
        assert_eq!(server.bound_addr().unwrap_err().kind(), ErrorKind::State);
        drop(server);
        assert!(!path.exists());

        let server = started(&form);
        let environ = ask_at(&server.bound_addrs()[0]);
        for key in ["SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT"] {
            assert_eq!(value(&environ, key), Some(""), "{key}");
        }
        assert!(!environ.contains("X_REMOTE"), "{environ}");
        server.stop();
        assert!(!path.exists());
        server.start_background().unwrap();
        ask_at(&server.bound_addrs()[0]);
    }
}

#[test]
fn an_abstract_socket_has_no_file() {
    let name = format!("wsgi-test-{}", std::process::id());
    for form in [format!("@{name}"), format!("\0{name}")] {
        let server = started(&form);
        assert_eq!(server.bound_addrs(), [Address::Abstract(name.clone().into())]);
        assert_eq!(server.get("bind_addr").unwrap(), format!("@{name}"));
        ask_at(&server.bound_addrs()[0]);
        assert_says(&refused(&form), &[&name, "in use"]);
    }
}

#[test]
fn a_unix_socket_gets_its_mode() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let server = new(&folder.unix("socket"));
    server.prepare().unwrap();
    assert_eq!(mode(&path), 0o777);
    server.stop();
    for (text, bits) in [("600", 0o600), ("0660", 0o660), ("707", 0o707), ("0", 0)] {
        server.set("unix_socket_mode", text).unwrap();
        server.prepare().unwrap();
        assert_eq!(mode(&path), bits, "{text}");
        server.stop();
    }
    for wrong in ["888", "1777", "rw", "-1", "0x1ff"] {
        let error = server.set("unix_socket_mode", wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Option);
        assert_says(&error.to_string(), &["unix_socket_mode", wrong, "octal"]);
    }
    server.set("unix_socket_mode", "").unwrap();
    server.prepare().unwrap();
    let reference = folder.path("reference");
    let _reference = UnixListener::bind(&reference).unwrap();
    assert_eq!(mode(&path), mode(&reference));
}

#[test]
fn only_a_socket_that_nobody_listens_on_is_replaced() {
    let folder = Folder::new();
    let (path, address) = (folder.path("there"), folder.unix("there"));
    let says = |reason| assert_says(&refused(&address), &[&address, reason]);

    fs::write(&path, "precious").unwrap();
    says("a regular file");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    says("a directory");
    fs::remove_dir(&path).unwrap();

    let target = folder.path("target");
    let kept = UnixListener::bind(&target).unwrap();
    symlink(&target, &path).unwrap();
    says("a symbolic link");
    drop(kept);
    says("a symbolic link");
    fs::remove_file(&path).unwrap();
    assert!(target.exists());

    let live = UnixListener::bind(&path).unwrap();
    says("somebody answers");
    UnixStream::connect(&path).unwrap();
    drop(live);

    // Nobody listens, but the socket is still there.
    assert!(path.exists());
    let server = started(&address);
    ask_at(&server.bound_addrs()[0]);
}

#[test]
fn a_socket_that_is_too_busy_to_answer_is_in_use() {
    let folder = Folder::new();
    let path = folder.path("busy");
    let holder = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    holder.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    holder.listen(0).unwrap();
    let _in_the_backlog = UnixStream::connect(&path).unwrap();
    assert_says(&refused(&folder.unix("busy")), &["somebody answers"]);
    assert!(path.exists());
}

#[test]
fn a_path_that_cannot_be_is_named_with_the_reason() {
    let folder = Folder::new();
    let missing = folder.unix("missing/socket");
    assert_says(&refused(&missing), &[&missing, "there is no directory"]);
    fs::write(folder.path("file"), "").unwrap();
    assert_says(&refused(&folder.unix("file/socket")), &["not a directory"]);

    let room = 107 - folder.path("").as_os_str().len();
    let longest = "x".repeat(room);
    let server = started(&folder.unix(&longest));
    ask_at(&server.bound_addrs()[0]);
    let error = refused(&folder.unix(&format!("{longest}x")));
    assert_says(&error, &["108 bytes", "at most 107", &longest]);
}

#[test]
fn a_path_that_is_another_ones_by_now_is_left_at_the_stop() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let server = started(&folder.unix("socket"));
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    server.stop();
    assert!(path.exists());
    drop((server, other));
    fs::remove_file(&path).unwrap();

    let server = started(&folder.unix("socket"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    server.stop();
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn the_environ_tells_who_is_at_the_other_end_when_asked() {
    let folder = Folder::new();
    let server = new(&folder.unix("socket"));
    server.listen("127.0.0.1:0").unwrap();
    server.set("peercreds_enabled", "1").unwrap();
    server.start_background().unwrap();
    let [unix, tcp] = &server.bound_addrs()[..] else { unreachable!() };
    let own = fs::metadata("/proc/self").unwrap();
    let (uid, gid) = (own.uid(), own.gid());
    let environ = ask_at(unix);
    assert_eq!(value(&environ, "X_REMOTE_PID"), Some(&*std::process::id().to_string()));
    assert_eq!(value(&environ, "X_REMOTE_UID"), Some(&*uid.to_string()));
    assert_eq!(value(&environ, "X_REMOTE_GID"), Some(&*gid.to_string()));
    for key in ["X_REMOTE_USER", "X_REMOTE_GROUP", "REMOTE_USER"] {
        assert_eq!(value(&environ, key), None);
    }
    assert!(!ask_at(tcp).contains("X_REMOTE"));
    server.stop();

    server.set("peercreds_enabled", "0").unwrap();
    server.set("peercreds_resolve_enabled", "1").unwrap();
    server.start_background().unwrap();
    let environ = ask_at(&server.bound_addrs()[0]);
    assert_eq!(value(&environ, "X_REMOTE_UID"), Some(&*uid.to_string()));
    let user = value(&environ, "X_REMOTE_USER");
    assert_eq!(user, value(&environ, "REMOTE_USER"));
    if uid == 0 {
        assert_eq!(user, Some("root"));
        assert_eq!(value(&environ, "X_REMOTE_GROUP"), Some("root"));
    }
}

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
fn a_socket_of_the_hosts_is_served_and_kept_for_a_restart() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let tcp: OwnedFd = TcpListener::bind("127.0.0.1:0").unwrap().into();
    let unix: OwnedFd = UnixListener::bind(&path).unwrap().into();
    let watched = tcp.try_clone().unwrap();
    let server = new("");
    server.listen_fd(tcp).unwrap();
    server.listen_fd(unix).unwrap();
    for _ in 0..2 {
        server.start_background().unwrap();
        assert_eq!(server.bound_addrs().len(), 2);
        assert_eq!(server.bound_addrs()[1].to_string(), folder.unix("socket"));
        assert!(SockRef::from(&watched).nonblocking().unwrap());
        for address in server.bound_addrs() {
            ask_at(&address);
        }
        server.stop();
        assert!(path.exists());
    }
    // In the backlog until the server runs again.
    let address = server.bound_addr().unwrap();
    let mut waiting = Client::connect(address);
    waiting.get("/");
    server.start_background().unwrap();
    assert_eq!(waiting.answer().0, 200);
    drop((waiting, watched, server));
    assert!(TcpStream::connect(address).is_err());
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

#[test]
fn a_relative_path_is_told_as_an_absolute_one() {
    let folder = Folder::new();
    let up = "../".repeat(std::env::current_dir().unwrap().components().count() - 1);
    let there = fs::canonicalize(&folder.0).unwrap();
    let server = new(&format!("unix:{up}{}/s", there.strip_prefix("/").unwrap().display()));
    server.prepare().unwrap();
    match &server.bound_addrs()[0] {
        Address::Unix(path) => assert!(path.is_absolute() && path.exists(), "{path:?}"),
        other => panic!("{other}"),
    }
    drop(server);
    assert!(!folder.path("s").exists());
}
