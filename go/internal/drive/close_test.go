package drive

import (
	"encoding/json"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
)

func closeLine(t *testing.T, target string) string {
	t.Helper()
	line, err := json.Marshal(instruction{Close: &closing{Target: target}})
	if err != nil {
		t.Fatalf("close %s: %v", target, err)
	}
	return string(line)
}

func TestCloseEndsTheConnectionsOfItsTarget(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	cases := []struct {
		name    string
		options []grpc.ServerOption
		// tls are the variants of the calls, each of which has its connection.
		tls []any
	}{
		{"plaintext", nil, []any{nil}},
		{"TLS", []grpc.ServerOption{serving(t, authority.Issue(t, "127.0.0.1"))}, []any{
			map[string]any{"ca": authority.Path}, map[string]any{"ca": authority.Path, "server_name": "127.0.0.1"},
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			server := grpctest.Start(t, service.NewServer(test.options...))
			other := grpctest.Start(t, service.NewServer())
			session := startSession(t)
			callAll := func() {
				t.Helper()
				lines := []string{callLine(t, map[string]any{"id": 0, "target": other.Address, "method": "pb.Outliers/Detect"})}
				for _, tls := range test.tls {
					asked := map[string]any{"id": 0, "target": server.Address, "method": "pb.Outliers/Detect", "tls": tls}
					lines = append(lines, callLine(t, asked))
				}
				for _, line := range lines {
					session.tell(line)
					if got := session.result(t); got.Status.Code != 0 {
						t.Fatalf("status = %+v, want OK", got.Status)
					}
				}
			}

			callAll()
			session.tell(closeLine(t, "127.0.0.1:1"))
			session.tell(closeLine(t, server.Address))
			for range test.tls {
				<-server.Left
			}
			// The target is forgotten, so that it can be called again.
			callAll()
			if got, want := server.Accepted.Load(), int64(2*len(test.tls)); got != want {
				t.Errorf("%d connections, want %d", got, want)
			}
			if got := other.Accepted.Load(); got != 1 {
				t.Errorf("%d connections to the other target, want 1", got)
			}
		})
	}
}

func TestCloseEndsCallsInFlight(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	server := anything(t, func(stream grpc.ServerStream) error {
		close(arrived)
		<-stream.Context().Done()
		close(ended)
		return stream.Context().Err()
	})
	session := startSession(t)
	session.tell(callLine(t, map[string]any{"id": 7, "target": server.Address, "method": "pb.Outliers/Detect"}))
	<-arrived
	session.tell(closeLine(t, server.Address))
	if got := session.result(t); got.ID != "7" || codes.Code(got.Status.Code) == codes.OK {
		t.Errorf("result = %+v, want one of call 7, and not OK", got)
	}
	<-ended
	<-server.Left
}
