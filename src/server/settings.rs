//! From the options to what the engine and the connections work with.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;

use super::address::Address;
use super::notify::Notifier;
use super::options::{Options, WHILE_RUNNING};
use crate::connection::forwarded::TrustedProxies;
use crate::connection::live::{Live, LiveText, Values};
use crate::connection::peercreds::PeerCreds;
use crate::connection::proxied::ProxyProtocol;
use crate::connection::services::Settings;
use crate::engine::{Engine, Tuning};
use crate::error::{Error, ErrorKind};
use crate::error_log::LogLevel;
use crate::gateway::environ::{EnvironTemplate, ServerInfo};
use crate::ssl::SSLAdapter;

/// More than so many pollers did not help on any machine.
const MOST_POLLERS: usize = 4;
/// `grow` without a `max`; the options take no more either.
const MOST_THREADS: usize = 10_000;

pub(super) fn settings(
    options: &Options,
    bound: &[Address],
    pull: bool,
    ssl: Option<Arc<dyn SSLAdapter>>,
) -> Settings {
    Settings {
        live: Live::new(&live(options)),
        proxy_mode: options.flag("proxy_mode"),
        keep_underscore_headers: options.flag("underscore_headers"),
        server_header: LiveText::new(options.text("server_header").into_bytes()),
        // What is not read ahead is there to be read, or refused.
        preread: if options.flag("deliver_at_head") {
            0
        } else {
            options.number("preread") as usize
        },
        log_level: LogLevel::named(&options.text("log_level")),
        log_events: pull && options.flag("log_events"),
        proxy_protocol: proxy_protocol(options),
        trusted_proxies: trusted_proxies(options).ok().filter(|trusted| !trusted.is_idle()),
        serve_abandoned: options.flag("serve_abandoned"),
        notifier: Notifier::of(options),
        environs: [b"HTTP/1.1", b"HTTP/1.0"]
            .map(|protocol| environs(options, protocol, bound, ssl.is_some())),
        ssl,
        peercreds: peercreds(options),
        bound: bound.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        status_path: status_path(options),
        pull,
    }
}

/// The path without the slash in front as well.
fn status_path(options: &Options) -> Vec<u8> {
    match options.text("status_path") {
        path if path.is_empty() || path.starts_with('/') => path.into_bytes(),
        path => format!("/{path}").into_bytes(),
    }
}

/// The values of the options that may be set while the server runs.
pub(super) fn live(options: &Options) -> Values {
    let size = |name| options.number(name) as u64;
    Values {
        header_timeout: options.milliseconds("header_timeout"),
        keep_alive_timeout: options.milliseconds("keep_alive_timeout"),
        body_timeout: options.milliseconds("body_timeout"),
        write_timeout: options.milliseconds("write_timeout"),
        linger_timeout: options.milliseconds("linger_timeout"),
        handshake_timeout: options.milliseconds("handshake_timeout"),
        proxy_header_timeout: options.milliseconds("proxy_header_timeout"),
        quiesce_timeout: options.milliseconds("quiesce_timeout"),
        accepted_queue_timeout: options.milliseconds("accepted_queue_timeout"),
        detached_timeout: options.milliseconds("detached_timeout"),
        min_body_rate: size("min_body_rate"),
        min_write_rate: size("min_write_rate"),
        max_header_bytes: size("max_request_header_size"),
        max_fields: size("max_request_header_fields"),
        max_request_line: size("max_request_line_size"),
        max_field_bytes: size("max_request_field_size"),
        max_field_name: size("max_request_field_name_size"),
        max_body: size("max_request_body_size"),
        max_connections: size("max_connections"),
        max_requests_per_connection: size("max_requests_per_connection"),
        http10: u64::from(options.text("protocol") == "HTTP/1.0"),
    }
}

pub(super) fn tuning(options: &Options, first_request: u64) -> Tuning {
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = options.number("numthreads") as usize;
    let max = usize::try_from(options.number("max")).unwrap_or(0);
    Tuning {
        pollers: match options.number("pollers") {
            0 => cores.min(MOST_POLLERS),
            pollers => pollers as usize,
        },
        pollers_fixed: options.number("pollers") != 0,
        eager_after: options.nanoseconds("eager_after"),
        takeover_after: options.nanoseconds("takeover_after"),
        slow_after: match options.nanoseconds("slow_request_after") {
            0 => u64::MAX,
            after => after,
        },
        threads,
        max_threads: if max == 0 { MOST_THREADS } else { max.max(threads) },
        max_threads_for_load: max.max(threads),
        idle_thread_timeout: options.milliseconds("idle_thread_timeout"),
        max_connections_per_ip: options.number("max_connections_per_ip") as usize,
        accepted_queue_size: options.number("accepted_queue_size"),
        max_in_flight: options.number("max_in_flight") as usize,
        max_buffered: options.number("max_buffered") as usize,
        first_request,
    }
}

/// The error for all options but those that may be changed while the server runs.
pub(super) fn not_while_running(name: &str) -> Error {
    let hint = match name {
        "numthreads" | "minthreads" | "max" | "maxthreads" => "; grow and shrink change the pool",
        _ => "",
    };
    let why = format!("option {name} cannot be set while the server runs{hint}");
    Error::new(ErrorKind::State, why)
}

pub(super) fn set_shutdown_timeout(engine: &Engine, options: &Options) {
    let timeout = options.milliseconds("shutdown_timeout");
    engine.shutdown_timeout.store(timeout, Ordering::SeqCst);
}

/// Takes over what has been set since the engine was made, of the options as they were `before`.
pub(super) fn catch_up(engine: &Engine, before: &Options, now: &Options) {
    for name in WHILE_RUNNING.iter().filter(|name| before.text(name) != now.text(name)) {
        // The listeners are as good as they were before, if not.
        let _refused = set_live(engine, name, now);
    }
}

/// Takes over what may change while the server runs; `name` is what has changed.
pub(super) fn set_live(engine: &Engine, name: &str, options: &Options) -> Result<(), Error> {
    let settings = &engine.services.settings;
    settings.live.set(&live(options));
    set_shutdown_timeout(engine, options);
    if name == "server_header" {
        settings.server_header.set(options.text(name).into_bytes());
    }
    if name == "nodelay" {
        let set = engine.set_nodelay(options.flag("nodelay"));
        set.map_err(|error| Error::new(ErrorKind::System, format!("option nodelay: {error}")))?;
    }
    Ok(())
}

fn peercreds(options: &Options) -> PeerCreds {
    match (options.flag("peercreds_enabled"), options.flag("peercreds_resolve_enabled")) {
        (_, true) => PeerCreds::Names,
        (true, false) => PeerCreds::Numbers,
        (false, false) => PeerCreds::Off,
    }
}

fn proxy_protocol(options: &Options) -> ProxyProtocol {
    let from = options.networks("proxy_protocol_from");
    match options.text("proxy_protocol").as_str() {
        "required" => ProxyProtocol::Required(from),
        "optional" => ProxyProtocol::Optional(from),
        _ => ProxyProtocol::Off,
    }
}

fn trusted_proxies(options: &Options) -> Result<TrustedProxies, String> {
    let believed = options.text("trusted_proxy_headers");
    let clear = options.flag("clear_untrusted_proxy_headers");
    TrustedProxies::new(options.networks("trusted_proxy"), &believed, clear)
}

/// Whether the options fit together.
pub(super) fn check(options: &Options) -> Result<(), Error> {
    let nobody = options.networks("proxy_protocol_from").is_empty();
    if nobody && proxy_protocol(options) != ProxyProtocol::Off {
        let why = "option proxy_protocol is on, but proxy_protocol_from names no proxy";
        return Err(Error::new(ErrorKind::Option, why));
    }
    trusted_proxies(options).map(drop).map_err(|why| {
        Error::new(ErrorKind::Option, format!("option trusted_proxy_headers: {why}"))
    })
}

/// One for each listener.
fn environs(
    options: &Options,
    protocol: &[u8],
    bound: &[Address],
    tls: bool,
) -> Vec<EnvironTemplate> {
    let or = |value: String, other: &dyn Fn() -> String| {
        if value.is_empty() { other() } else { value }
    };
    let version = or(options.text("version"), &|| format!("libwsgiserver/{}", crate::VERSION));
    let software = or(options.text("software"), &|| format!("{version} Server"));
    let server_name = or(options.text("server_name"), &crate::sys::host_name);
    let template = |address: &Address| {
        EnvironTemplate::new(&ServerInfo {
            protocol,
            server_name: server_name.as_bytes(),
            server_port: address.port().as_bytes(),
            software: software.as_bytes(),
            url_scheme: if tls { b"https" } else { b"http" },
            unicode: options.text("wsgi_version") == "u.0",
        })
    };
    let mut environs: Vec<_> = bound.iter().map(template).collect();
    EnvironTemplate::find_common(&mut environs);
    let says_more = trusted_proxies(options).is_ok_and(|trusted| !trusted.is_idle());
    if says_more || proxy_protocol(options) != ProxyProtocol::Off {
        environs.iter_mut().for_each(EnvironTemplate::let_vary);
    }
    environs
}
