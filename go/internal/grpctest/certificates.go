package grpctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority issues certificates for one test.
type Authority struct {
	// Path is the PEM file of its own certificate.
	Path        string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// A Certificate is the paths of two PEM files.
type Certificate struct {
	Chain, Key string
}

// NewAuthority makes an authority that nobody trusts yet.
func NewAuthority(t *testing.T) *Authority {
	t.Helper()
	authority := &Authority{key: newKey(t)}
	authority.certificate = &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "authority " + rand.Text()},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	authority.Path = authority.sign(t, authority.certificate, authority.key)
	return authority
}

// Issue makes a certificate for a host, a name or an IP address, which is good for
// a server and for a client.
func (a *Authority) Issue(t *testing.T, host string) Certificate {
	t.Helper()
	return a.issue(t, host, time.Now().Add(time.Hour))
}

// IssueExpired makes a certificate that was good until a minute ago.
func (a *Authority) IssueExpired(t *testing.T, host string) Certificate {
	t.Helper()
	return a.issue(t, host, time.Now().Add(-time.Minute))
}

func (a *Authority) issue(t *testing.T, host string, end time.Time) Certificate {
	t.Helper()
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		certificate.IPAddresses = []net.IP{ip}
	} else {
		certificate.DNSNames = []string{host}
	}
	key := newKey(t)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	return Certificate{a.sign(t, certificate, key), writePEM(t, "PRIVATE KEY", encoded)}
}

// sign returns the path of the signed certificate of the key's owner.
func (a *Authority) sign(t *testing.T, certificate *x509.Certificate, owner *ecdsa.PrivateKey) string {
	t.Helper()
	signed, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, owner.Public(), a.key)
	if err != nil {
		t.Fatalf("sign a certificate: %v", err)
	}
	return writePEM(t, "CERTIFICATE", signed)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func writePEM(t *testing.T, blockType string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: content})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatalf("write a PEM file: %v", err)
	}
	return path
}
