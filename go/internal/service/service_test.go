package service

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/connection"
	"crosswire/go/internal/grpctest"
	"crosswire/go/pb"
)

// connect starts the server of the services, and returns a connection to it.
func connect(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	return connectTo(t, NewServer(), options...)
}

func connectTo(t *testing.T, services *grpc.Server, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := connection.New(grpctest.Start(t, services).Address, options...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestDetect(t *testing.T) {
	cases := []struct {
		name   string
		values []float64
		want   []int32
	}{
		{"prose-example", []float64{1, 2, 100, 1, 3, 200, 1}, []int32{5}},
		{"no-metrics", nil, nil},
		{"nan", []float64{math.NaN(), 0, 0, 0, 0, 0, 9}, nil},
		{"tie-of-five", []float64{0, 0, 0, 0, 109}, []int32{4}},
		{"many-metrics", slices.Concat(make([]float64, 50_000), []float64{1}), []int32{50_000}},
	}
	client := pb.NewOutliersClient(connect(t))
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			request := &pb.OutliersRequest{}
			for _, value := range test.values {
				request.Metrics = append(request.Metrics, &pb.Metric{Value: value})
			}
			response, err := client.Detect(context.Background(), request)
			if err != nil || !slices.Equal(response.GetIndices(), test.want) {
				t.Errorf("Detect = %v, %v, want %v", response.GetIndices(), err, test.want)
			}
		})
	}
}

func TestDetectRefusesMoreThanFourMebibytes(t *testing.T) {
	name := strings.Repeat("x", 4<<20)
	request := &pb.OutliersRequest{Metrics: []*pb.Metric{{Name: name}}}
	_, err := pb.NewOutliersClient(connect(t)).Detect(context.Background(), request)
	if got, want := status.Code(err), codes.ResourceExhausted; got != want {
		t.Errorf("code = %v, want %v", got, want)
	}
}

// sequenceCases are the counts that both methods of FibonacciService must know
// about: how many numbers they give, and how a call ends that asks for too many.
var sequenceCases = []struct {
	name        string
	count       int64
	numbers     int
	wantCode    codes.Code
	wantMessage string
}{
	{"least", math.MinInt64, 1, codes.OK, ""},
	{"negative", -3, 1, codes.OK, ""},
	{"zero", 0, 1, codes.OK, ""},
	{"first-3", 3, 3, codes.OK, ""},
	{"first-93", 93, 93, codes.OK, ""},
	{"first-94", 94, 93, codes.OutOfRange, "count 94 is more than 93: F(93) does not fit in int64"},
	{"most", math.MaxInt64, 93, codes.OutOfRange,
		"count 9223372036854775807 is more than 93: F(93) does not fit in int64"},
}

func TestGetSequence(t *testing.T) {
	client := pb.NewFibonacciServiceClient(connect(t))
	for _, test := range sequenceCases {
		t.Run(test.name, func(t *testing.T) {
			response, err := client.GetSequence(context.Background(), &pb.SequenceRequest{Count: test.count})
			checkStatus(t, err, test.wantCode, test.wantMessage)
			if got := len(response.GetElement()); err == nil && got != test.numbers {
				t.Errorf("%d numbers, want %d", got, test.numbers)
			}
		})
	}
}

func TestStreamSequence(t *testing.T) {
	client := pb.NewFibonacciServiceClient(connect(t))
	for _, test := range sequenceCases {
		t.Run(test.name, func(t *testing.T) {
			stream, err := client.StreamSequence(context.Background(), &pb.SequenceRequest{Count: test.count})
			if err != nil {
				t.Fatalf("StreamSequence: %v", err)
			}
			var elements []*pb.SequenceElement
			for err == nil {
				var element *pb.SequenceElement
				if element, err = stream.Recv(); err == nil {
					elements = append(elements, element)
				}
			}
			if err == io.EOF {
				err = nil
			}
			checkStatus(t, err, test.wantCode, test.wantMessage)
			if len(elements) != test.numbers {
				t.Fatalf("%d elements, want %d", len(elements), test.numbers)
			}
			for position, element := range elements {
				if element.GetCount() != int64(position) {
					t.Errorf("element %d has count %d", position, element.GetCount())
				}
			}
		})
	}
}

func checkStatus(t *testing.T, err error, wantCode codes.Code, wantMessage string) {
	t.Helper()
	got := status.Convert(err)
	if got.Code() != wantCode || got.Message() != wantMessage {
		t.Errorf("status = %v %q, want %v %q", got.Code(), got.Message(), wantCode, wantMessage)
	}
}

func TestUnknownMethodsAndServices(t *testing.T) {
	conn := connect(t)
	for _, method := range []string{"/FibonacciService/Nope", "/pb.Nope/Detect"} {
		t.Run(method, func(t *testing.T) {
			err := conn.Invoke(context.Background(), method, &pb.SequenceRequest{}, &pb.SequenceResponse{})
			if got, want := status.Code(err), codes.Unimplemented; got != want {
				t.Errorf("code = %v, want %v", got, want)
			}
		})
	}
}

func TestGzipRequests(t *testing.T) {
	grpctest.RegisterOtherEncoding()
	cases := []struct {
		name         string
		accepted     string
		wantEncoding string
	}{
		{"the client reads gzip", "gzip", "gzip"},
		{"the client reads no gzip", grpctest.OtherEncoding, "identity"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var encodings []string
			client := pb.NewFibonacciServiceClient(connect(t, grpc.WithStatsHandler(grpctest.ResponseEncodings(&encodings))))
			response, err := client.GetSequence(context.Background(), &pb.SequenceRequest{Count: 3},
				grpc.UseCompressor(gzip.Name), experimental.AcceptCompressors(test.accepted))
			if want := []int64{0, 1, 1}; err != nil || !slices.Equal(response.GetElement(), want) {
				t.Errorf("GetSequence = %v, %v, want %v", response.GetElement(), err, want)
			}
			if want := []string{test.wantEncoding}; !slices.Equal(encodings, want) {
				t.Errorf("response encodings = %q, want %q", encodings, want)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	client := grpc_health_v1.NewHealthClient(connect(t))
	for _, service := range []string{"", "pb.Outliers", "FibonacciService", "grpc.testing.TestService"} {
		t.Run(fmt.Sprintf("%q", service), func(t *testing.T) {
			response, err := client.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{Service: service})
			if want := grpc_health_v1.HealthCheckResponse_SERVING; err != nil || response.GetStatus() != want {
				t.Errorf("Check(%q) = %v, %v, want %v", service, response.GetStatus(), err, want)
			}
		})
	}
}

// served are the services that reflection must list.
var served = []string{
	"FibonacciService",
	"grpc.health.v1.Health",
	"grpc.reflection.v1.ServerReflection",
	"grpc.reflection.v1alpha.ServerReflection",
	"grpc.testing.TestService",
	"pb.Outliers",
}

func TestReflection(t *testing.T) {
	stream, err := grpc_reflection_v1.NewServerReflectionClient(connect(t)).ServerReflectionInfo(context.Background())
	if err != nil {
		t.Fatalf("ServerReflectionInfo: %v", err)
	}
	err = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatalf("Recv: %v", err)
	}
	var got []string
	for _, service := range response.GetListServicesResponse().GetService() {
		got = append(got, service.GetName())
	}
	if !slices.Equal(got, served) {
		t.Errorf("services = %q, want %q", got, served)
	}
}

func TestReflectionV1Alpha(t *testing.T) {
	stream, err := grpc_reflection_v1alpha.NewServerReflectionClient(connect(t)).ServerReflectionInfo(context.Background())
	if err != nil {
		t.Fatalf("ServerReflectionInfo: %v", err)
	}
	const symbol = "pb.Outliers.Detect"
	err = stream.Send(&grpc_reflection_v1alpha.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol},
	})
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	response, err := stream.Recv()
	if files := response.GetFileDescriptorResponse().GetFileDescriptorProto(); err != nil || len(files) == 0 {
		t.Errorf("file of %s: %d descriptors, %v, want at least 1", symbol, len(files), err)
	}
}
