//! The C interface: plain functions over the Rust one, one file for each group of the header.
//!
//! Each function checks what it was given, calls the Rust interface inside `guard`, which turns
//! errors into statuses and stops panics, and writes its outputs on success only.
#![allow(non_camel_case_types)]

mod application;
mod beside;
mod body;
mod dispatcher;
mod error;
mod flat;
mod guard;
mod handlers;
#[cfg(test)]
mod layout;
mod library;
mod listening;
mod log;
mod pull;
mod request;
mod response;
mod server;
mod statistics;
mod stream;
mod threadpool;
mod types;
mod writing;
