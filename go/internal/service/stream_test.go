package service

import (
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"crosswire/go/internal/fibonacci"
	"crosswire/go/pb"
)

// hangLimit is long enough for a busy machine; only a defect takes this long.
const hangLimit = 30 * time.Second

// A heldStream's Send announces each element, and returns when it is told what.
type heldStream struct {
	grpc.ServerStreamingServer[pb.SequenceElement]
	sent   chan *pb.SequenceElement
	result chan error
}

func (s *heldStream) Send(element *pb.SequenceElement) error {
	s.sent <- element
	return <-s.result
}

// The contract's FIB-5: a reader that does not read holds the sequence up, and
// one that is gone ends it.
func TestStreamSequenceWaitsForItsReader(t *testing.T) {
	var computed atomic.Int64
	counted := func(count int64) iter.Seq2[int64, int64] {
		return func(yield func(position, number int64) bool) {
			for position, number := range fibonacci.Numbers(count) {
				computed.Add(1)
				if !yield(position, number) {
					return
				}
			}
		}
	}
	// With room for every element: one too many shows itself, and nothing hangs.
	stream := &heldStream{sent: make(chan *pb.SequenceElement, 93), result: make(chan error, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- sequences{numbers: counted}.StreamSequence(&pb.SequenceRequest{Count: 93}, stream)
	}()

	limit := time.After(hangLimit)
	for position := range int64(3) {
		select {
		case element := <-stream.sent:
			if element.GetCount() != position {
				t.Fatalf("element %v left, want number %d", element, position)
			}
		case <-limit:
			t.Fatalf("element %d did not leave", position)
		}
		if got := computed.Load(); got > position+2 {
			t.Fatalf("%d elements computed when number %d left", got, position)
		}
		if position < 2 {
			stream.result <- nil
		}
	}

	gone := errors.New("the reader is gone")
	stream.result <- gone
	close(stream.result) // A Send after that succeeds at once.
	select {
	case err := <-ended:
		if err != gone {
			t.Errorf("StreamSequence = %v, want %v", err, gone)
		}
	case <-limit:
		t.Fatal("StreamSequence did not end")
	}
	if more := len(stream.sent); more != 0 {
		t.Errorf("%d more elements left", more)
	}
}
