package service

import (
	"context"

	"crosswire/go/internal/detector"
	"crosswire/go/pb"
)

// outliers serves pb.Outliers.
type outliers struct {
	pb.UnimplementedOutliersServer
}

func (outliers) Detect(_ context.Context, request *pb.OutliersRequest) (*pb.OutliersResponse, error) {
	values := make([]float64, len(request.GetMetrics()))
	for index, metric := range request.GetMetrics() {
		values[index] = metric.GetValue()
	}
	positions := detector.Outliers(values)

	indices := make([]int32, len(positions))
	for index, position := range positions {
		// No request within the size limit has 2³¹ metrics.
		indices[index] = int32(position)
	}
	return &pb.OutliersResponse{Indices: indices}, nil
}
