#!/usr/bin/env bash
# certificates.sh FOLDER: makes there what the TLS tests need, with the openssl command. NAME.pem is
# a certificate, NAME.key its key. Names of the tests' domains end in .test.
# certificates.sh FOLDER FUNCTION ARGUMENT...: calls only that function of this script there.
set -euo pipefail
cd "$1"

cat >ca.cnf <<'END'
[ca]
default_ca = authority
[authority]
database = $ENV::ISSUER.index
new_certs_dir = .
rand_serial = yes
default_md = sha256
default_crl_days = 30
crlnumber = $ENV::ISSUER.crlnumber
crl_extensions = list
unique_subject = no
preserve = yes
policy = anything
[anything]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
[list]
authorityKeyIdentifier = keyid
END

key() { # NAME
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}

authority() { # NAME
    key "$1"
    openssl req -x509 -new -key "$1.key" -days 30 -subj "/O=Tests/CN=$1" -out "$1.pem" \
        -addext keyUsage=critical,keyCertSign,cRLSign
    : >"$1.index"
}

# The key is made unless it is there.
signed() { # NAME ISSUER SUBJECT EXTENSIONS [START END]
    [[ -e $1.key ]] || key "$1"
    openssl req -new -key "$1.key" -subj "$3" -out "$1.csr"
    printf '%b\n' "$4" >"$1.ext"
    ISSUER=$2 openssl ca -batch -notext -config ca.cnf -cert "$2.pem" -keyfile "$2.key" \
        -in "$1.csr" -extfile "$1.ext" -out "$1.pem" \
        -startdate "${5:-20200101000000Z}" -enddate "${6:-20991231235959Z}"
}

server() { # NAME ISSUER NAMES
    signed "$1" "$2" "/O=Tests/CN=$1" "subjectAltName=$3"
}

client() { # NAME ISSUER [START END]
    local subject="/C=SE/O=Example, Inc/OU=one/OU=two/CN=$1/emailAddress=$1@example.test"
    signed "$1" "$2" "$subject" \
        "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:$1.test,email:$1@example.test" "${@:3}"
}

revocations() { # FILE ISSUER [OPTION...]
    [[ -e $2.crlnumber ]] || echo 01 >"$2.crlnumber"
    ISSUER=$2 openssl ca -config ca.cnf -cert "$2.pem" -keyfile "$2.key" -gencrl -out "$1" "${@:3}"
}

# Version 1 of X.509, which has no extensions.
version1() { # NAME ISSUER SUBJECT
    key "$1"
    openssl req -new -key "$1.key" -subj "$3" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial 1 -days 30 -out "$1.pem"
}

make_servers() {
    authority root
    signed between root /O=Tests/CN=between "basicConstraints=critical,CA:TRUE"
    : >between.index
    server server between DNS:server.test,DNS:localhost
    server next between DNS:server.test,DNS:localhost
    server exact root DNS:exact.wild.test
    server wild root 'DNS:*.wild.test'
    version1 version1-server root /CN=server.test
    openssl genrsa -out rsa.key 2048
    server rsa root DNS:server.test,DNS:localhost
    cat server.pem between.pem server.key >all-in-one.pem
}

make_clients() {
    authority client-ca
    authority stranger-ca
    client good client-ca
    client revoked client-ca
    client expired client-ca 20200101000000Z 20200201000000Z
    client stranger stranger-ca
    version1 version1 client-ca /CN=version1
    signed for-servers client-ca /CN=for-servers extendedKeyUsage=serverAuth
    signed critical client-ca /CN=critical 1.3.6.1.4.1.99999.1=critical,ASN1:UTF8String:unknown
    revocations empty.crl client-ca
    ISSUER=client-ca openssl ca -config ca.cnf -cert client-ca.pem -keyfile client-ca.key \
        -revoke revoked.pem
    revocations clients.crl client-ca
    revocations outdated.crl client-ca -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
    revocations stranger.crl stranger-ca
}

# The password is "secret".
make_keys() {
    openssl pkcs8 -topk8 -in server.key -passout pass:secret -v2 aes-256-cbc -out pkcs8-aes.key
    openssl pkcs8 -topk8 -in server.key -passout pass:secret -v2 des3 -out pkcs8-3des.key
    openssl pkcs8 -topk8 -in server.key -passout pass:secret -scrypt -out pkcs8-scrypt.key
    openssl pkcs8 -topk8 -in server.key -passout pass:secret -v1 PBE-SHA1-3DES -out pkcs8-v1.key
    printf 'secret\r\nand more\n' >password.txt
    printf '\nsecret\n' >no-password.txt
    openssl ec -in server.key -out sec1.key
    openssl ec -in server.key -aes256 -passout pass:secret -out sec1-aes256.key
    openssl ec -in server.key -aes128 -passout pass:secret -out sec1-aes128.key
    openssl ec -in server.key -des3 -passout pass:secret -out sec1-3des.key
    openssl rsa -in rsa.key -traditional -out pkcs1.key
    openssl rsa -in rsa.key -traditional -aes192 -passout pass:secret -out pkcs1-aes192.key
    openssl pkcs8 -topk8 -in rsa.key -passout pass:secret -v2 aes-128-cbc -out pkcs8-rsa.key
}

make_garbage() {
    printf 'neither a certificate nor a key\n' >no-pem.pem
    printf -- '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' >no-certificate.pem
    printf -- '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' >no-key.key
    printf -- '-----BEGIN PRIVATE KEY-----\n####\n' >no-end.key
}

# END in seconds since 1970. The first is signed by the authority, the second by an intermediate
# certificate that ends, and has that in its file.
expiring() { # END
    local end
    end=$(date -u -d "@$1" +%Y%m%d%H%M%SZ)
    authority ca
    client soon ca 20200101000000Z "$end"
    signed between ca /O=Tests/CN=between basicConstraints=critical,CA:TRUE 20200101000000Z "$end"
    : >between.index
    client chained between
    cat between.pem >>chained.pem
}

if (($# > 1)); then
    "${@:2}"
    exit
fi
make_servers
make_clients
make_keys
make_garbage
