package service

import (
	"context"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/fibonacci"
	"crosswire/go/pb"
)

// sequences serves FibonacciService.
type sequences struct {
	pb.UnimplementedFibonacciServiceServer
	// numbers is fibonacci.Numbers, save where a test counts what is computed.
	numbers func(count int64) iter.Seq2[int64, int64]
}

func (s sequences) GetSequence(_ context.Context, request *pb.SequenceRequest) (*pb.SequenceResponse, error) {
	// Before anything is computed: the count may be huge.
	if err := checkCount(request.GetCount()); err != nil {
		return nil, err
	}
	response := &pb.SequenceResponse{}
	for _, number := range s.numbers(request.GetCount()) {
		response.Element = append(response.Element, number)
	}
	return response, nil
}

// StreamSequence computes an element when the one before it has been sent: Send
// waits while the reader's flow-control window is full.
func (s sequences) StreamSequence(request *pb.SequenceRequest, stream grpc.ServerStreamingServer[pb.SequenceElement]) error {
	for position, number := range s.numbers(request.GetCount()) {
		if err := stream.Send(&pb.SequenceElement{Element: number, Count: position}); err != nil {
			return err
		}
	}
	// After the numbers that there are: the contract's FIB-3.
	return checkCount(request.GetCount())
}

func checkCount(count int64) error {
	if count > fibonacci.MaxCount {
		return status.Errorf(codes.OutOfRange, "count %d is more than %d: F(%d) does not fit in int64",
			count, fibonacci.MaxCount, fibonacci.MaxCount)
	}
	return nil
}
