// The packages of ../../../go, in the versions of grpc-go's past: `go build -modfile`.
module crosswire/go

go 1.26.0

require (
	golang.org/x/net v0.28.0
	google.golang.org/grpc v1.66.0
	google.golang.org/protobuf v1.36.12
)

require (
	golang.org/x/sys v0.23.0 // indirect
	golang.org/x/text v0.17.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20240604185151-ef581f913117 // indirect
)
