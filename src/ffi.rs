//! The C interface: plain functions over the Rust one, one file for each group of the header.
//!
//! Each function checks what it was given, calls the Rust interface inside `guard`, which turns
//! errors into statuses and stops panics, and writes its outputs on success only.
#![allow(non_camel_case_types)]

mod addresses;
mod application;
mod beside;
mod body;
mod data;
mod dispatcher;
mod error;
mod flat;
mod guard;
mod handlers;
mod helpers;
mod keys;
#[cfg(test)]
mod layout;
mod library;
mod life;
mod limits;
mod listening;
mod log;
mod owned;
mod pull;
mod request;
mod response;
mod server;
mod ssl;
mod ssl_table;
mod statistics;
mod stream;
mod threadpool;
mod types;
mod view;
mod writing;
