package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	"crosswire/go/internal/connection"
	"crosswire/go/pb"
)

// pipe returns both ends of a pipe, which the test's end closes.
func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatalf("pipe: %v", err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	return reader, writer
}

// running is a server that has announced itself.
type running struct {
	addresses []string
	stderr    *bytes.Buffer
	// exited gets the exit code.
	exited chan int
}

// start runs the server on two free ports, and returns once it is ready.
func start(t *testing.T, ctx context.Context, stdin *os.File, options ...string) running {
	t.Helper()
	output, stdout := pipe(t)
	server := running{stderr: &bytes.Buffer{}, exited: make(chan int, 1)}
	go func() {
		arguments := append([]string{"--listen", "127.0.0.1:0", "--listen=127.0.0.1:0"}, options...)
		server.exited <- Run(ctx, arguments, stdin, stdout, server.stderr)
		stdout.Close()
	}()
	lines := bufio.NewScanner(output)
	for len(server.addresses) < 2 && lines.Scan() {
		var line struct{ Ready struct{ Address string } }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("ready line %q: %v", lines.Text(), err)
		}
		server.addresses = append(server.addresses, line.Ready.Address)
	}
	if len(server.addresses) != 2 {
		t.Fatalf("%d ready lines, want 2; stderr: %s", len(server.addresses), server.stderr)
	}
	return server
}

func (r running) checkStopped(t *testing.T) {
	t.Helper()
	if code := <-r.exited; code != 0 || r.stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q, want 0 and nothing", code, r.stderr)
	}
}

func TestEveryAddressServesEverything(t *testing.T) {
	stdin, holder := pipe(t)
	server := start(t, context.Background(), stdin)
	for _, address := range server.addresses {
		conn, err := connection.New(address)
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
		outliers, err := pb.NewOutliersClient(conn).Detect(context.Background(), &pb.OutliersRequest{})
		if err != nil || len(outliers.GetIndices()) > 0 {
			t.Errorf("%s: Detect of nothing = %v, %v, want nothing", address, outliers, err)
		}
		sequence, err := pb.NewFibonacciServiceClient(conn).GetSequence(context.Background(), &pb.SequenceRequest{Count: 4})
		if want := []int64{0, 1, 1, 2}; err != nil || !slices.Equal(sequence.GetElement(), want) {
			t.Errorf("%s: GetSequence(4) = %v, %v, want %v", address, sequence, err, want)
		}
		health, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		if want := grpc_health_v1.HealthCheckResponse_SERVING; err != nil || health.GetStatus() != want {
			t.Errorf("%s: health = %v, %v, want %v", address, health.GetStatus(), err, want)
		}
		conn.Close()
	}
	holder.Close()
	server.checkStopped(t)
}

func TestServerStopsWhenStdinIsAPipeAndEnds(t *testing.T) {
	stdin, holder := pipe(t)
	server := start(t, context.Background(), stdin)
	holder.Close()
	server.checkStopped(t)
}

func TestServerStopsWhenItsContextIsDone(t *testing.T) {
	// The end of a stdin that is no pipe stops nothing.
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer stdin.Close()
	ctx, stop := context.WithCancel(context.Background())
	server := start(t, ctx, stdin)
	conn, err := connection.New(server.addresses[0])
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close()
	if _, err := pb.NewOutliersClient(conn).Detect(context.Background(), &pb.OutliersRequest{}); err != nil {
		t.Errorf("Detect after the end of stdin: %v", err)
	}
	stop()
	server.checkStopped(t)
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer taken.Close()
	folder := t.TempDir()
	takenSocket, err := net.Listen("unix", filepath.Join(folder, "taken.sock"))
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer takenSocket.Close()
	long := filepath.Join(folder, strings.Repeat("x", 108))
	cases := []struct {
		name      string
		arguments []string
		want      string
	}{
		{"a socket that is taken", []string{"--listen", "unix:" + takenSocket.Addr().String()}, fmt.Sprintf(
			"cannot listen on unix:%s: address already in use; stop the program that has it, or name another with --listen",
			takenSocket.Addr())},
		{"a socket in a folder that is not there", []string{"--listen", "unix:/absent/x.sock"},
			"cannot listen on unix:/absent/x.sock: no such file or directory; name another with --listen"},
		{"a socket with a long path", []string{"--listen", "unix:" + long},
			"cannot listen on unix:" + long + ": file name too long; name another with --listen"},
		{"a socket with a relative path", []string{"--listen", "unix:x.sock"},
			`--listen "unix:x.sock": not an address; give HOST:PORT, such as 127.0.0.1:9999`},
		{"no number of milliseconds", []string{"--tls-cert", "x", "--max-age", "x"},
			`--max-age: "x" is no number of milliseconds from 1 to 86400000`},
		{"no milliseconds", []string{"--ping-interval=0"},
			`--ping-interval: "0" is no number of milliseconds from 1 to 86400000`},
		{"a port that is taken", []string{"--listen", taken.Addr().String()}, fmt.Sprintf(
			"cannot listen on %s: address already in use; stop the program that has it, or name another with --listen", taken.Addr())},
		{"an address of another machine", []string{"--listen", "192.0.2.1:0"},
			"cannot listen on 192.0.2.1:0: cannot assign requested address; name another with --listen"},
		{"a host that nobody knows", []string{"--listen", "a..b:80"},
			"cannot listen on a..b:80: unknown host; name another with --listen"},
		{"no address", []string{"--listen", "abc"},
			`--listen "abc": not an address; give HOST:PORT, such as 127.0.0.1:9999`},
		{"an option without its value", []string{"--listen"}, "--listen needs a value; see server --help"},
		{"an unknown option", []string{"--foo"}, "unknown option --foo; see server --help"},
		{"an argument", []string{"x"}, `unexpected argument "x"; see server --help`},
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

func TestUnixSocketsAreRemovedInTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%25.sock")
	stdin, holder := pipe(t)
	server := start(t, context.Background(), stdin, "--listen", "unix:"+path)
	if got := detect(t, "unix:"+path, nil); got != codes.OK {
		t.Errorf("Detect = %v, want OK", got)
	}
	holder.Close()
	server.checkStopped(t)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file after the end: %v, want none", err)
	}
}

func TestUnixSocketsAreRemovedIfAnotherAddressCannotBeHad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.sock")
	stdin, _ := pipe(t)
	var stdout, stderr strings.Builder
	Run(context.Background(), []string{"--listen", "unix:" + path, "--listen", "192.0.2.1:0"}, stdin, &stdout, &stderr)
	if _, err := os.Stat(path); stderr.Len() == 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stderr %q, the file: %v, want an error and none", stderr.String(), err)
	}
}

func TestDefaultAddressesWithoutIPv6(t *testing.T) {
	withoutIPv6 := func(address string) (net.Listener, error) {
		if strings.HasPrefix(address, "[") {
			return nil, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}
		}
		return bind("127.0.0.1:0")
	}
	var stderr strings.Builder
	listeners, err := listen(nil, withoutIPv6, log.New(&stderr, "server: ", 0))
	if err != nil || len(listeners) != 2 {
		t.Fatalf("listen() = %v, %v, want 2 listeners", listeners, err)
	}
	for _, listener := range listeners {
		listener.Close()
	}
	const want = "server: not listening on [::1]:9999: this machine has no IPv6\n" +
		"server: not listening on [::1]:50051: this machine has no IPv6\n"
	if stderr.String() != want {
		t.Errorf("stderr = %q, want %q", stderr.String(), want)
	}
}

func TestHelp(t *testing.T) {
	stdin, _ := pipe(t)
	var stdout, stderr strings.Builder
	code := Run(context.Background(), []string{"--help"}, stdin, &stdout, &stderr)
	if code != 0 || stdout.String() != help || stderr.Len() > 0 {
		t.Errorf("Run(--help) = %d, stdout %q, stderr %q, want 0 and the help", code, stdout.String(), stderr.String())
	}
}
