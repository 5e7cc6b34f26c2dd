package drive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
	"crosswire/go/pb"
)

// drive gives the lines to the driver, and returns its answers and its log.
func drive(t *testing.T, lines ...string) ([]answer, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	stdin := strings.NewReader(strings.Join(lines, "\n"))
	if err := Run(stdin, &stdout, log.New(&stderr, "", 0)); err != nil {
		t.Fatalf("drive: %v", err)
	}
	var answers []answer
	for line := range bytes.Lines(stdout.Bytes()) {
		var parsed answer
		if err := json.Unmarshal(line, &parsed); err != nil {
			t.Fatalf("answer %q: %v", line, err)
		}
		answers = append(answers, parsed)
	}
	return answers, stderr.String()
}

// driveOne makes one call, and returns its result.
func driveOne(t *testing.T, asked map[string]any) result {
	t.Helper()
	asked["id"] = 7
	answers, _ := drive(t, callLine(t, asked))
	if len(answers) != 1 || answers[0].Result == nil || answers[0].Result.ID != "7" {
		t.Fatalf("call %v: answers %+v, want one result of call 7", asked, answers)
	}
	return *answers[0].Result
}

// callLine asks for a call, which sends one empty message if nothing else is asked.
func callLine(t *testing.T, asked map[string]any) string {
	t.Helper()
	if _, given := asked["send"]; !given {
		asked["send"] = once("")
	}
	line, err := json.Marshal(map[string]any{"call": asked})
	if err != nil {
		t.Fatalf("call %v: %v", asked, err)
	}
	return string(line)
}

// once is what a method of one request is sent.
func once(message string) []any {
	return []any{map[string]any{"message": message}, map[string]any{"half_close": true}}
}

// encode returns a message as it stands in a line.
func encode(t *testing.T, message proto.Message) string {
	t.Helper()
	serialized, err := proto.Marshal(message)
	if err != nil {
		t.Fatalf("serialize %v: %v", message, err)
	}
	return base64.StdEncoding.EncodeToString(serialized)
}

func TestHello(t *testing.T) {
	var stdout strings.Builder
	if err := Run(strings.NewReader(`{"hello":{"protocol":2}}`), &stdout, log.New(io.Discard, "", 0)); err != nil {
		t.Fatalf("drive: %v", err)
	}
	want := fmt.Sprintf(`{"hello":{"protocol":2,"implementation":"grpc-go","version":%q,`+
		`"features":["addresses","bidi","cancel","client-streaming","close","gzip","ipv6","keepalive","raw","service-config",`+
		`"size-limit","slow","test-service","tls","unix"],`+
		`"max_in_flight":256}}`+"\n", grpc.Version)
	if stdout.String() != want {
		t.Errorf("answer = %s, want %s", stdout.String(), want)
	}
}

func TestRunEndsWhenNobodyReadsItsAnswers(t *testing.T) {
	stdin, harness := io.Pipe()
	defer harness.Close()
	go io.WriteString(harness, `{"hello":{"protocol":2}}`+"\n")
	reader, stdout := io.Pipe()
	reader.Close()
	if err := Run(stdin, stdout, log.New(io.Discard, "", 0)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Run() = %v, want %v", err, io.ErrClosedPipe)
	}
}

func TestCalls(t *testing.T) {
	address := grpctest.Start(t, service.NewServer()).Address
	three := encode(t, &pb.SequenceRequest{Count: 3})
	sequence := encode(t, &pb.SequenceResponse{Element: []int64{0, 1, 1}})
	elements := []string{
		encode(t, &pb.SequenceElement{}),
		encode(t, &pb.SequenceElement{Element: 1, Count: 1}),
		encode(t, &pb.SequenceElement{Element: 1, Count: 2}),
	}
	cases := []struct {
		name     string
		asked    map[string]any
		messages []string
		code     codes.Code
	}{
		{"detect", map[string]any{"method": "pb.Outliers/Detect", "send": once("")}, []string{""}, codes.OK},
		{"unary", map[string]any{"method": "FibonacciService/GetSequence", "send": once(three)}, []string{sequence}, codes.OK},
		{"unary, compressed", map[string]any{"method": "FibonacciService/GetSequence", "send": once(three), "compression": "gzip"},
			[]string{sequence}, codes.OK},
		{"unary, raw", map[string]any{"method": "FibonacciService/GetSequence", "send": once(three), "raw": true},
			[]string{sequence}, codes.OK},
		{"unary, cancelled after its message", map[string]any{"method": "FibonacciService/GetSequence", "send": once(three),
			"cancel_after_messages": 1}, []string{sequence}, codes.OK},
		{"stream", map[string]any{"method": "FibonacciService/StreamSequence", "send": once(three)}, elements, codes.OK},
		{"stream, raw", map[string]any{"method": "FibonacciService/StreamSequence", "send": once(three), "raw": true,
			"compression": "gzip"}, elements, codes.OK},
		{"stream, cancelled", map[string]any{"method": "FibonacciService/StreamSequence", "send": once(three),
			"cancel_after_messages": 2}, elements[:2], codes.Canceled},
		{"stream, cancelled at its end", map[string]any{"method": "FibonacciService/StreamSequence", "send": once(three),
			"cancel_after_messages": 3}, elements, codes.Canceled},
		{"a failure", map[string]any{"method": "FibonacciService/GetSequence",
			"send": once(encode(t, &pb.SequenceRequest{Count: 94}))}, nil, codes.OutOfRange},
		{"an unknown method", map[string]any{"method": "FibonacciService/Nope", "send": once(""), "raw": true}, nil, codes.Unimplemented},
		{"a malformed request", map[string]any{"method": "FibonacciService/GetSequence", "send": once("CP//"), "raw": true},
			nil, codes.Internal},
		{"no time", map[string]any{"method": "FibonacciService/GetSequence", "send": once(three), "timeout_ms": 0},
			nil, codes.DeadlineExceeded},
		{"much time", map[string]any{"method": "FibonacciService/GetSequence", "send": once(three), "timeout_ms": int64(1) << 62},
			[]string{sequence}, codes.OK},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			test.asked["target"] = address
			got := driveOne(t, test.asked)
			if !slices.Equal(got.Messages, test.messages) || codes.Code(got.Status.Code) != test.code {
				t.Errorf("got messages %q and status %+v, want %q and %v", got.Messages, got.Status, test.messages, test.code)
			}
		})
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	var stdout strings.Builder
	line := callLine(t, map[string]any{"id": 1, "target": grpctest.ClosedAddress(t), "method": "a/b", "raw": true})
	if err := Run(strings.NewReader(line), &stdout, log.New(io.Discard, "", 0)); err != nil {
		t.Fatalf("drive: %v", err)
	}
	for _, want := range []string{`"messages":[]`, `"headers":[]`, `"trailers":[]`, `"code":14`} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("answer = %s, want %s in it", stdout.String(), want)
		}
	}
}

func TestUnsupported(t *testing.T) {
	cases := []struct {
		name  string
		asked map[string]any
		why   string
	}{
		{"a method without a stub", map[string]any{"method": "a.B/C"}, "no stub for a.B/C"},
		{"a request that is no base64", map[string]any{"method": "pb.Outliers/Detect", "send": once("%")},
			"send: step 1: message: illegal base64"},
		{"a request that does not parse", map[string]any{"method": "pb.Outliers/Detect", "send": once("/w==")},
			"send: step 1: not a pb.OutliersRequest"},
		{"metadata that is no base64", map[string]any{"method": "a/b", "raw": true, "metadata": [][]string{{"k-bin", "%"}}},
			"metadata k-bin: illegal base64"},
		{"another compression", map[string]any{"method": "a/b", "raw": true, "compression": "brotli"}, `no compression "brotli"`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			test.asked["id"] = 9
			answers, _ := drive(t, callLine(t, test.asked))
			if len(answers) != 1 || answers[0].Unsupported == nil {
				t.Fatalf("answers = %+v, want one unsupported", answers)
			}
			if got := *answers[0].Unsupported; got.ID != "9" || !strings.HasPrefix(got.Why, test.why) {
				t.Errorf("unsupported = %+v, want call 9 and why %q", got, test.why)
			}
		})
	}
}

func TestLinesThatAreNoInstructions(t *testing.T) {
	for _, line := range []string{"", "junk", "{}", "[]", `{"call":{}}`, `{"call":{"id":"x"}}`, `{"call":{"id":1,"metadata":[1]}}`} {
		t.Run(line, func(t *testing.T) {
			answers, logged := drive(t, line+"\n", `{"hello":{"protocol":2}}`)
			if len(answers) != 1 || answers[0].Hello == nil || !strings.HasPrefix(logged, "skipped a line") {
				t.Errorf("answers = %+v, log = %q, want a skipped line and the hello's answer", answers, logged)
			}
		})
	}
}

// anything starts a server that answers every method by the handler, which need
// not read the request.
func anything(t *testing.T, handle func(stream grpc.ServerStream) error) *grpctest.Server {
	t.Helper()
	return grpctest.Start(t, grpc.NewServer(grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error { return handle(stream) },
	)))
}

func TestMetadataAndDetails(t *testing.T) {
	var received metadata.MD
	address := anything(t, func(stream grpc.ServerStream) error {
		received, _ = metadata.FromIncomingContext(stream.Context())
		stream.SetHeader(metadata.Pairs("b", "2", "a", "1", "b", "3", "c-bin", "\x00\xff"))
		stream.SetTrailer(metadata.Pairs("t-bin", "\x01"))
		failure, err := status.New(codes.Aborted, "no\nway").WithDetails(&durationpb.Duration{Seconds: 5})
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&pb.SequenceElement{}); err != nil {
			return err
		}
		return failure.Err()
	}).Address
	for _, raw := range []bool{true, false} {
		t.Run(fmt.Sprintf("raw %t", raw), func(t *testing.T) {
			got := driveOne(t, map[string]any{
				"target": address, "method": "FibonacciService/StreamSequence", "raw": raw,
				"metadata": [][]string{{"k", "v"}, {"k", "w"}, {"k-bin", "AP8="}},
			})
			wantReceived := map[string][]string{
				"content-type": {"application/grpc"}, "k": {"v", "w"}, "k-bin": {"\x00\xff"},
			}
			for name, want := range wantReceived {
				if got := received.Get(name); !slices.Equal(got, want) {
					t.Errorf("the server received %s = %q, want %q", name, got, want)
				}
			}
			wantHeaders := []pair{{"a", "1"}, {"b", "2"}, {"b", "3"}, {"c-bin", "AP8="}, {"content-type", "application/grpc"}}
			if !slices.Equal(got.Headers, wantHeaders) {
				t.Errorf("headers = %q, want %q", got.Headers, wantHeaders)
			}
			wantTrailers := []pair{{statusDetails, got.Status.Details}, {"t-bin", "AQ=="}}
			if !slices.Equal(got.Trailers, wantTrailers) {
				t.Errorf("trailers = %q, want %q", got.Trailers, wantTrailers)
			}
			if got.Status.Code != uint32(codes.Aborted) || got.Status.Message != "no\nway" || got.Status.Details == "" {
				t.Errorf("status = %+v, want ABORTED with its message and details", got.Status)
			}
		})
	}
}

func TestCallsOfferGzip(t *testing.T) {
	var offered []string
	address := anything(t, func(stream grpc.ServerStream) (err error) {
		offered, err = grpc.ClientSupportedCompressors(stream.Context())
		return err
	}).Address
	driveOne(t, map[string]any{"target": address, "method": "FibonacciService/StreamSequence"})
	if want := []string{"gzip"}; !slices.Equal(offered, want) {
		t.Errorf("the client offers %q, want %q", offered, want)
	}
}

// A server that never ends an answer sees the cancellation, or the test hangs.
func TestCancelAfterMessages(t *testing.T) {
	cases := []struct {
		name   string
		method string
		raw    bool
	}{
		{"stub", "FibonacciService/StreamSequence", false},
		{"raw", "a/b", true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			cancelled := make(chan struct{})
			address := anything(t, func(stream grpc.ServerStream) error {
				defer close(cancelled)
				for {
					if err := stream.SendMsg(&pb.SequenceElement{}); err != nil {
						return err
					}
				}
			}).Address
			got := driveOne(t, map[string]any{
				"target": address, "method": test.method, "raw": test.raw, "cancel_after_messages": 2,
			})
			<-cancelled
			if codes.Code(got.Status.Code) != codes.Canceled || len(got.Messages) != 2 {
				t.Errorf("got %d messages and status %+v, want 2 and CANCELLED", len(got.Messages), got.Status)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	address := anything(t, func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}).Address
	got := driveOne(t, map[string]any{"target": address, "method": "pb.Outliers/Detect", "timeout_ms": 20})
	if codes.Code(got.Status.Code) != codes.DeadlineExceeded {
		t.Errorf("status = %+v, want DEADLINE_EXCEEDED", got.Status)
	}
}

// No call of these is answered before all have arrived.
func TestCallsInFlightShareOneConnection(t *testing.T) {
	var missing sync.WaitGroup
	missing.Add(introduction.MaxInFlight)
	server := anything(t, func(stream grpc.ServerStream) error {
		missing.Done()
		missing.Wait()
		return stream.SendMsg(&pb.SequenceElement{})
	})
	methods := []string{"FibonacciService/GetSequence", "FibonacciService/StreamSequence"}
	var lines []string
	for id := range introduction.MaxInFlight {
		lines = append(lines, callLine(t, map[string]any{
			"id": id, "target": server.Address, "method": methods[id%len(methods)],
		}))
	}
	answers, _ := drive(t, lines...)

	answered := map[json.Number]bool{}
	for _, answer := range answers {
		if answer.Result == nil || answer.Result.Status.Code != 0 {
			t.Fatalf("answer = %+v, want a result with OK", answer)
		}
		answered[answer.Result.ID] = true
	}
	if len(answered) != introduction.MaxInFlight {
		t.Errorf("%d calls answered, want %d", len(answered), introduction.MaxInFlight)
	}
	if got := server.Accepted.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}
