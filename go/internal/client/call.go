package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/address"
	"crosswire/go/internal/commandline"
	"crosswire/go/internal/connection"
	"crosswire/go/internal/statusname"
)

// answerLimit is how long a server may take for its whole answer: any answer of
// these services is there at once, and a person is waiting.
const answerLimit = 10 * time.Second

// chooseTarget returns the value of --addr, or the command's default. Of several
// it is the last: who repeats an option corrects it.
func chooseTarget(parsed commandline.Arguments, byDefault string) (string, error) {
	given, err := parsed.Addresses("--addr", "localhost:9999", address.Parse)
	if err != nil || len(given) == 0 {
		return byDefault, err
	}
	return given[len(given)-1], nil
}

// call connects to target, makes the call within answerLimit, and puts a status
// that is not OK into words.
func call(target string, invoke func(context.Context, grpc.ClientConnInterface) error) error {
	conn, err := connection.New(target)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()

	err = invoke(ctx, conn)
	failed, isStatus := status.FromError(err)
	if err == nil || !isStatus {
		return err
	}
	name := statusname.Of(failed.Code())
	switch failed.Code() {
	case codes.Unavailable:
		return fmt.Errorf("%s: no gRPC server answers at %s; start one, or name another with --addr", name, target)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%s: no answer within %.0f s", name, answerLimit.Seconds())
	default:
		return fmt.Errorf("%s: %s", name, failed.Message())
	}
}
