package connection

import (
	"crypto/tls"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"crosswire/go/internal/certificates"
)

// TLS says whom to trust, and who the client is. The files are PEM.
type TLS struct {
	// CA is the path of the certificates that are trusted as roots; no other is.
	CA string
	// ServerName is the name that the server's certificate must have, and that is
	// sent as SNI and :authority. Empty, it is the address's host.
	ServerName string
	// Certificate and Key are the paths of the client's own certificate chain and
	// its private key, for mutual TLS. Both are empty, or none.
	Certificate, Key string
}

// NewTLS returns a connection as NewWith does, but over TLS. An error says which
// file cannot be used. A handshake that fails is an error of the calls, UNAVAILABLE.
func NewTLS(address string, security TLS, options Options, dialOptions ...grpc.DialOption) (*grpc.ClientConn, error) {
	config, err := security.config()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if security.ServerName != "" {
		// grpc-go sends the authority's host as SNI, and verifies it.
		dialOptions = append(dialOptions, grpc.WithAuthority(security.ServerName))
	}
	return connect(address, credentials.NewTLS(config), options, dialOptions)
}

func (t TLS) config() (*tls.Config, error) {
	if t.CA == "" {
		return nil, errors.New("no ca; give the path of a PEM file")
	}
	authorities, err := certificates.Authorities(t.CA)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: authorities}
	if t.Certificate == "" && t.Key == "" {
		return config, nil
	}
	if t.Certificate == "" || t.Key == "" {
		return nil, errors.New("certificate and key go together; give both, or none")
	}
	identity, err := certificates.Identity(t.Certificate, t.Key)
	if err != nil {
		return nil, err
	}
	// Of config.Certificates, crypto/tls would send none that the server does not
	// ask for by its issuer; whether the certificate will do is the server's to say.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &identity, nil
	}
	return config, nil
}
