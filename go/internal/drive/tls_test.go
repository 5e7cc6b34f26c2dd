package drive

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"crosswire/go/internal/certificates"
	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
	"crosswire/go/pb"
)

// serving makes a server speak TLS with the certificate.
func serving(t *testing.T, certificate grpctest.Certificate) grpc.ServerOption {
	t.Helper()
	secure, err := credentials.NewServerTLSFromFile(certificate.Chain, certificate.Key)
	if err != nil {
		t.Fatalf("server's certificate: %v", err)
	}
	return grpc.Creds(secure)
}

// servingMutual also wants a certificate of every client, and asks for one that the
// authority has signed.
func servingMutual(
	t *testing.T, certificate grpctest.Certificate, clients *grpctest.Authority, wanted tls.ClientAuthType,
) grpc.ServerOption {
	t.Helper()
	identity, err := certificates.Identity(certificate.Chain, certificate.Key)
	if err != nil {
		t.Fatalf("server's certificate: %v", err)
	}
	trusted, err := certificates.Authorities(clients.Path)
	if err != nil {
		t.Fatalf("authority of the clients: %v", err)
	}
	return grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{identity}, ClientCAs: trusted, ClientAuth: wanted,
	}))
}

// The calls have no deadline: a handshake that fails must end them by itself.
func TestTLS(t *testing.T) {
	authority, stranger := grpctest.NewAuthority(t), grpctest.NewAuthority(t)
	forAddress, forName := authority.Issue(t, "127.0.0.1"), authority.Issue(t, "crosswire.test")
	client, strangeClient := authority.Issue(t, "client"), stranger.Issue(t, "client")
	type options = map[string]any
	trusting := options{"ca": authority.Path}
	cases := []struct {
		name   string
		server grpc.ServerOption
		tls    options
		want   codes.Code
	}{
		{"the target's host", serving(t, forAddress), trusting, codes.OK},
		{"another name", serving(t, forName), options{"ca": authority.Path, "server_name": "crosswire.test"}, codes.OK},
		{"a certificate where none is wanted", serving(t, forAddress),
			options{"ca": authority.Path, "certificate": client.Chain, "key": client.Key}, codes.OK},
		{"both certificates", servingMutual(t, forAddress, authority, tls.RequireAndVerifyClientCert),
			options{"ca": authority.Path, "certificate": client.Chain, "key": client.Key}, codes.OK},
		// This server only looks whether there is one.
		{"another certificate of the client than is asked for", servingMutual(t, forAddress, authority, tls.RequireAnyClientCert),
			options{"ca": authority.Path, "certificate": strangeClient.Chain, "key": strangeClient.Key}, codes.OK},
		{"a certificate for another host", serving(t, forName), trusting, codes.Unavailable},
		{"a certificate for another name", serving(t, forName),
			options{"ca": authority.Path, "server_name": "another.test"}, codes.Unavailable},
		{"an authority that is not trusted", serving(t, forAddress), options{"ca": stranger.Path}, codes.Unavailable},
		{"an expired certificate", serving(t, authority.IssueExpired(t, "127.0.0.1")), trusting, codes.Unavailable},
		{"no certificate of the client", servingMutual(t, forAddress, authority, tls.RequireAndVerifyClientCert), trusting, codes.Unavailable},
		{"a certificate of the client that is not trusted", servingMutual(t, forAddress, authority, tls.RequireAndVerifyClientCert),
			options{"ca": authority.Path, "certificate": strangeClient.Chain, "key": strangeClient.Key}, codes.Unavailable},
		{"a server without TLS", grpc.EmptyServerOption{}, trusting, codes.Unavailable},
		{"a client without TLS", serving(t, forAddress), nil, codes.Unavailable},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			server := grpctest.Start(t, service.NewServer(test.server))
			asked := map[string]any{
				"target": server.Address, "method": "FibonacciService/GetSequence",
				"send": once(encode(t, &pb.SequenceRequest{Count: 3})),
			}
			if test.tls != nil {
				asked["tls"] = test.tls
			}
			got := driveOne(t, asked)
			wantMessages := []string{}
			if test.want == codes.OK {
				wantMessages = []string{encode(t, &pb.SequenceResponse{Element: []int64{0, 1, 1}})}
			}
			if codes.Code(got.Status.Code) != test.want || !slices.Equal(got.Messages, wantMessages) {
				t.Errorf("result = %+v, want %v and messages %q", got, test.want, wantMessages)
			}
		})
	}
}

func TestServerNameIsSentAsSNIAndAuthority(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	cases := []struct {
		name       string
		host       string
		serverName string
		// wantAuthority is empty for the target.
		wantSNI, wantAuthority string
	}{
		{"given", "crosswire.test", "crosswire.test", "crosswire.test", "crosswire.test"},
		// SNI has no addresses (RFC 6066, 3).
		{"not given", "127.0.0.1", "", "", ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var sni, protocol string
			var authorities []string
			server := grpctest.Start(t, grpc.NewServer(
				serving(t, authority.Issue(t, test.host)),
				grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
					received, _ := metadata.FromIncomingContext(stream.Context())
					authorities = received.Get(":authority")
					from, _ := peer.FromContext(stream.Context())
					if secure, isTLS := from.AuthInfo.(credentials.TLSInfo); isTLS {
						sni, protocol = secure.State.ServerName, secure.State.NegotiatedProtocol
					}
					return nil
				}),
			))
			got := driveOne(t, map[string]any{
				"target": server.Address, "method": "FibonacciService/StreamSequence",
				"tls": map[string]any{"ca": authority.Path, "server_name": test.serverName},
			})
			if got.Status.Code != 0 {
				t.Fatalf("status = %+v, want OK", got.Status)
			}
			wantAuthority := test.wantAuthority
			if wantAuthority == "" {
				wantAuthority = server.Address
			}
			if sni != test.wantSNI || !slices.Equal(authorities, []string{wantAuthority}) || protocol != "h2" {
				t.Errorf("SNI %q, :authority %q, ALPN %q, want %q, %q, h2", sni, authorities, protocol, test.wantSNI, wantAuthority)
			}
		})
	}
}

// A server that knows nothing of h2 must not be spoken to.
func TestTLSWantsHTTP2(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	certificate := authority.Issue(t, "127.0.0.1")
	identity, err := certificates.Identity(certificate.Chain, certificate.Key)
	if err != nil {
		t.Fatalf("server's certificate: %v", err)
	}
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		t.Run(strings.Join(protocols, ","), func(t *testing.T) {
			listener, err := tls.Listen("tcp", "127.0.0.1:0",
				&tls.Config{Certificates: []tls.Certificate{identity}, NextProtos: protocols})
			if err != nil {
				t.Fatalf("listen: %v", err)
			}
			defer listener.Close()
			go discardAll(listener)
			got := driveOne(t, map[string]any{
				"target": listener.Addr().String(), "method": "pb.Outliers/Detect", "tls": map[string]any{"ca": authority.Path},
			})
			if codes.Code(got.Status.Code) != codes.Unavailable {
				t.Errorf("status = %+v, want UNAVAILABLE", got.Status)
			}
		})
	}
}

func discardAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.Copy(io.Discard, conn)
		}()
	}
}

func TestCallsWithTheSameTLSShareOneConnection(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	server := grpctest.Start(t, service.NewServer(serving(t, authority.Issue(t, "127.0.0.1"))))
	variants := []map[string]any{
		{"ca": authority.Path},
		{"ca": authority.Path, "server_name": "127.0.0.1"},
		{"ca": authority.Path},
	}
	session := startSession(t)
	for id, variant := range variants {
		session.tell(callLine(t, map[string]any{
			"id": id, "target": server.Address, "method": "pb.Outliers/Detect", "tls": variant,
		}))
		if got := session.result(t); got.Status.Code != 0 {
			t.Fatalf("status = %+v, want OK", got.Status)
		}
	}
	if got := server.Accepted.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

func TestTLSThatCannotBeUsed(t *testing.T) {
	authority, certificate := grpctest.NewAuthority(t), grpctest.NewAuthority(t).Issue(t, "client")
	other := authority.Issue(t, "other")
	absent := filepath.Join(t.TempDir(), "absent.pem")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatalf("write a file: %v", err)
	}
	type options = map[string]any
	cases := []struct {
		name string
		tls  options
		want string
	}{
		{"no authority", options{}, "tls: no ca; give the path of a PEM file"},
		{"an authority's file that is not there", options{"ca": absent},
			`tls: cannot read "` + absent + `": no such file or directory`},
		{"an authority's file without a certificate", options{"ca": empty}, `tls: no certificate in "` + empty + `"`},
		{"a certificate alone", options{"ca": authority.Path, "certificate": certificate.Chain},
			"tls: certificate and key go together; give both, or none"},
		{"a key alone", options{"ca": authority.Path, "key": certificate.Key}, "tls: certificate and key go together; give both, or none"},
		{"a certificate that is not there", options{"ca": authority.Path, "certificate": absent, "key": certificate.Key},
			`tls: cannot read "` + absent + `": no such file or directory`},
		{"a certificate that is none", options{"ca": authority.Path, "certificate": empty, "key": certificate.Key},
			`tls: no certificate in "` + empty + `"`},
		{"a key that is none", options{"ca": authority.Path, "certificate": certificate.Chain, "key": empty},
			`tls: no private key in "` + empty + `"`},
		{"another's key", options{"ca": authority.Path, "certificate": certificate.Chain, "key": other.Key},
			`tls: certificate "` + certificate.Chain + `" with key "` + other.Key + `": tls: private key does not match public key`},
	}
	server := grpctest.Start(t, service.NewServer())
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			plaintext := map[string]any{"id": 1, "target": server.Address, "method": "pb.Outliers/Detect"}
			secure := map[string]any{"id": 2, "target": server.Address, "method": "pb.Outliers/Detect", "tls": test.tls}
			answers, _ := drive(t, callLine(t, plaintext), callLine(t, secure))
			got := slices.IndexFunc(answers, func(line answer) bool { return line.Unsupported != nil })
			if len(answers) != 2 || got < 0 {
				t.Fatalf("answers = %+v, want a result and an unsupported", answers)
			}
			if want := (unsupported{"2", test.want}); *answers[got].Unsupported != want {
				t.Errorf("unsupported = %+v, want %+v", *answers[got].Unsupported, want)
			}
		})
	}
}
