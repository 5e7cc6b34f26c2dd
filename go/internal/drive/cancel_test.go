package drive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

// framesOfFirstStream accepts one connection, and returns what comes of the
// first stream until that is reset. It answers nothing.
func framesOfFirstStream(listener net.Listener) ([]string, error) {
	conn, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface))); err != nil {
		return nil, err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return nil, err
	}
	var frames []string
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return frames, err
		}
		if frame.Header().StreamID != 1 {
			continue
		}
		if reset, isReset := frame.(*http2.RSTStreamFrame); isReset {
			return append(frames, fmt.Sprintf("RST_STREAM %s", reset.ErrCode)), nil
		}
		frames = append(frames, frame.Header().Type.String())
	}
}

// The frames tell that the request went out before the cancellation. A gRPC
// server would not: it need not start a handler for a stream that is gone.
func TestCancelOnceTheRequestWasSent(t *testing.T) {
	cases := []struct {
		name   string
		method string
		raw    bool
	}{
		{"unary", "FibonacciService/GetSequence", false},
		{"stream", "FibonacciService/StreamSequence", false},
		{"raw", "a/b", true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatalf("listen: %v", err)
			}
			defer listener.Close()
			instructions, harness := io.Pipe()
			var stdout bytes.Buffer
			finished := make(chan error, 1)
			go func() { finished <- Run(instructions, &stdout, log.New(io.Discard, "", 0)) }()

			fmt.Fprintln(harness, callLine(t, map[string]any{
				"id": 7, "target": listener.Addr().String(), "method": test.method, "send": once("CAM="),
				"raw": test.raw, "cancel_after_messages": 0,
			}))
			frames, err := framesOfFirstStream(listener)
			if want := []string{"HEADERS", "DATA", "RST_STREAM CANCEL"}; err != nil || !slices.Equal(frames, want) {
				t.Errorf("frames = %q, %v, want %q", frames, err, want)
			}

			harness.Close()
			if err := <-finished; err != nil {
				t.Errorf("drive: %v", err)
			}
			var got answer
			if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Result == nil {
				t.Fatalf("answer = %s, %v, want a result", stdout.Bytes(), err)
			}
			if codes.Code(got.Result.Status.Code) != codes.Canceled || len(got.Result.Messages) > 0 {
				t.Errorf("result = %+v, want no messages and CANCELLED", *got.Result)
			}
		})
	}
}
