//! Statistics: what a server has counted, and what it is doing.

use std::ffi::{c_char, c_void};

use super::guard::{Failure, guard, guard_count};
use super::server::{copy_out, here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;
use crate::gateway::Request;
use crate::statistics::{HISTOGRAM_BUCKETS, Histogram};
use crate::status_page::answer;

const _: () = assert!(HISTOGRAM_BUCKETS == 146, "wsgi_histogram has so many");

/// What wsgi_server_stats tells. Counted is only while the option statistics is on, over all runs
/// of the server since wsgi_server_clear_stats; the figures from queue on are those of the moment.
/// While requests are in work the figures of one request may be told at different moments; with
/// nothing in work they are exact. Times are in seconds, rates are per second.
#[repr(C)]
pub struct wsgi_stats {
    /// Set by the caller: the size of this struct.
    pub struct_size: usize,
    /// 1 if the option statistics is on.
    pub enabled: i32,
    /// Connections taken in.
    pub accepts: u64,
    /// Accepts, reads and writes that failed.
    pub socket_errors: u64,
    /// Requests that the application was called with and came back from, and requests that the
    /// server answered by itself.
    pub requests: u64,
    /// Bytes that clients sent, whatever became of them; not those of hijacked connections.
    pub bytes_read: u64,
    /// Bytes that the system took for clients; not those of hijacked connections.
    pub bytes_written: u64,
    /// How long the server has served.
    pub run_time: f64,
    /// Time in the application, of all workers together.
    pub work_time: f64,
    /// Of run time.
    pub accepts_per_second: f64,
    /// Bytes read per second of work time.
    pub read_throughput: f64,
    /// Bytes written per second of work time.
    pub write_throughput: f64,
    /// Complete requests that wait for a worker.
    pub queue: usize,
    /// Worker threads; of a pull server, workers.
    pub threads: usize,
    /// Of these, the ones that wait for something to do.
    pub threads_idle: usize,
    /// Connections that are open.
    pub connections: usize,
    /// Requests that are at the application, detached ones among them.
    pub requests_in_work: usize,
    /// Lines that the access log (the option access_log) has lost; counted in any case.
    pub access_log_dropped: u64,
}

/// What wsgi_server_worker_stats tells of one worker. What is read and written while no worker has
/// the request (a slow head, the rest of a long answer, what a detached request is sent), and the
/// greater part of a long stream, is in the server's sums alone.
#[repr(C)]
pub struct wsgi_worker_stats {
    /// Set by the caller: the size of this struct.
    pub struct_size: usize,
    /// The number in the name of its thread, "WSGI Worker 3". Once it has left, another one may get
    /// it.
    pub number: usize,
    /// The application's calls that ended.
    pub requests: u64,
    /// Bytes of their requests.
    pub bytes_read: u64,
    /// Bytes of their answers.
    pub bytes_written: u64,
    /// Time in the application.
    pub work_time: f64,
    /// Bytes read per second of work time.
    pub read_throughput: f64,
    /// Bytes written per second of work time.
    pub write_throughput: f64,
    /// The number of its thread to the system.
    pub thread: i64,
    /// How long it has been in the application's call that it is in; below 0: in none.
    pub busy: f64,
    /// 1 if that call has waited for its client for more than a second.
    pub waits_for_client: i32,
    /// The request's method and target as they were sent, and the client's address and port, each with a
    /// NUL behind it; what is too long is cut. Empty if they cannot be told: the request is over and its
    /// call goes on, or the call is in another one of the library just now.
    pub method: [c_char; 32],
    /// See method.
    pub target: [c_char; 512],
    /// Empty for a UNIX socket too.
    pub remote: [c_char; 64],
}

/// For wsgi_server_histogram: how long requests were here before the application was called; 0 for
/// those that were called at once. One for each call.
pub const WSGI_QUEUE_WAIT: i32 = 0;
/// For wsgi_server_histogram: how long the application's calls took. One for each call.
pub const WSGI_APPLICATION: i32 = 1;
/// For wsgi_server_histogram: how long complete answers were here before the system had taken their
/// last byte, or the connection ended; 0 for those that it took at once. One for each answer.
pub const WSGI_WRITE: i32 = 2;

/// What wsgi_server_histogram tells. Times are in seconds; the quantiles are as exact as the
/// buckets, which divide each power of ten into 18.
#[repr(C)]
pub struct wsgi_histogram {
    /// Set by the caller: the size of this struct.
    pub struct_size: usize,
    /// How many times it happened.
    pub count: u64,
    /// How long it took, all times together.
    pub sum: f64,
    /// The time that half of them did not exceed.
    pub p50: f64,
    /// The time that nine of ten did not exceed.
    pub p90: f64,
    /// The time that 99 of 100 did not exceed.
    pub p99: f64,
    /// The time that 999 of 1000 did not exceed.
    pub p999: f64,
    /// How many times are in each bucket: longer than the bound of the one before, and not longer
    /// than wsgi_histogram_bound says of this one.
    pub buckets: [u64; 146],
}

/// Tells what the server has counted and what it is doing. stats->struct_size is to be set before.
/// From any thread, before, while and after the server runs. Errors: WSGI_E_NULL, WSGI_E_STATE (the
/// struct is too small).
///
/// # Safety
/// stats is NULL or may be read and written to for the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_stats(
    server: Option<&wsgi_server>,
    stats: *mut wsgi_stats,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: NULL or readable by the caller's word.
        let stats = unsafe { stats.as_mut() }.ok_or(Failure::Null("stats"))?;
        if stats.struct_size < size_of::<wsgi_stats>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let told = server.http().stats();
        *stats = wsgi_stats {
            struct_size: stats.struct_size,
            enabled: told.enabled.into(),
            accepts: told.accepts,
            socket_errors: told.socket_errors,
            requests: told.requests,
            bytes_read: told.bytes_read,
            bytes_written: told.bytes_written,
            run_time: told.run_time.as_secs_f64(),
            work_time: told.work_time.as_secs_f64(),
            accepts_per_second: told.accepts_per_second(),
            read_throughput: told.read_throughput(),
            write_throughput: told.write_throughput(),
            queue: told.queue,
            threads: told.threads,
            threads_idle: told.threads_idle,
            connections: told.connections,
            requests_in_work: told.requests_in_work,
            access_log_dropped: told.access_log_dropped,
        };
        Ok(())
    })
}

/// Tells what the worker with this index has counted and is doing, from 0 on; which worker has which index may
/// change when one leaves. stats->struct_size is to be set before. From any thread. Errors:
/// WSGI_E_NULL, WSGI_E_STATE (the struct is too small), WSGI_GONE (no worker has this index).
///
/// # Safety
/// stats is NULL or may be read and written to for the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_worker_stats(
    server: Option<&wsgi_server>,
    index: usize,
    stats: *mut wsgi_worker_stats,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: NULL or readable by the caller's word.
        let stats = unsafe { stats.as_mut() }.ok_or(Failure::Null("stats"))?;
        if stats.struct_size < size_of::<wsgi_worker_stats>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let told = server.http().worker_stats(index).ok_or(Failure::Status(WSGI_GONE))?;
        let call = told.call.as_ref();
        let remote = call.and_then(|call| call.remote).map(|remote| remote.to_string());
        *stats = wsgi_worker_stats {
            struct_size: stats.struct_size,
            number: told.number,
            requests: told.requests,
            bytes_read: told.bytes_read,
            bytes_written: told.bytes_written,
            work_time: told.work_time.as_secs_f64(),
            read_throughput: told.read_throughput(),
            write_throughput: told.write_throughput(),
            thread: told.thread.into(),
            busy: call.map_or(-1.0, |call| call.duration.as_secs_f64()),
            waits_for_client: call.is_some_and(|call| call.waits_for_client).into(),
            method: text(call.map_or(&[], |call| &call.method)),
            target: text(call.map_or(&[], |call| &call.target)),
            remote: text(remote.unwrap_or_default().as_bytes()),
        };
        Ok(())
    })
}

/// Tells how long something took: which is WSGI_QUEUE_WAIT, WSGI_APPLICATION or WSGI_WRITE. Counted as
/// for wsgi_server_stats. histogram->struct_size is to be set before. From any thread. Errors:
/// WSGI_E_NULL, WSGI_E_STATE (the struct is too small), WSGI_GONE (there is no such histogram).
///
/// # Safety
/// histogram is NULL or may be read and written to for the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_histogram(
    server: Option<&wsgi_server>,
    which: i32,
    histogram: *mut wsgi_histogram,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: NULL or readable by the caller's word.
        let histogram = unsafe { histogram.as_mut() }.ok_or(Failure::Null("histogram"))?;
        if histogram.struct_size < size_of::<wsgi_histogram>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let stats = server.http().stats();
        let told = match which {
            WSGI_QUEUE_WAIT => stats.queue_wait,
            WSGI_APPLICATION => stats.application,
            WSGI_WRITE => stats.write,
            _ => return Err(Failure::Status(WSGI_GONE)),
        };
        let quantile = |part| told.quantile(part).as_secs_f64();
        let mut buckets = [0; 146];
        buckets.iter_mut().zip(told.buckets()).for_each(|(place, (_, count))| *place = count);
        *histogram = wsgi_histogram {
            struct_size: histogram.struct_size,
            count: told.count(),
            sum: told.sum().as_secs_f64(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            buckets,
        };
        Ok(())
    })
}

/// The bound of a histogram's bucket in seconds; infinity for the last one, and beyond it. Any
/// thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_histogram_bound(bucket: usize) -> f64 {
    let bound = Histogram::bound(bucket);
    bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64())
}

/// A status page as an application: a wsgi_app_fn, to be given to wsgi_server_new or a dispatcher.
/// user_data is the wsgi_server that it tells of, which has to outlive the one that it is mounted on;
/// NULL: the one that the request came to. It answers with one HTML page that keeps itself up to date,
/// or as the query says: format=json, format=prometheus, format=text. Of requests it shows
/// numbers, and method and path of those in work; it is not for everybody: mount it behind a check, or on a server of its own, which
/// also answers when all threads of the other one are stuck. The option status_path does the same
/// without an application. It returns WSGI_DONE or a negative status. Any thread that has the
/// request. Errors: WSGI_E_NULL, and those of wsgi_respond.
///
/// # Safety
/// server is NULL or a server, environ and responder are what an application is called with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_status_page(
    server: *mut c_void,
    request: wsgi_request,
    environ: *const wsgi_environ,
    _responder: *const wsgi_responder,
) -> i32 {
    guard_count(|| {
        // SAFETY: NULL or good for the call by the caller's word.
        let environ = unsafe { environ.as_ref() }.ok_or(Failure::Null("environ"))?;
        // SAFETY: NULL or a server's handle, by the caller's word.
        let (own, other) =
            unsafe { (environ.server.as_ref(), server.cast::<wsgi_server>().as_ref()) };
        let own = here(own)?.http();
        let engine = own.engine().ok_or(Failure::Status(WSGI_GONE))?;
        let stats = other.map_or_else(|| engine.stats(), |other| other.http().stats());
        answer(&Request::new(&engine, RequestId(request)), &stats)?;
        Ok(WSGI_DONE)
    })
}

/// Counts from zero on, the run time too. From any thread. Errors: WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_clear_stats(server: Option<&wsgi_server>) -> wsgi_status {
    guard(|| {
        here(server)?.http().clear_stats();
        Ok(())
    })
}

/// Writes the statistics as lines of "Name: value" by the seed's names, like "Bytes Read: 1234",
/// the workers' with the names of their threads in front; what is counted is -1 while the option
/// statistics is off. A NUL stands behind the text. The rest as for wsgi_server_get. From any thread.
/// Errors: WSGI_E_NULL, WSGI_E_LENGTH.
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_stats_text(
    server: Option<&wsgi_server>,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let text = here(server)?.http().stats().to_string();
        // SAFETY: the same as ours.
        unsafe { copy_out(&text, buffer, capacity, length) }
    })
}

/// Writes the statistics as a JSON object. Its members have the names of wsgi_stats' fields, and
/// bind_addr. queue_wait, application and write are histograms: count, sum, p50, p90, p99, p999, and
/// buckets, pairs of a bound (null: any time) and how many times lay between the one before and it;
/// only those that are not 0. workers has what wsgi_server_worker_stats tells of each. Times are in
/// seconds. The rest, and the errors, as for
/// wsgi_server_stats_text. From any thread.
///
/// # Safety
/// As for wsgi_server_stats_text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_stats_json(
    server: Option<&wsgi_server>,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let text = here(server)?.http().stats().to_json();
        // SAFETY: the same as ours.
        unsafe { copy_out(&text, buffer, capacity, length) }
    })
}

/// Writes the statistics in the text format of Prometheus, to be sent as text/plain; version=0.0.4.
/// The rest, and the errors, as for
/// wsgi_server_stats_text. From any thread.
///
/// # Safety
/// As for wsgi_server_stats_text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_stats_prometheus(
    server: Option<&wsgi_server>,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let text = here(server)?.http().stats().to_prometheus();
        // SAFETY: the same as ours.
        unsafe { copy_out(&text, buffer, capacity, length) }
    })
}

/// As much of it as there is room for, with a NUL behind it.
fn text<const N: usize>(bytes: &[u8]) -> [c_char; N] {
    let mut text = [0; N];
    for (to, from) in text[..N - 1].iter_mut().zip(bytes) {
        *to = *from as c_char;
    }
    text
}
