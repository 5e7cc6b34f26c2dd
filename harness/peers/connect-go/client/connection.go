package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
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
	protocols := new(http.Protocols)
	if !wanted.secured {
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols}
		return &connection{&http.Client{Transport: transport}, "http://" + wanted.target + "/"}, nil
	}

	config, err := wanted.tls.config()
	if err != nil {
		return nil, err
	}
	protocols.SetHTTP2(true)
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: config}
	host, port, err := net.SplitHostPort(wanted.target)
	if err != nil {
		return nil, err
	}
	if wanted.tls.ServerName != "" {
		host = wanted.tls.ServerName
		// The URL has the server's name, for :authority and its certificate; it is found at
		// the target all the same.
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, wanted.target)
		}
	}
	return &connection{&http.Client{Transport: transport}, "https://" + net.JoinHostPort(host, port) + "/"}, nil
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
