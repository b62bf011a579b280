//! The layout of the public structs as Rust has it, against `tests/c/layout.h`, which the C tests
//! compile: a struct that changes its shape on one side is an error of one of the two.

use std::fmt::Write;
use std::mem::{offset_of, size_of};
use std::{env, fs};

use super::handlers::{wsgi_access_record, wsgi_handlers};
use super::ssl_table::wsgi_ssl_table;
use super::statistics::{wsgi_histogram, wsgi_stats, wsgi_worker_stats};
use super::types::*;

/// A struct with its fields; one that is left out is an error of the compiler.
macro_rules! layout {
    ($text:ident, $name:ident { $($field:ident),* }) => {
        let size_of_field = |it: &$name| {
            let $name { $($field),* } = it;
            [$(size_of_val($field)),*]
        };
        // SAFETY: zeroes are numbers, NULL pointers and absent functions.
        let sizes = size_of_field(&unsafe { std::mem::zeroed() });
        let offsets = [$((stringify!($field), offset_of!($name, $field))),*];
        let name = stringify!($name);
        writeln!($text, "STRUCT({name}, {})", size_of::<$name>()).unwrap();
        for ((field, offset), size) in offsets.into_iter().zip(sizes) {
            let field = field.trim_start_matches("r#");
            writeln!($text, "FIELD({name}, {field}, {offset}, {size})").unwrap();
        }
    };
}

fn layouts() -> String {
    let mut text = String::from(
        "/* The public structs on a machine of 64 bits. Who includes this defines\n \
         * STRUCT(name, size) and FIELD(struct, name, offset, size).\n \
         * Written by `./dev bless` from src/ffi/layout.rs; what was released only grows at its \
         end. */\n",
    );
    layout!(text, wsgi_str { ptr, len });
    layout!(text, wsgi_header { name, value });
    layout!(text, wsgi_pair { key, value, key_id });
    layout!(
        text,
        wsgi_environ {
            struct_size,
            server,
            pairs,
            count,
            server_count,
            connection_count,
            thread_data
        }
    );
    layout!(
        text,
        wsgi_view {
            struct_size,
            method,
            target,
            path,
            query,
            protocol,
            scheme,
            fields,
            count,
            content_length,
            version_minor
        }
    );
    layout!(text, wsgi_responder { struct_size, context, start_response, write });
    layout!(
        text,
        wsgi_option_info {
            struct_size,
            name,
            r#type,
            default_value,
            accepts,
            help,
            minimum,
            maximum,
            while_running
        }
    );
    layout!(
        text,
        wsgi_handlers {
            struct_size,
            thread_start,
            thread_stop,
            app,
            gateway,
            error_log,
            request_done,
            access_log
        }
    );
    layout!(
        text,
        wsgi_access_record {
            struct_size,
            request,
            remote_addr,
            method,
            target,
            protocol,
            user_agent,
            referer,
            sent,
            received,
            arrived_ns,
            duration_ns,
            remote_port,
            status,
            keep_alive,
            ended
        }
    );
    layout!(text, wsgi_event { struct_size, kind, code, request, text, level });
    layout!(
        text,
        wsgi_ssl_table {
            struct_size,
            bind,
            wrap,
            feed,
            take,
            is_handshaking,
            read,
            write,
            close,
            environ,
            free,
            reload
        }
    );
    layout!(
        text,
        wsgi_stats {
            struct_size,
            enabled,
            accepts,
            socket_errors,
            requests,
            bytes_read,
            bytes_written,
            run_time,
            work_time,
            accepts_per_second,
            read_throughput,
            write_throughput,
            queue,
            threads,
            threads_idle,
            connections,
            requests_in_work,
            access_log_dropped
        }
    );
    layout!(text, wsgi_histogram { struct_size, count, sum, p50, p90, p99, p999, buckets });
    layout!(
        text,
        wsgi_worker_stats {
            struct_size,
            number,
            requests,
            bytes_read,
            bytes_written,
            work_time,
            read_throughput,
            write_throughput,
            thread,
            busy,
            waits_for_client,
            method,
            target,
            remote
        }
    );
    text
}

#[test]
#[cfg(target_pointer_width = "64")]
fn the_layouts_are_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/layout.h");
    if env::var_os("WSGISERVER_BLESS").is_some() {
        fs::write(path, layouts()).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap_or_default() == layouts(),
        "tests/c/layout.h is not what src/ffi says; run ./dev bless"
    );
}
