package server

import (
	"crypto/tls"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"crosswire/go/internal/certificates"
	"crosswire/go/internal/commandline"
)

// The options that make the server speak TLS.
const (
	certificateOption = "--tls-cert"
	keyOption         = "--tls-key"
	clientCAOption    = "--tls-client-ca"
)

// security returns the server options for TLS, or none for plaintext, as the
// arguments have it. The errors are UsageErrors.
func security(parsed commandline.Arguments) ([]grpc.ServerOption, error) {
	chainPath, hasChain := parsed.Last(certificateOption)
	keyPath, hasKey := parsed.Last(keyOption)
	authorityPath, hasAuthority := parsed.Last(clientCAOption)
	if hasChain != hasKey {
		return nil, commandline.Usagef("%s and %s go together", certificateOption, keyOption)
	}
	if !hasChain {
		if hasAuthority {
			return nil, commandline.Usagef("%s needs %s and %s", clientCAOption, certificateOption, keyOption)
		}
		return nil, nil
	}
	identity, err := certificates.Identity(chainPath, keyPath)
	if err != nil {
		return nil, unusable(err, certificateOption+" or "+keyOption)
	}
	config := &tls.Config{Certificates: []tls.Certificate{identity}}
	if hasAuthority {
		if config.ClientCAs, err = certificates.Authorities(authorityPath); err != nil {
			return nil, unusable(err, clientCAOption)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// These want TLS 1.2 or later, and h2 by ALPN.
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(config))}, nil
}

func unusable(err error, options string) error {
	return commandline.Usagef("cannot serve TLS: %s; name another file with %s", err, options)
}
