// Command server serves pb.Outliers, FibonacciService and grpc.testing.TestService with
// connect-go, to gRPC clients and to whoever else speaks one of Connect's protocols. docs/peer-protocol.md says how the
// harness talks with it, docs/contract.md what it answers.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"connectrpc.com/connect"
)

const (
	// maxStreams is beyond the calls that a client of the harness makes at once, which
	// net/http's own limit of 250 is not.
	maxStreams = 1000
	// stopLimit is how long calls in flight may take to end once the server stops.
	stopLimit = 2 * time.Second
	// usageError is the exit code of a bad command line.
	usageError = 2
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9999", "address to listen on, `HOST:PORT`; port 0 takes a free one")
	certificate := flag.String("tls-cert", "", "serve TLS with the certificate chain of this `FILE` (PEM); needs -tls-key")
	key := flag.String("tls-key", "", "the certificate's private key, a `FILE` (PEM)")
	clientCA := flag.String("tls-client-ca", "", "ask every client for a certificate that the CA of this `FILE` (PEM) has signed")
	flag.Parse()

	if flag.NArg() > 0 {
		fail(usageError, fmt.Errorf("%q is no option; see server -help", flag.Arg(0)))
	}
	security, err := tlsConfig(*certificate, *key, *clientCA)
	if err != nil {
		fail(usageError, err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fail(usageError, err)
	}
	if err := serve(listener, security); err != nil {
		fail(1, err)
	}
}

func fail(code int, err error) {
	fmt.Fprintf(os.Stderr, "server: %v\n", err)
	os.Exit(code)
}

// tlsConfig returns nil for plaintext.
func tlsConfig(certificate, key, clientCA string) (*tls.Config, error) {
	if (certificate == "") != (key == "") {
		return nil, errors.New("-tls-cert and -tls-key go together")
	}
	if certificate == "" {
		if clientCA != "" {
			return nil, errors.New("-tls-client-ca needs -tls-cert and -tls-key")
		}
		return nil, nil
	}
	identity, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the certificate or its key: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{identity}}
	if clientCA == "" {
		return config, nil
	}
	authorities, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, err
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("no certificate in %s", clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// serve announces the listener, and serves there until SIGTERM or the end of stdin.
func serve(listener net.Listener, security *tls.Config) error {
	// HTTP/1.1 as well, as Connect's documentation has it for its own protocol.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:   newHandler(),
		Protocols: protocols,
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		TLSConfig: security,
	}
	// Before anybody can know whom to tell.
	stop := told()
	if err := announce(listener.Addr()); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		if security != nil {
			ended <- server.ServeTLS(listener, "", "")
		} else {
			ended <- server.Serve(listener)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-stop:
	}

	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		// Whoever has not come to an end by now is cut off.
		server.Close()
	}
	return nil
}

func announce(address net.Addr) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"ready": map[string]string{
			"address":        address.String(),
			"implementation": "connect-go",
			"version":        connect.Version,
		},
	})
}

// told returns a channel that is closed when the server is to stop.
func told() <-chan struct{} {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		// Whoever started the server holds the other end, and is gone if it ends.
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return ctx.Done()
}
