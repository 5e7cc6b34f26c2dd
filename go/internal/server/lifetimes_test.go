package server

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/connection"
	"crosswire/go/pb"
)

// open connects to a server with the options, and returns the client's end of it,
// which answers nothing.
func open(t *testing.T, options ...string) *http2.Framer {
	t.Helper()
	conn, err := net.Dial("tcp", startUntilTheEnd(t, options...))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatalf("write the preface: %v", err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatalf("write SETTINGS: %v", err)
	}
	return framer
}

// startUntilTheEnd runs the server until the test is over, and returns its address.
func startUntilTheEnd(t *testing.T, options ...string) string {
	t.Helper()
	stdin, holder := pipe(t)
	server := start(t, context.Background(), stdin, options...)
	t.Cleanup(func() {
		holder.Close()
		server.checkStopped(t)
	})
	return server.addresses[0]
}

// next returns the next frame that is of one of the types.
func next(t *testing.T, framer *http2.Framer, kinds ...http2.FrameType) http2.FrameType {
	t.Helper()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("read a frame: %v", err)
		}
		if kind := frame.Header().Type; slices.Contains(kinds, kind) {
			return kind
		}
	}
}

// begin starts a stream, whose first response has come.
func begin(t *testing.T, client pb.TestServiceClient) pb.TestService_FullDuplexCallClient {
	t.Helper()
	stream, err := client.FullDuplexCall(context.Background())
	if err != nil {
		t.Fatalf("FullDuplexCall: %v", err)
	}
	exchange(t, stream)
	return stream
}

func exchange(t *testing.T, stream pb.TestService_FullDuplexCallClient) {
	t.Helper()
	request := &pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{Size: 1}}}
	if err := stream.Send(request); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatalf("Recv: %v", err)
	}
}

func connect(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := connection.New(address)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestCallsLeaveAConnectionOfThatAgeAndAStreamStays(t *testing.T) {
	conn := connect(t, startUntilTheEnd(t, "--max-age", "200"))
	stream := begin(t, pb.NewTestServiceClient(conn))
	first, _ := peer.FromContext(stream.Context())
	for another := *first; another.LocalAddr.String() == first.LocalAddr.String(); {
		_, err := pb.NewOutliersClient(conn).Detect(context.Background(), &pb.OutliersRequest{}, grpc.Peer(&another))
		if err != nil {
			t.Fatalf("Detect: %v", err)
		}
	}
	exchange(t, stream)
	stream.CloseSend()
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the stream's end = %v, want OK", err)
	}
}

func TestAStreamEndsAfterTheGrace(t *testing.T) {
	conn := connect(t, startUntilTheEnd(t, "--max-age", "100", "--max-age-grace=100"))
	stream := begin(t, pb.NewTestServiceClient(conn))
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream's end = %v, want UNAVAILABLE", err)
	}
}

func TestAnIdleConnectionIsToldToGo(t *testing.T) {
	next(t, open(t, "--max-idle", "100"), http2.FrameGoAway)
}

// grpc-go makes a second of less.
func TestKeepalive(t *testing.T) {
	framer := open(t, "--keepalive", "1000", "--keepalive-wait", "100")
	if got := next(t, framer, http2.FramePing, http2.FrameGoAway); got != http2.FramePing {
		t.Errorf("frame = %v, want a PING", got)
	}
	if frame, err := framer.ReadFrame(); err == nil {
		t.Errorf("frame = %v after a PING without its answer, want the end", frame)
	}
}

// pingsEvery is how often a client sends PINGs here, and manyPings is more than a server
// forgives of those that come too often.
const (
	pingsEvery = 20 * time.Millisecond
	manyPings  = 8
)

func TestPingsWithoutACall(t *testing.T) {
	cases := []struct {
		name    string
		options []string
		refused bool
	}{
		{"by default", nil, true},
		{"as often as the option says", []string{"--ping-interval", "1"}, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			framer := open(t, test.options...)
			refused := false
			for count := 0; count < manyPings && !refused; count++ {
				if err := framer.WritePing(false, [8]byte{}); err != nil {
					t.Fatalf("write a PING: %v", err)
				}
				refused = next(t, framer, http2.FramePing, http2.FrameGoAway) == http2.FrameGoAway
				// Not to wait for anything: so often it is.
				time.Sleep(pingsEvery)
			}
			if refused != test.refused {
				t.Errorf("refused = %t, want %t", refused, test.refused)
			}
		})
	}
}
