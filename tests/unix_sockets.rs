//! UNIX sockets: their paths, their modes, and who is at the other end.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Barrier;

use socket2::{Domain, Socket, Type};
use support::listening::*;
use wsgiserver::{Address, ErrorKind};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
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

#[test]
fn of_many_who_find_a_stale_socket_one_gets_the_path() {
    let folder = Folder::new();
    let path = folder.path("socket");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let begin = Barrier::new(6);
        let prepared: Vec<_> = std::thread::scope(|scope| {
            let prepare = || {
                let server = new(&folder.unix("socket"));
                begin.wait();
                server.prepare().is_ok().then_some(server)
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(prepare)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(prepared.len(), 1);
        UnixStream::connect(&path).unwrap();
        drop(prepared);
        assert!(!path.exists());
    }
}
