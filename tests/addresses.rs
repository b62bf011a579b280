//! Where a server listens: the forms of an address, and what is wrong with one.

mod support;

use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use support::listening::*;
use wsgiserver::{Address, ErrorKind};

fn has_ipv6(test: &str) -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("{test}: skipped, this machine has no IPv6");
    }
    has
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
