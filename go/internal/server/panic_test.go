package server

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/connection"
	"crosswire/go/pb"
)

// asServer is the variable that makes this test's program the server instead.
const asServer = "CROSSWIRE_TEST_IS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// grpc-go leaves a handler's panic alone: it ends the process.
func TestAPanicEndsTheServer(t *testing.T) {
	cases := []struct {
		name string
		call func(ctx context.Context, client pb.FibonacciServiceClient) error
	}{
		{"unary", func(ctx context.Context, client pb.FibonacciServiceClient) error {
			_, err := client.GetSequence(ctx, &pb.SequenceRequest{Count: 3})
			return err
		}},
		{"stream", func(ctx context.Context, client pb.FibonacciServiceClient) error {
			stream, err := client.StreamSequence(ctx, &pb.SequenceRequest{Count: 3})
			for err == nil {
				_, err = stream.Recv()
			}
			return err
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			program, err := os.Executable()
			if err != nil {
				t.Fatalf("find this program: %v", err)
			}
			var stderr strings.Builder
			server := exec.Command(program, "--listen", "127.0.0.1:0")
			server.Env = append(os.Environ(), asServer+"=1")
			server.Stderr = &stderr
			stdin, err := server.StdinPipe()
			if err != nil {
				t.Fatalf("stdin: %v", err)
			}
			defer stdin.Close()
			stdout, err := server.StdoutPipe()
			if err != nil {
				t.Fatalf("stdout: %v", err)
			}
			if err := server.Start(); err != nil {
				t.Fatalf("start: %v", err)
			}
			var line struct{ Ready struct{ Address string } }
			if err := json.NewDecoder(stdout).Decode(&line); err != nil {
				t.Fatalf("ready line: %v", err)
			}

			conn, err := connection.New(line.Ready.Address)
			if err != nil {
				t.Fatalf("connect: %v", err)
			}
			defer conn.Close()
			ctx := metadata.AppendToOutgoingContext(context.Background(), "x-crosswire-panic", "an odd number")
			if got := status.Code(test.call(ctx, pb.NewFibonacciServiceClient(conn))); got != codes.Unavailable {
				t.Errorf("code = %v, want %v", got, codes.Unavailable)
			}
			io.Copy(io.Discard, stdout)
			if err := server.Wait(); err == nil || server.ProcessState.ExitCode() != 2 {
				t.Errorf("the server ended with %v, want exit status 2", err)
			}
			if want := "panic: an odd number"; !strings.Contains(stderr.String(), want) {
				t.Errorf("stderr = %q, want %q in it", stderr.String(), want)
			}
		})
	}
}
