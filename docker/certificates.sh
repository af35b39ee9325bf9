# Makes an authority, a certificate for the collector and one for agents, in the directory that is given, unless they are there.
#
#   make-certificates DIRECTORY COLLECTOR_NAME COLLECTOR_UID
set -eu
directory=$1 name=$2 uid=$3

if [ -e "$directory/complete" ]; then
  echo "certificates are there"
  exit 0
fi

key() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# sign FILE SUBJECT USAGE [NAMES]
sign() {
  openssl req -new -key "$1-key.pem" -subj "/O=tcptracker demo/CN=$2" -out "$1.csr"
  {
    echo "basicConstraints=CA:FALSE"
    echo "extendedKeyUsage=$3"
    [ -z "${4-}" ] || echo "subjectAltName=$4"
  } > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 825 -extfile "$1.ext" -out "$1.pem"
  rm "$1.csr" "$1.ext"
}

umask 077
cd "$directory"
key ca-key.pem
openssl req -x509 -new -key ca-key.pem -subj "/O=tcptracker demo/CN=tcptracker demo CA" -days 825 -out ca.pem
key collector-key.pem
sign collector "$name" serverAuth "DNS:$name,DNS:localhost,IP:127.0.0.1"
key agent-key.pem
sign agent agent clientAuth
# Nothing more is to be signed by this authority.
rm ca-key.pem ca.srl
chmod 755 .
chmod 444 ca.pem collector.pem agent.pem
chown "$uid" collector-key.pem
touch complete
echo "made certificates for $name and for agents"
