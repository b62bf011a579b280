//! The options: one table with the name, type, default and range of each, and a line of help. The C
//! functions, the bindings, the command lines and the documentation read this table.
#![forbid(unsafe_code)]

use crate::connection::networks::Networks;
use crate::error::{Error, ErrorKind};

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name, the seed's where it has one.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: OptionKind,
    /// The default; VERSION stands for the library's.
    pub default: &'static str,
    /// One line about it.
    pub help: &'static str,
}

impl OptionSpec {
    /// Whether it may be set while the server runs; the others only before it is prepared.
    pub fn is_for_running_servers(&self) -> bool {
        WHILE_RUNNING.contains(&self.name)
    }

    /// The default, as it would be written.
    pub fn default_value(&self) -> String {
        self.default.replace("VERSION", crate::VERSION)
    }
}

/// What values an option takes.
#[derive(Clone, Copy, Debug)]
pub enum OptionKind {
    /// A whole number within these bounds.
    Number(i64, i64),
    /// Seconds, with decimals, within these bounds.
    Seconds(f64, f64),
    /// `1`, `true`, `yes`, `on`, or `0`, `false`, `no`, `off`.
    Flag,
    /// Any text without control characters.
    Text,
    /// The permissions of a file in octal digits, or nothing.
    Mode,
    /// A text that is not told again.
    Secret,
    /// IP addresses and networks, and who comes by a UNIX socket.
    Networks,
    /// One of these.
    Choice(&'static [&'static str]),
}

impl OptionKind {
    /// The name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number(..) => "number",
            Self::Seconds(..) => "seconds",
            Self::Flag => "flag",
            Self::Text => "text",
            Self::Secret => "secret",
            Self::Mode => "mode",
            Self::Networks => "networks",
            Self::Choice(_) => "choice",
        }
    }

    /// What is accepted, in words.
    pub fn accepts(self) -> String {
        match self {
            Self::Number(low, i64::MAX) => format!("a whole number, {low} or more"),
            Self::Number(low, high) => format!("a whole number from {low} to {high}"),
            Self::Seconds(low, high) => format!("seconds from {low} to {high}"),
            Self::Flag => "1 or 0, true or false, yes or no, on or off".into(),
            Self::Text | Self::Secret => "text without control characters".into(),
            Self::Mode => "an octal mode from 0 to 777, or nothing".into(),
            Self::Networks => {
                "IP addresses, networks like 10.0.0.0/8, and unix, with commas between".into()
            }
            Self::Choice(choices) => choices.join(" or "),
        }
    }

    /// The smallest and the largest number that it takes, infinity where there is no largest; `None`
    /// if it takes no number.
    pub fn bounds(self) -> Option<(f64, f64)> {
        match self {
            Self::Number(low, i64::MAX) => Some((low as f64, f64::INFINITY)),
            Self::Number(low, high) => Some((low as f64, high as f64)),
            Self::Seconds(low, high) => Some((low, high)),
            Self::Flag
            | Self::Text
            | Self::Secret
            | Self::Mode
            | Self::Networks
            | Self::Choice(_) => None,
        }
    }

    fn check(self, value: &str) -> bool {
        match self {
            Self::Number(low, high) => {
                value.parse::<i64>().is_ok_and(|value| (low..=high).contains(&value))
            }
            Self::Seconds(low, high) => value
                .parse::<f64>()
                .is_ok_and(|value| value.is_finite() && (low..=high).contains(&value)),
            Self::Flag => flag(value).is_some(),
            Self::Text | Self::Secret => !value.chars().any(char::is_control),
            Self::Mode => value.is_empty() || mode(value).is_some(),
            Self::Networks => Networks::parse(value).is_some(),
            Self::Choice(choices) => choices.contains(&value),
        }
    }
}

/// Options that may be changed while the server runs: a time-out counts from the next wait on, a
/// limit from the next head.
pub(super) const WHILE_RUNNING: &[&str] = &[
    "accepted_queue_timeout",
    "body_timeout",
    "detached_timeout",
    "handshake_timeout",
    "header_timeout",
    "keep_alive_timeout",
    "linger_timeout",
    "max_connections",
    "max_request_body_size",
    "max_request_field_name_size",
    "max_request_field_size",
    "max_request_header_fields",
    "max_request_header_size",
    "max_request_line_size",
    "max_requests_per_connection",
    "min_body_rate",
    "min_write_rate",
    "nodelay",
    "protocol",
    "proxy_header_timeout",
    "quiesce_timeout",
    "server_header",
    "shutdown_timeout",
    "statistics",
    "timeout",
    "write_timeout",
];

/// What is told of a secret that was set.
const HIDDEN: &str = "********";
const DAY: f64 = 86_400.0;
const BYTES: OptionKind = OptionKind::Number(0, i64::MAX);

macro_rules! options {
    ($($name:literal $kind:expr, $default:literal, $help:literal;)*) => {
        const TABLE: &[OptionSpec] = &[
            $(OptionSpec { name: $name, kind: $kind, default: $default, help: $help },)*
        ];
    };
}

options! {
    "bind_addr" OptionKind::Text, "",
        "The address to listen on: HOST:PORT or [IPV6]:PORT (port 0: a free one), unix:/PATH, @NAME, fd:NUMBER (a socket that listens already).";
    "socket_activation" OptionKind::Text, "auto",
        "Sockets that systemd hands over (LISTEN_FDS): auto (if nothing else is to be listened on), all, off, or those of one name.";
    "unset_environment" OptionKind::Flag, "0",
        "Removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES once the sockets are taken; no other thread may use the environment while the server is prepared.";
    "notify_service_manager" OptionKind::Flag, "0",
        "Tells systemd (NOTIFY_SOCKET) when the server is ready and when it stops.";
    "unix_socket_mode" OptionKind::Mode, "777",
        "The permissions of a UNIX socket's path, in octal; empty: what the umask leaves. The default lets every local user connect that can reach the path, as CherryPy's wsgiserver does, so that a proxy of another user can; 660 leaves it to owner and group.";
    "reuse_port" OptionKind::Flag, "0",
        "Sets SO_REUSEPORT: servers of several processes may share an IP address and port.";
    "peercreds_enabled" OptionKind::Flag, "0",
        "X_REMOTE_PID, X_REMOTE_UID and X_REMOTE_GID in the environ of a UNIX socket's client.";
    "peercreds_resolve_enabled" OptionKind::Flag, "0",
        "The same and their names: X_REMOTE_USER (REMOTE_USER too) and X_REMOTE_GROUP.";
    "numthreads" OptionKind::Number(0, 10_000), "10",
        "Worker threads; 0: none, the host calls tick.";
    "minthreads" OptionKind::Number(0, 10_000), "10", "Another name of numthreads.";
    "max" OptionKind::Number(-1, 10_000), "-1",
        "The most worker threads; above numthreads the pool grows to it under load; -1: by grow alone.";
    "maxthreads" OptionKind::Number(-1, 10_000), "-1", "Another name of max.";
    "server_name" OptionKind::Text, "", "SERVER_NAME in the environ; empty: the host's name.";
    "protocol" OptionKind::Choice(&["HTTP/1.1", "HTTP/1.0"]), "HTTP/1.1",
        "The version of every response; HTTP/1.0 brings the rules of 1.0.";
    "request_queue_size" OptionKind::Number(1, 65_535), "1024", "The backlog of the listener.";
    "timeout" OptionKind::Seconds(0.0, DAY), "10",
        "What the finer time-outs follow that were not set; 0: no limit.";
    "handshake_timeout" OptionKind::Seconds(0.0, DAY), "",
        "For a whole handshake of TLS, from the connection's first moment; 0: no limit.";
    "header_timeout" OptionKind::Seconds(0.0, DAY), "",
        "For a whole request head, from its first byte; 0: no limit.";
    "keep_alive_timeout" OptionKind::Seconds(0.0, DAY), "",
        "How long a connection may be idle between requests; 0: no limit.";
    "body_timeout" OptionKind::Seconds(0.0, DAY), "",
        "How long a request body may make no progress; 0: no limit.";
    "write_timeout" OptionKind::Seconds(0.0, DAY), "",
        "How long a client may take nothing of a response; 0: no limit.";
    "linger_timeout" OptionKind::Seconds(0.0, DAY), "30",
        "How long a connection that ends after an answer goes on reading what its client still sends, so that the client gets the answer (RFC 9112, section 9.6); 0: it closes at once.";
    "min_body_rate" BYTES, "0",
        "Bytes a second that a client must send of a body, on average over the time that it is waited for, once body_timeout has passed; 0: any.";
    "min_write_rate" BYTES, "0",
        "Bytes a second that a client must take of a response, on average over the time that it is waited for, once write_timeout has passed; 0: any.";
    "shutdown_timeout" OptionKind::Seconds(0.0, DAY), "5",
        "What a stop leaves to the requests in work.";
    "max_connections" OptionKind::Number(0, i64::MAX), "0",
        "Connections that may be open at a time; one more ends the one whose client has been waited for the longest, and gets 503 if all are in work; 0: any number.";
    "max_connections_per_ip" OptionKind::Number(0, i64::MAX), "0",
        "Connections that may be open at a time from one IP address (IPv6: from one network of 64 bits); one more gets 503; 0: any number.";
    "max_requests_per_connection" OptionKind::Number(0, i64::MAX), "0",
        "Requests on one connection, whose last answer says Connection: close; 0: any number.";
    "accepted_queue_size" OptionKind::Number(-1, i64::MAX), "-1",
        "Complete requests that may wait for a worker; -1: any number, 0: none, 503 at once.";
    "accepted_queue_timeout" OptionKind::Seconds(0.0, DAY), "10",
        "How long a request waits for a place in a full queue before its 503; 0: no limit.";
    "max_in_flight" OptionKind::Number(0, i64::MAX), "0",
        "Requests that may be at the application at a time, detached and pulled ones too; more wait \
         in the queue. 0: any number.";
    "detached_timeout" OptionKind::Seconds(0.0, DAY), "0",
        "In what time a detached request has to be answered, else its client gets 503; 0: no limit.";
    "proxy_protocol" OptionKind::Choice(&["off", "optional", "required"]), "off",
        "Whether connections begin with a header of the PROXY protocol, version 1 or 2, that says whose they are.";
    "proxy_protocol_from" OptionKind::Networks, "",
        "The proxies whose headers count; others are clients, or turned away where they are required.";
    "proxy_header_timeout" OptionKind::Seconds(0.0, DAY), "",
        "For a whole header of the PROXY protocol, from the connection's first moment; 0: no limit.";
    "trusted_proxy" OptionKind::Networks, "",
        "The proxies whose word about a request's client counts, in the fields of trusted_proxy_headers.";
    "trusted_proxy_headers" OptionKind::Text, "x-forwarded-for x-forwarded-proto",
        "What trusted proxies write: some of x-forwarded-for, x-forwarded-proto and x-forwarded-host; or forwarded.";
    "clear_untrusted_proxy_headers" OptionKind::Flag, "0",
        "Keeps Forwarded and X-Forwarded-... out of the environ where they do not count.";
    "quiesce_timeout" OptionKind::Seconds(0.0, DAY), "0",
        "How long a stop first lets each connection bring one more request, whose answer says Connection: close.";
    "certificate" OptionKind::Text, "",
        "A PEM file with the server's certificate, maybe with its chain behind it: the server speaks TLS.";
    "private_key" OptionKind::Text, "",
        "A PEM file with the certificate's private key; empty: it is in the certificate's file.";
    "certificate_chain" OptionKind::Text, "",
        "A PEM file with the certificates between the server's and its authority's.";
    "private_key_password" OptionKind::Secret, "", "The password of an encrypted private key.";
    "private_key_password_file" OptionKind::Text, "",
        "A file whose first line is the password of an encrypted private key; an argument of a command can be seen by every local user.";
    "ssl_adapter" OptionKind::Text, "builtin",
        "Who speaks TLS: builtin (rustls), pyopenssl (OpenSSL), or what the host has registered.";
    "minimum_tls_version" OptionKind::Choice(&["1.2", "1.3"]), "1.2", "The oldest version of TLS.";
    "ciphers" OptionKind::Text, "",
        "IANA's names of the cipher suites with : between them, the best first: the server's order counts. Empty: all, and the client's order counts.";
    "client_auth" OptionKind::Choice(&["none", "optional", "required"]), "none",
        "Whether clients show certificates of their own. They are checked in each handshake, resumed or not; an open connection goes on when its certificate expires.";
    "client_ca" OptionKind::Text, "",
        "A PEM file with the authorities that clients' certificates may be from.";
    "client_crl" OptionKind::Text, "",
        "A PEM file with lists of revoked client certificates. A list that is out of date, or missing for an authority, is warned of in the error log, and lets its clients in.";
    "session_tickets" OptionKind::Flag, "1", "TLS sessions may be resumed; with client_auth, for six hours after a full handshake.";
    "max_request_header_size" BYTES, "65536", "Bytes of a request head; 0: no limit.";
    "max_request_header_fields" OptionKind::Number(1, 128), "128", "Fields of a request head.";
    "max_request_line_size" BYTES, "8192", "Bytes of a request line; 0: no limit of its own.";
    "max_request_field_size" BYTES, "8190",
        "Bytes of one field of a request head, with its CRLF; 0: no limit of its own.";
    "max_request_field_name_size" BYTES, "256",
        "Bytes of the name of a field of a request head; 0: no limit of its own.";
    "max_request_body_size" BYTES, "0", "Bytes of a request body; 0: no limit.";
    "nodelay" OptionKind::Flag, "1", "Sets TCP_NODELAY.";
    "tcp_keepalive" OptionKind::Seconds(0.0, 32_767.0), "60",
        "After how long a silence the system asks whether the client is still there, and then again after \
         as long, or 10 seconds if that is less; 0: never.";
    "tcp_user_timeout" OptionKind::Seconds(0.0, DAY), "60",
        "After how long without a sign of life, while something is to be sent or asked, the system ends \
         the connection; at least write_timeout, and not where that is 0. 0: the system's own time.";
    "version" OptionKind::Text, "", "The version in SERVER_SOFTWARE; empty: the library's.";
    "software" OptionKind::Text, "", "SERVER_SOFTWARE; empty: the version and the word Server.";
    "server_header" OptionKind::Text, "libwsgiserver/VERSION",
        "The Server header of responses; empty: left out.";
    "wsgi_version" OptionKind::Choice(&["1.0", "u.0"]), "1.0", "The version of the environ.";
    "underscore_headers" OptionKind::Flag, "0",
        "Keeps request headers with _ in their names, which collide with - in the environ.";
    "proxy_mode" OptionKind::Flag, "0",
        "Passes CONNECT and targets of any scheme on to the application.";
    "preread" OptionKind::Number(0, 16_777_216), "65536",
        "Bytes of a request body that are read before the application is called.";
    "deliver_at_head" OptionKind::Flag, "0",
        "Calls the application when the head is there: it refuses the body, or waits for it.";
    "max_buffered" OptionKind::Number(65_536, i64::MAX), "268435456",
        "Bytes of requests, and as many of answers, that all connections together may hold while nobody \
         works on them. Requests past it are not read on; for answers past it the clients that have \
         been slow longest are cut.";
    "serve_abandoned" OptionKind::Flag, "0",
        "Calls the application also for requests whose clients have ended their side while they waited \
         a quarter of a second or more for a thread.";
    "pollers" OptionKind::Number(0, 64), "0",
        "Threads that wait for events at a time; 0: one for each core, at most 4.";
    "eager_after" OptionKind::Seconds(0.0, DAY), "0.0001",
        "Calls that take longer on average are handed over before they are made; 0: never.";
    "takeover_after" OptionKind::Seconds(0.0, 10.0), "0.002",
        "Between two looks of the watchdog; 0: no watchdog.";
    "slow_request_after" OptionKind::Seconds(0.0, DAY), "30",
        "A request that holds a thread longer is reported in the error log; 0: none is.";
    "idle_thread_timeout" OptionKind::Seconds(0.0, DAY), "30",
        "How long a thread that came because of the load stays without work; 0: for ever.";
    "statistics" OptionKind::Flag, "0", "Counts requests, bytes and times for stats.";
    "status_path" OptionKind::Text, "",
        "The path, percent-decoded, of a page with the statistics, like /status: for whoever reaches \
         the server. Empty: none.";
    "thread_stack_size" OptionKind::Number(0, 1_073_741_824), "0",
        "Bytes of stack of a worker thread; 0: the default.";
    "log_level" OptionKind::Choice(&["debug", "info", "warning", "error"]), "info",
        "What matters less is not told to the error_log handler.";
    "access_log" OptionKind::Text, "",
        "Where a line for each request goes: a file's path, or fd:N; empty: nowhere.";
    "access_log_format" OptionKind::Choice(&["common", "combined", "json"]), "combined",
        "How that line is written.";
    "log_events" OptionKind::Flag, "0",
        "For a pull server: messages of the error log are events too.";
}

/// All options, in the order of the documentation.
pub fn option_specs() -> &'static [OptionSpec] {
    TABLE
}

/// The values that were set; the others have their defaults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    set: Vec<(&'static str, String)>,
}

impl Options {
    /// Sets an option. The error names it and what it takes.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let spec = spec(name)?;
        // An abstract address by its first byte, as the system has it, is one by @.
        let abstract_name = value.strip_prefix('\0').filter(|_| name == "bind_addr");
        let abstract_name = abstract_name.map(|name| format!("@{name}"));
        let value = abstract_name.as_deref().unwrap_or(value);
        let unset = value.is_empty() && spec.default.is_empty();
        if !unset && !spec.kind.check(value) {
            return Err(Error::new(
                ErrorKind::Option,
                format!("option {}: {value:?} is not {}", spec.name, spec.kind.accepts()),
            ));
        }
        let name = canonical(spec.name);
        self.set.retain(|(other, _)| *other != name);
        self.set.push((name, value.to_owned()));
        Ok(())
    }

    /// The value of an option as it would be written.
    pub(crate) fn get(&self, name: &str) -> Result<String, Error> {
        let spec = spec(name)?;
        let value = self.value(spec);
        let hidden = matches!(spec.kind, OptionKind::Secret) && !value.is_empty();
        Ok(if hidden { HIDDEN.into() } else { value })
    }

    /// The value of an option, though it be one that is not told.
    pub(crate) fn secret(&self, name: &str) -> String {
        spec(name).map(|spec| self.value(spec)).unwrap_or_default()
    }

    /// Whether an option was set to something else than its default.
    pub(crate) fn differs(&self, name: &str) -> bool {
        spec(name).is_ok_and(|spec| self.value(spec) != spec.default_value())
    }

    fn value(&self, spec: &OptionSpec) -> String {
        let name = canonical(spec.name);
        let set = self.set.iter().find(|(other, _)| *other == name);
        set.map_or_else(|| spec.default_value(), |(_, value)| value.clone())
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        flag(&self.text(name)).unwrap_or_default()
    }

    pub(crate) fn networks(&self, name: &str) -> Networks {
        Networks::parse(&self.text(name)).unwrap_or_default()
    }

    /// The permissions of a file; `None` if none were set.
    pub(crate) fn mode(&self, name: &str) -> Option<u32> {
        mode(&self.text(name))
    }

    /// Milliseconds; an empty value follows `timeout`. What is not 0 is at least 1.
    pub(crate) fn milliseconds(&self, name: &str) -> u64 {
        let nanoseconds = self.nanoseconds(name);
        nanoseconds.div_ceil(1_000_000)
    }

    pub(crate) fn nanoseconds(&self, name: &str) -> u64 {
        let mut value = self.text(name);
        if value.is_empty() {
            value = self.text("timeout");
        }
        (value.parse::<f64>().unwrap_or_default() * 1e9) as u64
    }
}

fn spec(name: &str) -> Result<&'static OptionSpec, Error> {
    TABLE.iter().find(|spec| spec.name == name).ok_or_else(|| {
        let known: Vec<_> = TABLE.iter().map(|spec| spec.name).collect();
        Error::new(
            ErrorKind::Option,
            format!("there is no option {name:?}; the options are {}", known.join(" ")),
        )
    })
}

fn canonical(name: &'static str) -> &'static str {
    match name {
        "minthreads" => "numthreads",
        "maxthreads" => "max",
        name => name,
    }
}

fn mode(value: &str) -> Option<u32> {
    let is_octal = value.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    u32::from_str_radix(value, 8).ok().filter(|mode| is_octal && *mode <= 0o777)
}

fn flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_the_option_takes() {
        for spec in option_specs() {
            let value = spec.default_value();
            assert!(value.is_empty() || spec.kind.check(&value), "{}", spec.name);
            assert_eq!(Options::default().get(spec.name).unwrap(), value);
        }
    }

    #[test]
    fn an_error_names_the_option_and_what_it_takes() {
        let mut options = Options::default();
        let error = options.set("numthreads", "many").unwrap_err().to_string();
        assert!(error.contains("numthreads") && error.contains("0 to 10000"), "{error}");
        let error = options.set("threads", "1").unwrap_err().to_string();
        assert!(error.contains("\"threads\"") && error.contains("numthreads"), "{error}");
    }

    #[test]
    fn the_finer_time_outs_follow_the_general_one() {
        let mut options = Options::default();
        assert_eq!(options.milliseconds("header_timeout"), 10_000);
        options.set("timeout", "120").unwrap();
        options.set("body_timeout", "0.5").unwrap();
        assert_eq!(options.milliseconds("keep_alive_timeout"), 120_000);
        assert_eq!(options.milliseconds("body_timeout"), 500);
    }

    #[test]
    fn two_names_of_one_option_are_one_option() {
        let mut options = Options::default();
        options.set("minthreads", "3").unwrap();
        assert_eq!(options.number("numthreads"), 3);
    }
}
