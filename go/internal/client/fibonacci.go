package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/number"
	"crosswire/go/pb"
)

func sequence(parsed commandline.Arguments, stdout io.Writer) error {
	target, count, err := targetAndCount(parsed, "sequence")
	if err != nil {
		return err
	}
	return call(target, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		response, err := pb.NewFibonacciServiceClient(conn).GetSequence(ctx, &pb.SequenceRequest{Count: count})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "sequence: %v\n", response.GetElement())
		return err
	})
}

// stream prints each element as it arrives: stdout is not buffered.
func stream(parsed commandline.Arguments, stdout io.Writer) error {
	target, count, err := targetAndCount(parsed, "stream")
	if err != nil {
		return err
	}
	return call(target, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		elements, err := pb.NewFibonacciServiceClient(conn).StreamSequence(ctx, &pb.SequenceRequest{Count: count})
		if err != nil {
			return err
		}
		for {
			element, err := elements.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(stdout, "F(%d) = %d\n", element.GetCount(), element.GetElement()); err != nil {
				return err
			}
		}
	})
}

func targetAndCount(parsed commandline.Arguments, command string) (string, int64, error) {
	if err := parsed.Allow("--addr"); err != nil {
		return "", 0, err
	}
	target, err := chooseTarget(parsed, "localhost:50051")
	if err != nil {
		return "", 0, err
	}
	switch len(parsed.Values) {
	case 0:
		return "", 0, commandline.Usagef("%s: no count; give a whole number, such as 10", command)
	case 1:
	default:
		return "", 0, commandline.Usagef("%s: one count only", command)
	}
	count, err := number.Count(parsed.Values[0])
	return target, count, err
}
