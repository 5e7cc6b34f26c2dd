package client

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/dummy"
	"crosswire/go/internal/number"
	"crosswire/go/pb"
)

func detect(parsed commandline.Arguments, stdout io.Writer) error {
	if err := parsed.Allow("--addr", "--dummy"); err != nil {
		return err
	}
	target, err := chooseTarget(parsed, "localhost:9999")
	if err != nil {
		return err
	}
	metrics, err := chooseMetrics(parsed)
	if err != nil {
		return err
	}
	return call(target, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		response, err := pb.NewOutliersClient(conn).Detect(ctx, &pb.OutliersRequest{Metrics: metrics})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "outliers at: %v\n", response.GetIndices())
		return err
	})
}

func chooseMetrics(parsed commandline.Arguments) ([]*pb.Metric, error) {
	isDummy, hasValues := parsed.Has("--dummy"), len(parsed.Values) > 0
	switch {
	case isDummy && hasValues:
		return nil, commandline.Usagef("detect: --dummy and values exclude each other")
	case isDummy:
		return dummy.Metrics()
	case hasValues:
		return metricsOf(parsed.Values)
	default:
		return nil, commandline.Usagef("detect: no values; give some, such as 1 2 100, or --dummy")
	}
}

func metricsOf(texts []string) ([]*pb.Metric, error) {
	metrics := make([]*pb.Metric, len(texts))
	for index, text := range texts {
		value, err := number.Float(text)
		if err != nil {
			return nil, err
		}
		metrics[index] = &pb.Metric{Value: value}
	}
	return metrics, nil
}
