//! TLS: each behaviour with each adapter that was compiled in. The client is rustls, or the openssl
//! command where that can do what rustls refuses to do.

#[path = "tls/application.rs"]
mod application;
#[path = "tls/bodies.rs"]
mod bodies;
#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/client.rs"]
mod client;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/configuration.rs"]
mod configuration;
#[path = "tls/environ.rs"]
mod environ;
#[path = "tls/expiry.rs"]
mod expiry;
#[path = "tls/handshakes.rs"]
mod handshakes;
#[path = "tls/names.rs"]
mod names;
#[path = "tls/proxied.rs"]
mod proxied;
#[path = "tls/reload.rs"]
mod reload;
#[path = "tls/resumption.rs"]
mod resumption;
mod support;
#[path = "tls/wire.rs"]
mod wire;

/// A test of each behaviour, in a module for each adapter.
macro_rules! behaviours {
    ($($module:ident: $($name:ident)*;)*) => {
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        mod builtin {
            $($(#[test] fn $name() { super::$module::$name("builtin") })*)*
        }
        #[cfg(feature = "openssl")]
        mod pyopenssl {
            $($(#[test] fn $name() { super::$module::$name("pyopenssl") })*)*
        }
        /// Without an adapter nobody calls them.
        const _: &[fn(&str)] = &[$($($module::$name),*),*];
    };
}

behaviours! {
    handshakes:
        both_versions_are_spoken
        below_the_minimum_version_nothing_is_spoken
        the_chosen_ciphers_are_spoken_and_no_others
        the_order_of_the_chosen_ciphers_counts
        http_1_1_is_agreed_upon
        http_1_0_is_agreed_upon_if_it_is_all_that_is_offered
        a_client_that_wants_another_protocol_is_refused
        stalled_handshakes_slow_nobody
        garbage_slows_nobody
        one_connection_too_many_is_told_after_its_handshake
        failed_handshakes_write_a_limited_number_of_messages
        a_slow_handshake_comes_to_its_end
        a_handshake_that_takes_too_long_is_ended;
    proxied:
        a_proxy_header_goes_before
        where_a_proxy_header_is_required_tls_alone_is_not_enough;
    names:
        the_chain_is_sent
        each_name_gets_its_certificate
        a_certificate_may_be_added_under_a_name;
    resumption:
        sessions_are_resumed
        without_tickets_none_is_resumed
        a_session_is_resumed_after_a_reload
        a_new_authority_ends_resumption
        early_data_is_not_taken;
    clients:
        good_ones_are_let_in
        bad_ones_are_not
        a_list_without_them_lets_all_in
        optional_ones_need_none
        the_name_of_one_is_in_the_environ
        the_log_says_why_one_was_refused
        revocation_lists_that_are_outdated_or_missing_are_warned_of;
    expiry:
        an_expired_client_certificate_ends_resumption;
    environ:
        the_variables_of_a_connection
        the_variables_of_the_servers_certificate
        the_name_that_was_asked_for;
    wire:
        plain_http_is_told
        garbage_is_closed
        what_is_cut_short_is_closed
        alerts_are_taken
        renegotiation_is_refused
        pipelined_requests_in_one_record
        a_goodbye_comes_at_the_end
        a_record_may_come_in_single_bytes;
    bodies:
        large_ones_go_both_ways
        a_slow_reader_holds_no_thread
        a_hijacked_connection_is_encrypted;
    configuration:
        keys_come_in_many_forms
        encrypted_keys_need_their_password
        a_password_comes_from_a_file
        an_unsupported_encryption_of_a_key_is_named
        a_server_certificate_of_version_1
        a_wrong_file_is_named
        wrong_settings_are_named;
    reload:
        connections_to_come_get_the_new_certificate
        a_bad_pair_leaves_the_old_one
        no_request_fails_under_load;
}

#[test]
fn what_was_not_compiled_in_is_named() {
    for (adapter, feature, compiled) in [
        ("builtin", "aws-lc-rs or ring", cfg!(any(feature = "aws-lc-rs", feature = "ring"))),
        ("pyopenssl", "openssl", cfg!(feature = "openssl")),
    ] {
        match wsgiserver::ssl::get_ssl_adapter_class(&adapter.to_uppercase()) {
            Ok(_) => assert!(compiled, "{adapter}"),
            Err(error) => {
                let text = format!("the SSL adapter {adapter} was not compiled in");
                let error = error.to_string();
                assert!(!compiled && error.contains(&text) && error.contains(feature), "{error}");
            }
        }
    }
}
