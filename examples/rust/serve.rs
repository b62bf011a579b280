//! `./dev serve APPLICATION rust PORT [--bind ADDR ...] [--option VALUE ...]`: the applications `hello` and `fixture`
//! on the Rust interface.

use std::io::Write;
use std::process::exit;
use std::sync::Arc;

use wsgiserver::{Address, HTTPServer, Handlers, option_specs};

mod fixture;
mod hello;
mod signals;

const APPLICATIONS: &str = "hello fixture";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [application, port, options @ ..] = arguments.as_slice() else {
        usage("usage: serve APPLICATION PORT [--bind ADDR ...] [--option VALUE ...]");
    };
    let address = format!("127.0.0.1:{port}");
    let server = match application.as_str() {
        "hello" => HTTPServer::new(&address, hello::Hello),
        "fixture" => HTTPServer::new(&address, fixture::Fixture),
        other => usage(&format!("there is no application {other:?}; there are {APPLICATIONS}")),
    };
    let server = Arc::new(server.unwrap_or_else(|error| usage(&error.to_string())));
    let mut bound = false;
    for pair in options.chunks(2) {
        let [name, value] = pair else { usage(&format!("{} has no value", pair[0])) };
        let Some(name) = name.strip_prefix("--") else { usage(&format!("{name} is no option")) };
        let name = match name.replace('-', "_").as_str() {
            "threads" => "numthreads".to_owned(),
            name => name.to_owned(),
        };
        let done = match name.as_str() {
            // The first takes the place of 127.0.0.1:PORT, the others come beside it.
            "bind" if !std::mem::replace(&mut bound, true) => server.set("bind_addr", value),
            "bind" => server.listen(value),
            name => server.set(name, value),
        };
        done.unwrap_or_else(|error| usage(&error.to_string()));
    }
    let to_stderr = |level, code, text: &str| eprintln!("{level:?} {code:?}: {text}");
    let handlers = Handlers::new().error_log(to_stderr);
    server.set_handlers(handlers).unwrap_or_else(|error| usage(&error.to_string()));
    signals::on_terminate({
        let server = server.clone();
        move || server.signal_stop()
    });
    if let Err(error) = server.start_background() {
        eprintln!("{error}");
        exit(1);
    }
    let tls = server.get("certificate").is_ok_and(|certificate| !certificate.is_empty());
    let scheme = if tls { "https" } else { "http" };
    for address in server.bound_addrs() {
        match address {
            Address::Tcp(address) => println!("listening on {scheme}://{address}"),
            address => println!("listening on {address}"),
        }
    }
    let _closed = std::io::stdout().flush();
    server.wait();
}

fn usage(message: &str) -> ! {
    let options: Vec<_> = option_specs().iter().map(|spec| spec.name).collect();
    eprintln!("{message}\napplications: {APPLICATIONS}\noptions: {}", options.join(" "));
    exit(2);
}
