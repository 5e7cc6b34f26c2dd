package main

import (
	"context"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"crosswire/go/pb"
)

// maxMessageBytes is gRPC's default limit. Connect itself has none.
const maxMessageBytes = 4 << 20

// maxCount is how many Fibonacci numbers fit in int64: F(0) to F(92).
const maxCount = 93

// newHandler returns the services, with health checking and reflection.
func newHandler() http.Handler {
	options := connect.WithHandlerOptions(
		connect.WithReadMaxBytes(maxMessageBytes),
		connect.WithInterceptors(directed{}),
	)
	mux := http.NewServeMux()
	mux.Handle(unary(pb.Outliers_Detect_FullMethodName, detect, options))
	mux.Handle(unary(pb.FibonacciService_GetSequence_FullMethodName, getSequence, options))
	mux.Handle(serverStream(pb.FibonacciService_StreamSequence_FullMethodName, streamSequence, options))
	handleTestService(mux, options)

	services := []string{
		pb.Outliers_ServiceDesc.ServiceName,
		pb.FibonacciService_ServiceDesc.ServiceName,
		pb.TestService_ServiceDesc.ServiceName,
	}
	mux.Handle(grpchealth.NewHandler(grpchealth.NewStaticChecker(services...)))
	reflector := grpcreflect.NewStaticReflector(services...)
	mux.Handle(grpcreflect.NewHandlerV1(reflector))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	return mux
}

// unary, serverStream, clientStream and bidiStream return a method's path and handler, as
// Connect's generated code does for a whole service.
func unary[Request, Response any](
	path string, method func(context.Context, *Request) (*Response, error), options connect.HandlerOption,
) (string, http.Handler) {
	return path, connect.NewUnaryHandlerSimple(path, method, options)
}

func serverStream[Request, Response any](
	path string, method func(context.Context, *Request, *connect.ServerStream[Response]) error, options connect.HandlerOption,
) (string, http.Handler) {
	return path, connect.NewServerStreamHandlerSimple(path, method, options)
}

func clientStream[Request, Response any](
	path string, method func(context.Context, *connect.ClientStream[Request]) (*Response, error), options connect.HandlerOption,
) (string, http.Handler) {
	return path, connect.NewClientStreamHandlerSimple(path, method, options)
}

func bidiStream[Request, Response any](
	path string, method func(context.Context, *connect.BidiStream[Request, Response]) error, options connect.HandlerOption,
) (string, http.Handler) {
	return path, connect.NewBidiStreamHandler(path, method, options)
}

func detect(_ context.Context, request *pb.OutliersRequest) (*pb.OutliersResponse, error) {
	values := make([]float64, len(request.GetMetrics()))
	for index, metric := range request.GetMetrics() {
		values[index] = metric.GetValue()
	}
	return &pb.OutliersResponse{Indices: outliers(values)}, nil
}

func getSequence(_ context.Context, request *pb.SequenceRequest) (*pb.SequenceResponse, error) {
	// Before anything is computed: the count may be huge.
	if err := checkCount(request.GetCount()); err != nil {
		return nil, err
	}
	response := &pb.SequenceResponse{}
	err := eachNumber(request.GetCount(), func(_, number int64) error {
		response.Element = append(response.Element, number)
		return nil
	})
	return response, err
}

func streamSequence(_ context.Context, request *pb.SequenceRequest, stream *connect.ServerStream[pb.SequenceElement]) error {
	err := eachNumber(request.GetCount(), func(position, number int64) error {
		return stream.Send(&pb.SequenceElement{Element: number, Count: position})
	})
	if err != nil {
		return err
	}
	// After the numbers that there are: the contract's FIB-3.
	return checkCount(request.GetCount())
}

func checkCount(count int64) error {
	if count > maxCount {
		return connect.NewError(connect.CodeOutOfRange,
			fmt.Errorf("count %d is more than %d: F(%d) does not fit in int64", count, maxCount, maxCount))
	}
	return nil
}

// eachNumber hands over the first count Fibonacci numbers, F(0) at least and maxCount at most,
// until one is not taken.
func eachNumber(count int64, take func(position, number int64) error) error {
	current, next := int64(0), int64(1)
	for position := range min(max(count, 1), maxCount) {
		if err := take(position, current); err != nil {
			return err
		}
		// The last addition overflows, into a next that nobody reads.
		current, next = next, current+next
	}
	return nil
}
