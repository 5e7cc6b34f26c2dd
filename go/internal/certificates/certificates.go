// Package certificates reads the PEM files that TLS needs. Its errors name the
// file.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/printable"
)

// Authorities returns the certificates of the file, which are to be trusted as
// roots.
func Authorities(path string) (*x509.CertPool, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", printable.Quote(path))
	}
	return pool, nil
}

// Identity returns the certificate chain of one file, whose first certificate is
// the owner's, with the private key of the other, or of the same.
func Identity(chainPath, keyPath string) (tls.Certificate, error) {
	chain, err := read(chainPath)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := read(keyPath)
	if err != nil {
		return tls.Certificate{}, err
	}
	// Of these two tls.X509KeyPair would not say in which file.
	if !hasBlock(chain, "CERTIFICATE") {
		return tls.Certificate{}, fmt.Errorf("no certificate in %s", printable.Quote(chainPath))
	}
	if !hasBlock(key, "PRIVATE KEY") {
		return tls.Certificate{}, fmt.Errorf("no private key in %s", printable.Quote(keyPath))
	}
	identity, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s with key %s: %w",
			printable.Quote(chainPath), printable.Quote(keyPath), err)
	}
	return identity, nil
}

func read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %s", printable.Quote(path), commandline.Reason(err))
	}
	return text, nil
}

// hasBlock says whether the text has a PEM block of the type, such as
// CERTIFICATE, or of a kind of it, such as EC PRIVATE KEY.
func hasBlock(text []byte, blockType string) bool {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return false
		}
		if block.Type == blockType || strings.HasSuffix(block.Type, " "+blockType) {
			return true
		}
	}
}
