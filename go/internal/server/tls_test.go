package server

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/connection"
	"crosswire/go/internal/grpctest"
	"crosswire/go/pb"
)

// detect connects anew, and makes a call that has no deadline.
func detect(t *testing.T, address string, security *connection.TLS) codes.Code {
	t.Helper()
	conn, err := connection.New(address)
	if security != nil {
		conn, err = connection.NewTLS(address, *security, connection.Options{})
	}
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close()
	_, err = pb.NewOutliersClient(conn).Detect(context.Background(), &pb.OutliersRequest{})
	return status.Code(err)
}

func TestEveryAddressServesTLS(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	certificate, client := authority.Issue(t, "127.0.0.1"), authority.Issue(t, "client")
	anonymous := &connection.TLS{CA: authority.Path}
	known := &connection.TLS{CA: authority.Path, Certificate: client.Chain, Key: client.Key}
	cases := []struct {
		name    string
		options []string
		// anonymous is what comes of a call without a client's certificate.
		anonymous codes.Code
	}{
		{"one certificate", []string{"--tls-cert", certificate.Chain, "--tls-key", certificate.Key}, codes.OK},
		{"both certificates", []string{"--tls-cert=absent.pem", "--tls-cert", certificate.Chain, "--tls-key", certificate.Key,
			"--tls-client-ca", authority.Path}, codes.Unavailable},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			stdin, holder := pipe(t)
			server := start(t, context.Background(), stdin, test.options...)
			for _, address := range server.addresses {
				if got := detect(t, address, known); got != codes.OK {
					t.Errorf("%s, a client with a certificate: %v, want OK", address, got)
				}
				if got := detect(t, address, anonymous); got != test.anonymous {
					t.Errorf("%s, a client without a certificate: %v, want %v", address, got, test.anonymous)
				}
				if got := detect(t, address, nil); got != codes.Unavailable {
					t.Errorf("%s, a client without TLS: %v, want %v", address, got, codes.Unavailable)
				}
			}
			holder.Close()
			server.checkStopped(t)
		})
	}
}

func TestRunRefusesTLSThatCannotBeServed(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	certificate := authority.Issue(t, "127.0.0.1")
	absent := filepath.Join(t.TempDir(), "absent.pem")
	cases := []struct {
		name      string
		arguments []string
		want      string
	}{
		{"a certificate alone", []string{"--tls-cert", absent}, "--tls-cert and --tls-key go together"},
		{"a key alone", []string{"--tls-key", absent}, "--tls-cert and --tls-key go together"},
		{"a certificate alone, for both sides", []string{"--tls-cert", absent, "--tls-client-ca", absent},
			"--tls-cert and --tls-key go together"},
		{"only the clients' authority", []string{"--tls-client-ca", absent},
			"--tls-client-ca needs --tls-cert and --tls-key"},
		{"a bad address, too", []string{"--tls-cert", absent, "--listen", "abc"},
			`--listen "abc": not an address; give HOST:PORT, such as 127.0.0.1:9999`},
		{"a certificate that is not there", []string{"--tls-cert", absent, "--tls-key", certificate.Key},
			`cannot serve TLS: cannot read "` + absent + `": no such file or directory; name another file with --tls-cert or --tls-key`},
		{"a key for a certificate", []string{"--tls-cert", certificate.Key, "--tls-key", certificate.Key},
			`cannot serve TLS: no certificate in "` + certificate.Key + `"; name another file with --tls-cert or --tls-key`},
		{"a certificate for a key", []string{"--tls-cert", certificate.Chain, "--tls-key", certificate.Chain},
			`cannot serve TLS: no private key in "` + certificate.Chain + `"; name another file with --tls-cert or --tls-key`},
		{"a folder for the clients' authority", []string{"--tls-cert", certificate.Chain, "--tls-key", certificate.Key,
			"--tls-client-ca", "/"}, `cannot serve TLS: cannot read "/": is a directory; name another file with --tls-client-ca`},
		{"no authority", []string{"--tls-cert", certificate.Chain, "--tls-key", certificate.Key,
			"--tls-client-ca", certificate.Key},
			`cannot serve TLS: no certificate in "` + certificate.Key + `"; name another file with --tls-client-ca`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			stdin, _ := pipe(t)
			var stdout, stderr strings.Builder
			code := Run(context.Background(), test.arguments, stdin, &stdout, &stderr)
			if want := "server: " + test.want + "\n"; code != 2 || stderr.String() != want || stdout.Len() > 0 {
				t.Errorf("Run(%q) = %d, stdout %q, stderr %q, want 2, nothing, %q",
					test.arguments, code, stdout.String(), stderr.String(), want)
			}
		})
	}
}
