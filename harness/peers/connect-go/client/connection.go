package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// A route is what calls have in common that share a connection.
type route struct {
	target  string
	secured bool
	tls     security
}

// connection is an HTTP client of one route, and the URL that its methods' paths go after.
type connection struct {
	http *http.Client
	url  string
}

// connectionTo returns the connection of the call's route, which it makes the first time.
func (d *driver) connectionTo(asked *call) (*connection, error) {
	wanted := route{target: asked.Target}
	if asked.TLS != nil {
		wanted.secured, wanted.tls = true, *asked.TLS
	}
	if known, ok := d.routes[wanted]; ok {
		return known, nil
	}
	made, err := newConnection(wanted)
	if err != nil {
		return nil, err
	}
	d.routes[wanted] = made
	return made, nil
}

func (d *driver) close(target string) {
	for route, conn := range d.routes {
		if route.target == target {
			delete(d.routes, route)
			conn.http.CloseIdleConnections()
		}
	}
}

func newConnection(wanted route) (*connection, error) {
	network, address, authority := "tcp", wanted.target, wanted.target
	if path, isUnix := strings.CutPrefix(wanted.target, "unix:"); isUnix {
		network, address, authority = "unix", path, "localhost"
	}
	protocols := new(http.Protocols)
	// The URL is for :authority, and the server's certificate; it is found at the target
	// whatever that says.
	transport := &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	if !wanted.secured {
		protocols.SetUnencryptedHTTP2(true)
		return &connection{&http.Client{Transport: transport}, "http://" + authority + "/"}, nil
	}

	protocols.SetHTTP2(true)
	var err error
	if transport.TLSClientConfig, err = wanted.tls.config(); err != nil {
		return nil, err
	}
	if wanted.tls.ServerName != "" {
		authority = wanted.tls.ServerName
		if _, port, err := net.SplitHostPort(wanted.target); err == nil && network == "tcp" {
			authority = net.JoinHostPort(authority, port)
		}
	}
	return &connection{&http.Client{Transport: transport}, "https://" + authority + "/"}, nil
}

func (s security) config() (*tls.Config, error) {
	authorities, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("no certificate in %s", s.CA)
	}
	if s.Certificate == "" {
		return config, nil
	}
	identity, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return nil, err
	}
	// Of config.Certificates, none would be sent that the server does not ask for by its
	// issuer; whether the certificate will do is the server's to say.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &identity, nil
	}
	return config, nil
}
