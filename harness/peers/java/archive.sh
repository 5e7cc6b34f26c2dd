#!/usr/bin/env bash
# Has the client make calls to the server, and keeps the classes that both have loaded by then
# in target/server.jsa and target/client.jsa. With the classes that only calls need, the first
# call does not take a deadline's time.
set -euo pipefail

# An archive serves only the class path that it was made with, word by word: it is made in the
# folder that the programs are started in.
cd "$(dirname "$0")/.."

peer() { # NAME ARGUMENT...
    java "-XX:ArchiveClassesAtExit=java/target/$1.jsa" "@java/$1.args" "${@:2}"
}

call() { # ID METHOD SEND
    echo "{\"call\":{\"id\":$1,\"target\":\"$address\",\"method\":\"$2\",\"send\":$3}}"
}

coproc server { peer server --listen 127.0.0.1:0; }
server_process=$server_PID
read -r ready <&"${server[0]}"
address=$(sed -E 's/.*"address":"([^"]+)".*/\1/' <<<"$ready")

# {"response_parameters":[{"size":1,"interval_us":1}]}
duplex='{"message":"EgQIARAB"},{"wait_for_messages":1}'
{
    echo '{"hello":{"protocol":2}}'
    call 1 pb.Outliers/Detect '[{"message":""},{"half_close":true}]'
    call 2 FibonacciService/StreamSequence '[{"message":"CAM="},{"half_close":true}]'
    call 3 grpc.testing.TestService/FullDuplexCall "[$duplex,{\"half_close\":true}]"
    call 4 grpc.testing.TestService/FullDuplexCall "[$duplex,{\"cancel\":true}]"
} | peer client >/dev/null

# Its stdin is what it lives by.
exec {server[1]}>&-
wait "$server_process"
