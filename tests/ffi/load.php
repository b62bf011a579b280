<?php
// usage: load.php HEADER LIBRARY; the header is loaded as it is, and the library answers.
$wsgi = FFI::cdef(file_get_contents($argv[1]), $argv[2]);
$status = $wsgi->wsgi_server_start(null, null);
if ($status !== $wsgi->WSGI_E_NULL) exit("wsgi_server_start(NULL) gave $status\n");
if (FFI::sizeof($wsgi->new('wsgi_event')) < 24) exit("wsgi_event is too small\n");
echo 'PHP ', PHP_VERSION, ' loads wsgiserver ', $wsgi->wsgi_version(), "\n";
